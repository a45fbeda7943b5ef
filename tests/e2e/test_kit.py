"""The kit, as an administrator brings it to a cluster that enforces roles: what it promises, the pipeline under it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gotk.git.objects import seed
from gotk.git.serving.server import GitServer
from gotk.kube import config
from gotk.kube.client import Client
from gotk.oci.registry.server import RegistryServer
from gotk.oci.registry.storage import Storage
from image_automation.app import embedded, leadership, service
from tests.conformance.helm import Helm
from tests.deploy.test_chart import CHART
from tests.e2e.stage import Stage
from tests.e2e.test_pipeline import FILES, OBJECTS
from tests.e2e.test_replicas import image_of
from tests.e2e.test_rights import KIT, as_the_service, push, settings

needs_helm = pytest.mark.skipif(Helm.path is None, reason="there is no helm here")


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to bring the kit to a cluster: a command of kubectl or helm, and what is to come of it."""

    command: str
    replicas: int = 1
    namespace: str = "flux-system"
    #: Where the repository's Deployment goes; a service of one namespace may go nowhere else.
    workloads: str = "apps"

    async def bring(self, stage: Stage) -> None:
        program, _, arguments = self.command.partition(" ")
        if program == "helm":
            helm = Helm(stage.kubeconfig, stage.home / "helm")
            await helm(f"{arguments} --namespace {self.namespace} --create-namespace --wait --timeout 60s")
        else:
            await stage.kubectl(*arguments.split())
            await stage.kubectl(
                "rollout", "status", "-n", self.namespace, "deployment/image-automation", "--timeout=60s"
            )

    def files(self, registry: str) -> dict[str, str]:
        files = {name: text.replace("REGISTRY", registry) for name, text in FILES.items()}
        if self.workloads == "apps":
            return files
        _, web = files["apps/web.yaml"].split("---\n")
        return {
            "apps/kustomization.yaml": f"resources: [web.yaml]\nnamespace: {self.workloads}\n",
            "apps/web.yaml": web.replace("flux-system:web", f"{self.namespace}:web"),
        }

    def objects(self, registry: str, git: str) -> str:
        found = OBJECTS.replace("REGISTRY", registry).replace("URL", git).replace(", secretRef: {name: fleet}", "")
        return found.replace("namespace: flux-system", f"namespace: {self.namespace}")


WAYS = [
    pytest.param(
        Way(command=f"kubectl apply --server-side -k {KIT / 'overlays' / 'high-availability'}", replicas=3),
        id="kubectl, three replicas",
    ),
    pytest.param(
        Way(command=f"helm install image-automation {CHART} --set replicas=2", replicas=2),
        id="helm, two replicas", marks=[pytest.mark.real, needs_helm],
    ),
    pytest.param(
        Way(
            command=f"helm install image-automation {CHART} --set watchAllNamespaces=false", namespace="team",
            workloads="team",
        ),
        id="helm, one namespace", marks=[pytest.mark.real, needs_helm],
    ),
]  # fmt: skip


@contextlib.asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Stage]:
    features = embedded.Features(authorization_mode="RBAC", simulate_workloads=True, trace=folder / "trace.jsonl")
    async with (
        embedded.control_plane(folder / "plane", features) as up,
        Client(await config.from_kubeconfig([up.kubeconfig])) as client,
    ):
        yield Stage(client=client, kubeconfig=up.kubeconfig, home=folder)


@pytest.mark.parametrize("way", WAYS)
async def test_the_kit_comes_up_and_a_tag_travels_under_its_account(way: Way, tmp_path: Path) -> None:
    async with cluster(tmp_path) as stage, RegistryServer(Storage()) as registry:
        await way.bring(stage)
        deployment = await stage.client.get_object("apps/v1", "Deployment", way.namespace, "image-automation")
        assert deployment["status"]["readyReplicas"] == way.replicas
        pods = await stage.client.list_objects("v1", "Pod", way.namespace)
        leader = str(pods[0]["metadata"]["name"])
        with GitServer(tmp_path / "git") as git:
            seed.seed(tmp_path / "git" / "fleet.git", way.files(registry.address))
            await push(registry.address, "1.0.1")
            await stage.apply(way.objects(registry.address, git.url("fleet.git")))
            address = await as_the_service(stage, tmp_path, namespace=way.namespace)
            async with service.beside(started_as(way, leader, tmp_path), address):
                wanted = f"{registry.address}/team/web:1.0.1"
                await stage.until("apps/v1", "Deployment", way.workloads, "web", lambda obj: image_of(obj) == wanted)
                await lead_to(stage, way.namespace, leader)
    noted = [json.loads(line) for line in (tmp_path / "trace.jsonl").read_text().splitlines()]
    assert [each for each in noted if each["status"] == 403] == []


def started_as(way: Way, pod: str, folder: Path) -> Any:
    """Return what the kit's arguments say, for a pod of it."""
    found = settings(folder)
    return replace(
        found,
        pod=leadership.Pod(namespace=way.namespace, name=pod),
        election=replace(found.election, namespace=way.namespace) if found.election else None,
        namespace=way.namespace,
        watch_namespace=way.namespace if way.workloads == way.namespace else "",
    )


async def lead_to(stage: Stage, namespace: str, pod: str) -> None:
    """See the kit's Services lead to the leader alone, also where other replicas are ready."""
    wanted = {name: [pod] for name in ("image-automation", "webhook-receiver", "notification-controller")}
    behind: dict[str, list[str]] = {}
    async with asyncio.timeout(30):
        async for _, found in stage.client.watch_objects("discovery.k8s.io/v1", "EndpointSlice", namespace):
            names = [each["targetRef"]["name"] for each in found.get("endpoints") or ()]
            behind[found["metadata"]["labels"]["kubernetes.io/service-name"]] = names
            if behind == wanted:
                return


async def test_the_clusters_roles_reach_the_kinds_of_the_kit(tmp_path: Path) -> None:
    """`view` reads, `edit` writes, and neither does in another namespace."""
    async with cluster(tmp_path) as stage:
        await stage.kubectl("apply", "--server-side", "-k", str(KIT / "overlays" / "multi-tenant"))
        await stage.kubectl("create", "namespace", "team")
        for role in ("view", "edit"):
            await stage.kubectl(
                "create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}er", "-n", "team"
            )
        answers = {
            (user, verb, namespace): await may(stage, user, verb, namespace)
            for user in ("viewer", "editer")
            for verb, namespace in (("get", "team"), ("create", "team"), ("get", "default"))
        }
    assert answers == {
        ("viewer", "get", "team"): True,
        ("viewer", "create", "team"): False,
        ("viewer", "get", "default"): False,
        ("editer", "get", "team"): True,
        ("editer", "create", "team"): True,
        ("editer", "get", "default"): False,
    }


async def may(stage: Stage, user: str, verb: str, namespace: str) -> bool:
    arguments = ("auth", "can-i", verb, "kustomizations.kustomize.toolkit.fluxcd.io", "--as", user, "-n", namespace)
    try:
        return (await stage.kubectl(*arguments)).strip() == "yes"
    except AssertionError:
        assert (await stage.kubectl(*arguments, fails=True)).strip() == "no"
        return False
