"""A small world for Kustomizations: a real control plane, a source of archives, a reconciler between them."""

import dataclasses
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import yaml
from aiohttp import web

from deploy import crds
from deploy.cluster import ports
from deploy.cluster.clusters import TargetClusters
from deploy.cluster.remotes import Remotes
from deploy.cluster.trial import USUAL
from deploy.kustomize.building import assembly, build, source
from deploy.kustomize.building.bases.fetching import NoRemoteBases
from deploy.kustomize.building.bases.remote import Remote
from deploy.kustomize.decryption import sops
from deploy.kustomize.decryption.keyring import Keyring
from deploy.kustomize.decryption.services import NoServices
from deploy.kustomize.decryption.sops import Sops
from deploy.kustomize.kustomization import KustomizationReconciler
from deploy.kustomize.policy import Policy
from deploy.source import download, fetch
from gotk.api import scheme
from gotk.api.kustomize import Kustomization
from gotk.api.meta import Object
from gotk.api.source import GitRepository, Source
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
from gotk.runtime.clock import Clock, SystemClock
from gotk.sandbox.confinement import Confinement
from tests.deploy.kustomize import sources
from tests.running import Ended, FakeRun, run_once

#: What Flux decides where nobody says otherwise.
POLICY = Policy(
    requeue_dependency=30.0,
    no_cross_namespace_refs=False,
    additive_expressions=False,
    fail_fast=True,
    cancel_health_checks=False,
    direct_source_fetch=False,
    external_artifacts=True,
    manner=USUAL,
    workload_advice="",
)
#: Namespace and name of the Secret with age keys for Kustomizations that name none.
AGE_SECRET = ("flux-system", "sops-age")


class Objects:
    """The cache of watched kinds, filled by hand."""

    def __init__(self) -> None:
        self.held: list[Object] = []

    def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        found = (o for o in self.held if isinstance(o, kind))
        return next((o for o in found if (o.metadata.namespace, o.metadata.name) == (namespace, name)), None)

    def list(self, kind: type[Any], namespace: str | None = None) -> Sequence[Any]:
        return [o for o in self.held if isinstance(o, kind) and namespace in (None, o.metadata.namespace)]


class Bases:
    """Remote bases that are at hand, by their address; others are refused."""

    def __init__(self, root: Path) -> None:
        self.held: dict[str, Mapping[str, str]] = {}
        self._root = root

    def refusal(self, remote: Remote) -> str:
        return "" if remote.url in self.held else NoRemoteBases().refusal(remote)

    async def fetch(self, remote: Remote, *, timeout: float) -> source.Source:
        return source.Directory(sources.write(self._root / remote.place, self.held[remote.url]))


class World:
    """What a test looks at and acts on."""

    def __init__(self, client: Client, scratch: Path, transport: Transport, limiter: Limiter) -> None:
        self.client = client
        self.objects = Objects()
        self.archives: dict[str, bytes] = {}
        self.downloads = 0
        self.workload_advice = ""
        self.url = ""
        self.kubeconfig = Path()
        self.scratch = scratch
        self.limiter = limiter
        self.bases = Bases(scratch.parent / "bases")
        clock = SystemClock()
        downloads = download.Downloads(transport=transport, clock=clock, limiter=limiter, retries=5, each=None)
        self.trees = fetch.Trees(downloads=downloads, limiter=limiter, scratch=scratch, capacity=8)
        builder = build.Builder(
            command=build.find_command(),
            limiter=limiter,
            scratch=scratch,
            confine=Confinement.command,
            fetches=self.bases,
        )
        keyring = Keyring(
            objects=client,
            sops=Sops(find=sops.find_command, scratch=scratch, confine=Confinement.command, opens=NoServices()),
            age_secret=AGE_SECRET,
            workload_identity=False,
            default_account="",
        )
        self.assembler = assembly.Assembler(
            trees=self.trees, builder=builder, client=client, keyring=keyring, limiter=limiter, strict=True
        )
        identities = Identities(
            cluster=client, cache=TokenCache(now=time.time), workload_identity=True, default_account=""
        )
        self.remotes = Remotes(
            objects=client,
            logins=ClusterLogins({}, identities, own_token=scratch / "token"),
            connect=Client,
            insecure_tls=False,
        )
        self.cel = Evaluator(clock=SystemClock())
        self.reconciler = self.reconciler_for(client)

    def reconciler_for(
        self, cluster: ports.Impersonating, *, default_account: str = "", clock: Clock | None = None, **policy: Any
    ) -> KustomizationReconciler:
        """Make a reconciler that applies to a cluster; `policy` is what the operator decides otherwise than Flux."""
        return KustomizationReconciler(
            objects=self.objects,
            client=cluster,
            clusters=TargetClusters(cluster, remotes=self.remotes, default_account=default_account),
            assembler=self.assembler,
            expressions=self.cel,
            clock=clock or SystemClock(),
            policy=dataclasses.replace(POLICY, workload_advice=self.workload_advice, **policy),
        )

    async def serve(self, request: web.Request) -> web.Response:
        self.downloads += 1
        body = self.archives.get(request.match_info["name"])
        return web.Response(body=body) if body is not None else web.Response(status=404)

    def publish(
        self, files: Mapping[str, str], revision: str = "main@sha1:1", *, kind: type[Source] = GitRepository
    ) -> None:
        """Publish an archive as the artifact of the source `src`."""
        body = sources.archive(files)
        digest = sources.digest(body)
        name = f"{digest.removeprefix('sha256:')}.tar.gz"
        self.archives[name] = body
        found = {
            "digest": digest,
            "path": name,
            "url": f"{self.url}/{name}",
            "revision": revision,
            "lastUpdateTime": "2026-01-01T00:00:00Z",
        }
        plain = {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": kind.__name__,
            "metadata": {"name": "src", "namespace": "default"},
            "spec": {"url": "https://example.com/x", "interval": "1m"} if kind is GitRepository else {},
            "status": {"artifact": found},
        }
        self.objects.held = [o for o in self.objects.held if not isinstance(o, kind)]
        self.objects.held.append(scheme.convert(plain, kind))

    async def reconcile(self, obj: Kustomization) -> Ended[Kustomization]:
        """Run the reconciler once."""
        return await run_once(self.reconciler, obj)

    async def finalize(self, obj: Kustomization) -> FakeRun[Any]:
        """Let a Kustomization go."""
        run: FakeRun[Any] = FakeRun(obj)
        await self.reconciler.finalize(obj, run)
        return run

    async def get(self, kind: str, name: str, *, namespace: str = "default", api_version: str = "v1") -> Any:
        """Return an object of the cluster, or None."""
        try:
            return await self.client.get_object(api_version, kind, namespace, name)
        except NotFound:
            return None

    async def create(self, text: str, *, field_manager: str = "someone") -> None:
        """Create the objects of a manifest."""
        for obj in yaml.safe_load_all(text):
            await self.client.create_object(obj, field_manager=field_manager)


@asynccontextmanager
async def new(directory: Path, *, authorization_mode: str = ALWAYS_ALLOW) -> AsyncIterator[World]:
    """Make a world."""
    async with AsyncExitStack() as stack:
        plane = await stack.enter_async_context(
            ControlPlane(directory / "plane", crds=crds.load(), authorization_mode=authorization_mode)
        )
        client = await stack.enter_async_context(Client(await from_kubeconfig([plane.kubeconfig])))
        transport = await stack.enter_async_context(Transport())
        limiter = stack.enter_context(Limiter(width=2))
        scratch = directory / "scratch"
        scratch.mkdir()
        world = World(client, scratch, transport, limiter)
        world.kubeconfig = plane.kubeconfig
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


def again(ended: Ended[Kustomization], **spec: Any) -> Kustomization:
    """Return the object as a run has left it, with fields of its spec changed."""
    obj = ended.obj
    if not spec:
        return obj
    plain = scheme.to_builtins(obj.spec) | spec
    fresh = sources.kustomization(obj.metadata.name, namespace=obj.metadata.namespace, **plain)
    metadata = msgspec.structs.replace(obj.metadata, generation=obj.metadata.generation + 1)
    return msgspec.structs.replace(fresh, metadata=metadata, status=obj.status)
