"""A small world for HelmReleases: a control plane that simulates workloads, charts served over HTTP, a reconciler."""

import dataclasses
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml
from aiohttp import web

from deploy import crds
from deploy.cluster import wait
from deploy.cluster.apply import Applier
from deploy.cluster.clusters import TargetClusters
from deploy.cluster.remotes import Remotes
from deploy.cluster.trial import USUAL
from deploy.helm.charts import Charts
from deploy.helm.helm_release import HelmReleaseReconciler
from deploy.helm.making import Maker
from deploy.helm.policy import Policy
from deploy.helm.prerequisites import Prerequisites
from deploy.helm.releases import Releases
from deploy.helm.rendering.post import PostRenderer
from deploy.helm.rendering.render import Renderer
from deploy.helm.template import Templates
from deploy.kustomize.building import build
from deploy.kustomize.building.bases.fetching import NoRemoteBases
from deploy.source import download
from deploy.source.fetch import Archives
from gotk.api import scheme
from gotk.api.helm import HelmRelease
from gotk.api.source import HelmChart
from gotk.apiserver import ALWAYS_ALLOW, ControlPlane
from gotk.cel.evaluator import Evaluator
from gotk.cloud.cache import TokenCache
from gotk.cloud.clusters.access import ClusterLogins
from gotk.cloud.identity import Identities
from gotk.http.transport import Transport
from gotk.kube.client import Client
from gotk.kube.config import from_kubeconfig
from gotk.kube.errors import NotFound
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import SystemClock
from gotk.runtime.reconciler import Woken
from gotk.sandbox.confinement import Confinement
from tests.conformance.helm import Helm
from tests.deploy.helm.objects import helm_release
from tests.deploy.kustomize.sources import digest
from tests.running import Ended, FakeRun, run_once

#: What Flux decides where nobody says otherwise.
POLICY = Policy(
    requeue_dependency=30.0,
    no_cross_namespace_refs=False,
    additive_expressions=False,
    cancel_health_checks=False,
    direct_source_fetch=False,
    external_artifacts=False,
    digest_algorithm="sha256",
    helm_3_defaults=False,
)


class Objects:
    """The cache of watched kinds, filled by hand."""

    def __init__(self) -> None:
        self.held: list[HelmChart] = []

    def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        named = (each for each in self.held if isinstance(each, kind))
        return next((o for o in named if (o.metadata.namespace, o.metadata.name) == (namespace, name)), None)

    def list(self, kind: type[Any], namespace: str | None = None) -> Sequence[Any]:
        return [each for each in self.held if isinstance(each, kind)]


class World:
    """What a test looks at and acts on. Every release is of the HelmChart `default/web`."""

    def __init__(self, client: Client, kubeconfig: Path, scratch: Path, transport: Transport, limiter: Limiter) -> None:
        self.client = client
        self.kubeconfig = kubeconfig
        self.objects = Objects()
        self.archives: dict[str, bytes] = {}
        self.url = ""
        #: Every command line of helm that was started.
        self.started: list[Sequence[str]] = []
        clock = SystemClock()
        builder = build.Builder(
            command=build.find_command(), limiter=limiter, scratch=scratch, confine=Confinement.command,
            fetches=NoRemoteBases(),
        )  # fmt: skip
        renderer = Renderer(command=str(Helm.path), limiter=limiter, scratch=scratch, confine=self._confine, dns=False)
        self._releases = Releases(
            maker=Maker(renderer=renderer, post=PostRenderer(builder=builder, limiter=limiter, scratch=scratch)),
            applier=Applier(clock=clock, waiter=wait.Waiter(clock=clock), manner=USUAL),
            limiter=limiter,
            clock=clock,
            default_to_retry=False,
        )
        downloads = download.Downloads(transport=transport, clock=clock, limiter=limiter, retries=0, each=None)
        archives = Archives(downloads=downloads, limiter=limiter, scratch=scratch, capacity=4)
        self._charts = Charts(archives=archives, limiter=limiter, plain_versions=False, patience=60)
        identities = Identities(
            cluster=client, cache=TokenCache(now=time.time), workload_identity=False, default_account=""
        )
        logins = ClusterLogins({}, identities, own_token=scratch / "token")
        self.remotes = Remotes(objects=client, logins=logins, connect=Client, insecure_tls=False)
        self.cel = Evaluator(clock=clock)
        self.reconciler = self.reconciler_for()

    def _confine(self, confinement: Confinement, words: Sequence[str]) -> Sequence[str]:
        self.started.append(words)
        return confinement.command(words)

    def reconciler_for(self, **policy: Any) -> HelmReleaseReconciler:
        """Make a reconciler; `policy` is what the operator decides otherwise than Flux."""
        decided = dataclasses.replace(POLICY, **policy)
        return HelmReleaseReconciler(
            prerequisites=Prerequisites(objects=self.objects, client=self.client, expressions=self.cel, policy=decided),
            templates=Templates(objects=self.objects, client=self.client, no_cross_namespace_refs=False),
            client=self.client,
            clusters=TargetClusters(self.client, remotes=self.remotes, default_account=""),
            charts=self._charts,
            releases=self._releases,
            expressions=self.cel,
            policy=decided,
        )

    async def serve(self, request: web.Request) -> web.Response:
        body = self.archives.get(request.match_info["name"])
        return web.Response(body=body) if body is not None else web.Response(status=404)

    def publish(self, packed: bytes, revision: str = "1.0.0", *, name: str = "web") -> None:
        """Publish a packaged chart as the artifact of a HelmChart."""
        found = digest(packed)
        path = f"{found.removeprefix('sha256:')}.tgz"
        self.archives[path] = packed
        artifact = {
            "digest": found, "path": path, "url": f"{self.url}/{path}", "revision": revision, "lastUpdateTime": "",
        }  # fmt: skip
        plain = {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "HelmChart",
            "metadata": {"name": name, "namespace": "default", "generation": 1},
            "spec": {"chart": "web", "interval": "1m", "sourceRef": {"kind": "HelmRepository", "name": "charts"}},
            "status": {"artifact": artifact, "observedGeneration": 1, "conditions": []},
        }
        others = [each for each in self.objects.held if each.metadata.name != name]
        self.objects.held = [*others, scheme.convert(plain, HelmChart)]

    async def reconcile(self, obj: HelmRelease, *, woken: Woken | None = None) -> Ended[HelmRelease]:
        """Run the reconciler once; `woken` tells it that it is asked for again meanwhile."""
        return await run_once(self.reconciler, obj, woken=woken)

    async def finalize(self, obj: HelmRelease) -> FakeRun[Any]:
        """Let a HelmRelease go."""
        run: FakeRun[Any] = FakeRun(obj)
        await self.reconciler.finalize(obj, run)
        return run

    async def get(self, kind: str, name: str, *, namespace: str = "default", api_version: str = "v1") -> Any:
        """Return an object of the cluster, or None."""
        return await found(self.client, kind, name, namespace=namespace, api_version=api_version)

    async def create(self, text: str) -> None:
        """Create the objects of a manifest."""
        for obj in yaml.safe_load_all(text):
            await self.client.create_object(obj, field_manager="someone")

    async def stored(self, name: str = "web", namespace: str = "default") -> dict[int, str]:
        """Return the statuses of a release's revisions, as helm's storage has them."""
        secrets = await self.client.list_objects("v1", "Secret", namespace, labels=f"owner=helm,name={name}")
        labels = [each["metadata"]["labels"] for each in secrets]
        return {int(each["version"]): each["status"] for each in labels}


def release(name: str = "web", *, namespace: str = "default", **spec: Any) -> HelmRelease:
    """Make a HelmRelease of the HelmChart."""
    given = {"chart": None, "chartRef": {"kind": "HelmChart", "name": "web", "namespace": "default"}, "timeout": "10s"}
    return helm_release({**given, **spec}, name=name, namespace=namespace, uid=name)


def again(ended: Ended[HelmRelease], **spec: Any) -> HelmRelease:
    """Return the object as a run has left it, with fields of its spec changed."""
    obj = ended.obj
    if not spec:
        return obj
    metadata = obj.metadata
    fresh = release(metadata.name, namespace=metadata.namespace, **(scheme.to_builtins(obj.spec) | spec))
    return msgspec.structs.replace(
        fresh, metadata=msgspec.structs.replace(metadata, generation=metadata.generation + 1), status=obj.status
    )


async def found(
    client: Client, kind: str, name: str, *, namespace: str = "default", api_version: str = "v1"
) -> dict[str, Any] | None:
    """Return an object, or None."""
    try:
        return await client.get_object(api_version, kind, namespace, name)
    except NotFound:
        return None


@asynccontextmanager
async def new(directory: Path, *, authorization_mode: str = ALWAYS_ALLOW) -> AsyncIterator[World]:
    """Make a world."""
    async with AsyncExitStack() as stack:
        plane = await stack.enter_async_context(
            ControlPlane(directory / "plane", crds=crds.load(), simulate=0.02, authorization_mode=authorization_mode)
        )
        client = await stack.enter_async_context(Client(await from_kubeconfig([plane.kubeconfig])))
        transport = await stack.enter_async_context(Transport())
        limiter = stack.enter_context(Limiter(width=2))
        scratch = directory / "scratch"
        scratch.mkdir()
        world = World(client, plane.kubeconfig, scratch, transport, limiter)
        await stack.enter_async_context(world.remotes)
        await stack.enter_async_context(world.cel)
        app = web.Application()
        app.router.add_get("/{name}", world.serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        world.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield world
