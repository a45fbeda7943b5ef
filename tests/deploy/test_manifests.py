"""The kit: every overlay builds, a control plane takes it without a complaint, and what it promises is in it."""

import asyncio
import functools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import deploy.crds
from deploy import manifests
from deploy.installation import removal
from deploy.source.charts import indexing
from gotk.kube import config
from gotk.kube.client import Client
from image_automation.app import embedded, leadership
from image_automation.cli.verbs import version

ROOT = Path(__file__).parents[2]
KIT = ROOT / "deploy" / "manifests"
OVERLAYS = ("all", "image", "high-availability", "multi-tenant", "sharded")
_KUBECTL = str(Path(sys.executable).parent / "kubectl")


def build(overlay: str) -> list[dict[str, Any]]:
    return list(yaml.load_all(built(overlay), Loader=yaml.CSafeLoader))


@functools.cache
def built(overlay: str) -> str:
    command = [_KUBECTL, "kustomize", str(KIT / "overlays" / overlay)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def pod_of(deployment: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return found


def test_every_definition_is_in_the_kit() -> None:
    listed = yaml.safe_load((ROOT / "deploy" / "crds" / "kustomization.yaml").read_text())["resources"]
    files = {path.name for path in (ROOT / "deploy" / "crds").glob("*.yaml")} - {"kustomization.yaml"}
    assert sorted(files) == listed
    assert len(deploy.crds.load()) == len(files)


def test_every_overlay_can_be_installed() -> None:
    folders = {path.parent.name for path in (KIT / "overlays").glob("*/kustomization.yaml")}
    assert set(OVERLAYS) == manifests.OVERLAYS.keys() == folders


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_uninstall_finds_every_object(overlay: str) -> None:
    wanted = dict(pair.split("=") for pair in removal.labels("flux-system").split(","))
    objects = [each for each in build(overlay) if each["kind"] not in {"CustomResourceDefinition", "Namespace"}]
    assert [each for each in objects if not wanted.items() <= each["metadata"]["labels"].items()] == []
    assert {each["kind"] for each in objects} <= {kind for _, kind in removal.KINDS}


@pytest.mark.parametrize("overlay", OVERLAYS)
async def test_a_control_plane_takes_an_overlay_as_it_is(overlay: str, tmp_path: Path) -> None:
    objects = build(overlay)
    async with (
        embedded.control_plane(tmp_path / "plane", embedded.Features(authorization_mode="RBAC")) as plane,
        Client(await config.from_kubeconfig([plane.kubeconfig])) as client,
    ):
        process = await asyncio.create_subprocess_exec(
            _KUBECTL, "--kubeconfig", str(plane.kubeconfig), "apply", "--server-side", "--validate=strict", "-f", "-",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={"HOME": str(tmp_path)},
        )  # fmt: skip
        printed, _ = await process.communicate(built(overlay).encode())
        assert process.returncode == 0, printed.decode()
        assert b"Warning" not in printed
        for name in of_kind(objects, "Deployment"):
            assert await client.get_object("apps/v1", "Deployment", "flux-system", name)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_as_restricted_as_pod_security_asks(overlay: str) -> None:
    for deployment in of_kind(build(overlay), "Deployment").values():
        pod = pod_of(deployment)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["image"] == f"image-automation:{version.program()}"


def test_a_child_that_takes_all_it_may_does_not_end_the_pod() -> None:
    limit = pod_of(of_kind(build("all"), "Deployment")["image-automation"])["containers"][0]["resources"]["limits"]
    assert limit == {"memory": "1Gi"}
    confined = indexing.confinement("index.yaml", "index.json")
    assert confined.memory <= (1 << 30) * 3 // 4, "what is left is for the service itself"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_lead_to_the_leader_of_their_own_workload(overlay: str) -> None:
    objects = build(overlay)
    workloads = {each["spec"]["selector"]["matchLabels"]["app"] for each in of_kind(objects, "Deployment").values()}
    for service in of_kind(objects, "Service").values():
        selector = service["spec"]["selector"]
        assert selector[leadership.LABEL] == "true"
        assert selector["app"] in workloads


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_within_the_network_policies_and_the_disruption_budget(overlay: str) -> None:
    objects = build(overlay)
    wanted = [each["spec"]["podSelector"] for each in of_kind(objects, "NetworkPolicy").values()]
    wanted += [each["spec"]["selector"] for each in of_kind(objects, "PodDisruptionBudget").values()]
    assert len(wanted) == 3
    for deployment in of_kind(objects, "Deployment").values():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert all(each["matchLabels"].items() <= labels.items() for each in wanted)


def test_the_image_kinds_alone_leave_the_rest_to_flux() -> None:
    objects = build("image")
    assert {name.partition(".")[2] for name in of_kind(objects, "CustomResourceDefinition")} == {
        "image.toolkit.fluxcd.io"
    }
    assert of_kind(objects, "Service") == {}
    arguments = pod_of(of_kind(objects, "Deployment")["image-automation"])["containers"][0]["args"]
    assert "--controllers=imagerepository,imagepolicy,imageupdateautomation" in arguments
    bound = {each["roleRef"]["name"] for each in of_kind(objects, "ClusterRoleBinding").values()}
    assert bound == {"image-automation-image"}


def test_tenants_get_no_rights_but_those_of_their_accounts() -> None:
    objects = build("multi-tenant")
    bound = {each["roleRef"]["name"] for each in of_kind(objects, "ClusterRoleBinding").values()}
    assert bound == {"image-automation-image", "image-automation-deploy", "image-automation-impersonation"}
    arguments = pod_of(of_kind(objects, "Deployment")["image-automation"])["containers"][0]["args"]
    assert {"--default-service-account=default", "--no-cross-namespace-refs"} <= set(arguments)


def test_shards_cover_every_object_once() -> None:
    deployments = of_kind(build("sharded"), "Deployment")
    selectors = {
        name: [each for each in pod_of(found)["containers"][0]["args"] if each.startswith("--watch-label-selector=")]
        for name, found in deployments.items()
    }
    assert selectors == {
        "image-automation": ["--watch-label-selector=!sharding.fluxcd.io/key"],
        "image-automation-shard1": ["--watch-label-selector=sharding.fluxcd.io/key=shard1"],
    }


def test_three_replicas_spread_over_nodes_and_follow_a_dead_leader_soon() -> None:
    deployment = of_kind(build("high-availability"), "Deployment")["image-automation"]
    assert deployment["spec"]["replicas"] == 3
    assert pod_of(deployment)["topologySpreadConstraints"][0]["topologyKey"] == "kubernetes.io/hostname"
    arguments = pod_of(deployment)["containers"][0]["args"]
    assert {"--enable-leader-election", "--leader-election-lease-duration=15s"} <= set(arguments)
