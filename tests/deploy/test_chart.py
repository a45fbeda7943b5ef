"""The Helm chart renders what the kustomize kit has, and refuses values that make no sense."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gotk.kube import config
from gotk.kube.client import Client
from image_automation.app import embedded
from tests.conformance.helm import Helm
from tests.deploy.test_manifests import ROOT, build

CHART = ROOT / "deploy" / "charts" / "image-automation"
pytestmark = [pytest.mark.real, pytest.mark.skipif(Helm.path is None, reason="there is no helm here")]
SPREAD = [
    {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": "image-automation"}},
    }
]
#: The values that make of the chart what an overlay is.
OVERLAYS: dict[str, dict[str, Any]] = {
    "all": {},
    "image": {"mode": "image"},
    "multi-tenant": {
        "rights": {"clusterAdmin": False, "impersonation": True},
        "extraArgs": ["--no-cross-namespace-refs"],
    },
    "high-availability": {
        "replicas": 3,
        "leaderElection": {"leaseDuration": "15s", "renewDeadline": "10s", "retryPeriod": "2s"},
        "topologySpreadConstraints": SPREAD,
    },
}


def render(
    folder: Path,
    values: dict[str, Any],
    *,
    release: str = "image-automation",
    namespace: str = "flux-system",
    fails: bool = False,
) -> str:
    file = folder / "values.yaml"
    file.write_text(json.dumps(values))
    command = [str(Helm.path), "template", release, str(CHART), "--namespace", namespace, "--values", str(file)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else done.stdout


def objects(documents: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return objects by kind and name, without what a chart does not render; the order of arguments is no matter."""
    found = {
        (each["kind"], each["metadata"]["name"]): each
        for each in documents
        if each and each["kind"] not in {"Namespace", "CustomResourceDefinition"}
    }
    for (kind, _), each in found.items():
        if kind == "Deployment":
            container = each["spec"]["template"]["spec"]["containers"][0]
            container["args"] = sorted(container["args"])
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_chart_renders_what_the_overlay_has(overlay: str, tmp_path: Path) -> None:
    rendered = objects(list(yaml.load_all(render(tmp_path, OVERLAYS[overlay]), yaml.CSafeLoader)))
    assert rendered == objects(build(overlay))


def test_the_definitions_are_those_of_the_kit() -> None:
    files = {path.name for path in (ROOT / "deploy" / "crds").glob("*.yaml")} - {"kustomization.yaml"}
    assert {path.name for path in (CHART / "crds").iterdir()} == files
    assert all((CHART / "crds" / name).read_bytes() == (ROOT / "deploy" / "crds" / name).read_bytes() for name in files)


def test_two_releases_share_no_object_of_the_cluster(tmp_path: Path) -> None:
    values = {"watchLabelSelector": "sharding.fluxcd.io/key=shard1", "rights": {"aggregate": False}}
    first, second = (
        objects(list(yaml.safe_load_all(render(tmp_path, values, release=release))))
        for release in ("image-automation", "image-automation-shard1")
    )
    shared = {("Service", "webhook-receiver"), ("Service", "notification-controller")}
    assert first.keys() & second.keys() <= shared


def test_a_volume_that_stays_is_claimed_and_never_held_by_two_pods(tmp_path: Path) -> None:
    values = {"persistence": {"enabled": True, "storageClass": "fast"}}
    rendered = objects(list(yaml.safe_load_all(render(tmp_path, values))))
    deployment = rendered["Deployment", "image-automation"]["spec"]
    assert deployment["strategy"] == {"type": "Recreate"}
    claim = rendered["PersistentVolumeClaim", "image-automation"]["spec"]
    assert claim["storageClassName"] == "fast"


def test_the_files_of_the_guide_s_example_are_mounted(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "guide" / "kustomizations.md").read_text()
    (example,) = re.findall(r"^```yaml\n(extraArgs:.*?)^```", page, re.MULTILINE | re.DOTALL)
    rendered = objects(list(yaml.safe_load_all(render(tmp_path, yaml.safe_load(example)))))
    pod = rendered["Deployment", "image-automation"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert {"name": "bases", "mountPath": "/etc/bases", "readOnly": True} in container["volumeMounts"]
    assert {"name": "bases", "secret": {"secretName": "remote-bases", "defaultMode": 0o440}} in pod["volumes"]
    assert "--remote-bases-identity=/etc/bases/identity" in container["args"]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"mode": "everything"}, id="a mode that there is not"),
        pytest.param({"replica": 3}, id="a misspelt name"),
        pytest.param({"leaderElection": {"leaseDuration": "15"}}, id="a duration without its unit"),
        pytest.param({"image": {"digest": "sha256:short"}}, id="a digest that is none"),
    ],
)
def test_values_that_make_no_sense_are_refused(values: dict[str, Any], tmp_path: Path) -> None:
    assert "values don't meet the specifications of the schema" in render(tmp_path, values, fails=True)


async def test_helm_installs_upgrades_and_removes_it(tmp_path: Path) -> None:
    features = embedded.Features(authorization_mode="RBAC", simulate_workloads=True)
    async with (
        embedded.control_plane(tmp_path / "plane", features) as plane,
        Client(await config.from_kubeconfig([plane.kubeconfig])) as client,
    ):
        helm = Helm(plane.kubeconfig, tmp_path / "home")
        where = "--namespace flux-system --create-namespace --wait --timeout 30s"
        assert "STATUS: deployed" in await helm(f"install image-automation {CHART} {where}")
        await helm(f"upgrade image-automation {CHART} {where} --set replicas=2")
        deployment = await client.get_object("apps/v1", "Deployment", "flux-system", "image-automation")
        assert deployment["status"]["readyReplicas"] == 2
        await helm("uninstall image-automation --namespace flux-system --wait --timeout 30s")
        assert await client.list_objects("apps/v1", "Deployment", "flux-system") == []
        definition = "imagepolicies.image.toolkit.fluxcd.io"
        assert await client.get_object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", definition)
