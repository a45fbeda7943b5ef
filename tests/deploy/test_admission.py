"""What the cluster refuses before a controller sees it, because our definitions say so."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy import crds
from gotk.api.helm import HelmRelease
from gotk.apiserver import ControlPlane
from gotk.kube.client import Client
from gotk.kube.config import from_kubeconfig
from gotk.kube.errors import Invalid


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with (
        ControlPlane(tmp_path / "plane", crds=crds.load()) as plane,
        Client(await from_kubeconfig([plane.kubeconfig])) as client,
    ):
        yield client


def automation(name: str, version: str, refspec: str) -> dict[str, Any]:
    git = {"commit": {"author": {"email": "bot@example.com"}}, "push": {"refspec": refspec}}
    return {
        "apiVersion": f"image.toolkit.fluxcd.io/{version}",
        "kind": "ImageUpdateAutomation",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"interval": "1m", "sourceRef": {"kind": "GitRepository", "name": "fleet"}, "git": git},
    }


VERSIONS = ["v1", "v1beta2", "v1beta1"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "refspec", ["+refs/heads/main:refs/heads/release", "+HEAD", ":refs/heads/release", ":"], ids=lambda text: text
)
async def test_a_refspec_that_forces_or_deletes_is_refused(version: str, refspec: str, client: Client) -> None:
    with pytest.raises(Invalid, match=r"spec\.git\.push\.refspec.*should match '\^\$\|\^\[\^\+:\]'"):
        await client.create_object(automation("a", version, refspec))


async def test_a_refspec_that_only_adds_is_accepted(client: Client) -> None:
    for number, refspec in enumerate(["", "refs/heads/main:refs/heads/release", "HEAD:refs/for/main", "main"]):
        made = await client.create_object(automation(f"a{number}", "v1", refspec))
        assert made["spec"]["git"]["push"]["refspec"] == refspec


def helm_release(name: str = "web", version: str = "v2", **spec: Any) -> dict[str, Any]:
    template = {"spec": {"chart": "web", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}
    return {
        "apiVersion": f"helm.toolkit.fluxcd.io/{version}",
        "kind": "HelmRelease",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"interval": "10m", "chart": template} | spec,
    }


RETRY_AFTER = {"strategy": {"name": "RemediateOnFailure", "retryInterval": "1m"}}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"chartRef": {"kind": "HelmChart", "name": "web"}}, "either chart or chartRef must be set"),
    ({"chart": None}, "either chart or chartRef must be set"),
    ({"install": RETRY_AFTER}, ".retryInterval cannot be set when .name is 'RemediateOnFailure'"),
    ({"upgrade": RETRY_AFTER}, ".retryInterval can only be set when .name is 'RetryOnFailure'"),
    ({"kubeConfig": {}}, "exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef"),
    ({"releaseName": "w" * 54}, "spec.releaseName"),
    ({"timeout": "forever"}, "spec.timeout"),
    ({"valuesFrom": [{"kind": "Secret", "name": "a", "targetPath": "a=b"}]}, "spec.valuesFrom[0].targetPath"),
    ({"chartRef": {"kind": "GitRepository", "name": "web"}, "chart": None}, "spec.chartRef.kind"),
]


@pytest.mark.parametrize("version", ["v2", "v2beta2", "v2beta1"])
async def test_a_release_that_could_mean_two_things_is_refused(version: str, client: Client) -> None:
    for spec, message in REFUSED:
        given = helm_release(version=version, **spec)
        given["spec"] = {key: value for key, value in given["spec"].items() if value is not None}
        with pytest.raises(Invalid) as raised:
            await client.create_object(given)
        assert message in str(raised.value)


async def test_a_release_gets_the_defaults_that_flux_writes_into_it(client: Client) -> None:
    made = await client.create_object(helm_release(uninstall={"keepHistory": True}))
    chart = made["spec"]["chart"]["spec"]
    assert (chart["version"], chart["reconcileStrategy"]) == ("*", "ChartVersion")
    assert made["spec"]["uninstall"]["deletionPropagation"] == "background"
    assert made["status"] == {"observedGeneration": -1}


@pytest.mark.parametrize("version", ["v2beta2", "v2beta1"])
async def test_a_release_of_an_older_article_is_read_as_the_newest(version: str, client: Client) -> None:
    operations = [{"op": "add", "path": "/spec/paused", "value": True}]
    old = {
        "patchesStrategicMerge": [{"kind": "Deployment", "spec": {"replicas": 2}}],
        "patchesJson6902": [{"target": {"kind": "Deployment", "name": "web"}, "patch": operations}],
        "images": [{"name": "web", "newTag": "2"}],
    }
    given = helm_release(version=version, postRenderers=[{"kustomize": old}], values={"image": {"tag": "1.0"}})
    given["spec"]["chart"]["spec"]["valuesFile"] = "prod.yaml"
    await client.create_object(given)
    found = await client.get(HelmRelease, "default", "web")
    assert (found.api_version, found.spec.values) == ("helm.toolkit.fluxcd.io/v2", {"image": {"tag": "1.0"}})
    (renderer,) = found.spec.post_renderers
    assert renderer.kustomize is not None
    assert [image.new_tag for image in renderer.kustomize.images] == ["2"]
    assert renderer.kustomize.patches_strategic_merge == ({"kind": "Deployment", "spec": {"replicas": 2}},)
    (patch,) = renderer.kustomize.patches_json6902
    assert (patch.target.kind, patch.target.name) == ("Deployment", "web")
    assert [(each.op, each.path, each.value) for each in patch.patch] == [("add", "/spec/paused", True)]
    assert found.spec.chart is not None
    assert found.spec.chart.spec.values_file == "prod.yaml"
