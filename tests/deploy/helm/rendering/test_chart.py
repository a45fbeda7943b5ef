"""Charts made ready: their versions, and what lies in their `crds/`."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.helm.rendering import chart, crds
from deploy.helm.rendering.render import RenderError, Request
from deploy.source.charts.archive import ChartError
from tests.conformance.helm import Helm
from tests.deploy.helm.rendering import world as worlds
from tests.deploy.helm.rendering.charts import METADATA, packaged, rendering
from tests.deploy.helm.rendering.world import World

needs_helm = pytest.mark.skipif(Helm.path is None, reason="there is no helm here")
HASH = "9933f58f8bf459eb199d59ebc8a05683f3944e1242d9f5467d99aa2cf08a5370"
DIGEST = f"sha256:{HASH}"

VERSIONS = {
    "a tag that is the version": ("1.2.3", f"1.2.3@{DIGEST}", "1.2.3+9933f58f8bf4"),
    "no tag": ("1.2.3", DIGEST, "1.2.3+9933f58f8bf4"),
    "a tag with build metadata": ("1.2.3+linux", f"1.2.3_linux@{DIGEST}", "1.2.3+9933f58f8bf4"),
    "a prerelease": ("1.2.3-rc.1", f"1.2.3-rc.1@{DIGEST}", "1.2.3-rc.1+9933f58f8bf4"),
    "a version with a v": ("v1.2", f"1.2.0@{DIGEST}", "1.2.0+9933f58f8bf4"),
}
MISMATCHES = {
    "another tag": ("1.2.3", f"1.2.4@{DIGEST}", "artifact revision 1.2.4 does not match chart version 1.2.3"),
    "a version and no digest": ("1.2.3", "1.2.3", "artifact revision 1.2.3 does not match chart version 1.2.3"),
    "no version": ("latest", f"1.2.3@{DIGEST}", "invalid chart version latest"),
    "a tag that is no version": ("1.2.3", "latest", "invalid artifact revision latest"),
    "a short digest": ("1.2.3", "1.2.3@sha256:abc", "invalid artifact revision sha256:abc"),
    "a digest that is none": ("1.2.3", "sha256:____________", "invalid artifact revision sha256:____________"),
}


@pytest.mark.parametrize(("version", "revision", "made"), VERSIONS.values(), ids=VERSIONS)
def test_a_version_carries_the_digest_of_its_artifact(version: str, revision: str, made: str) -> None:
    assert chart.versioned(version, revision) == (made, DIGEST)


def test_a_tag_that_is_no_version_is_a_part_of_the_digest_as_it_is_for_flux() -> None:
    assert chart.versioned("1.2.3", f"latest@{DIGEST}") == ("1.2.3+9933f58f8bf4", f"latest@{DIGEST}")


@pytest.mark.parametrize(("version", "revision", "complaint"), MISMATCHES.values(), ids=MISMATCHES)
def test_an_artifact_that_is_another_version_is_refused(version: str, revision: str, complaint: str) -> None:
    with pytest.raises(chart.VersionError) as error:
        chart.versioned(version, revision)
    assert str(error.value).startswith(complaint[:60])


def test_sources_whose_revisions_count() -> None:
    assert chart.has_digest("OCIRepository", DIGEST)
    assert chart.has_digest("ExternalArtifact", DIGEST)
    assert not chart.has_digest("ExternalArtifact", "1.2.3")
    assert not chart.has_digest("HelmChart", "1.2.3")


def test_a_chart_without_a_revision_stays_to_the_byte() -> None:
    data = rendering('"x"')
    found = chart.load(data)
    assert (found.data, found.digest, found.definitions) == (data, "", b"")
    assert (found.metadata.name, found.metadata.version, found.metadata.app_version) == ("shop", "1.2.3", "9")
    untracked = chart.load(data, revision=f"1.2.3@{DIGEST}", tracked=False)
    assert (untracked.data, untracked.metadata.version, untracked.digest) == (data, "1.2.3", DIGEST)


def test_what_a_chart_says_of_itself_stays_but_for_its_version() -> None:
    said = f"{METADATA}description: Grüße ☕\nannotations: {{a: '1', b: 'yes'}}\nkubeVersion: '>=1'\n"
    data = packaged({"Chart.yaml": said})
    before, after = chart.load(data).metadata, chart.load(data, revision=DIGEST).metadata
    assert after.version == "1.2.3+9933f58f8bf4"
    assert (after.description, after.annotations) == ("Grüße ☕", {"a": "1", "b": "yes"})
    assert before.kube_version == after.kube_version == ">=1"
    assert chart.load(data, revision=DIGEST).data == chart.load(data, revision=DIGEST).data


BROKEN: dict[str, tuple[bytes, str]] = {
    "no archive": (b"nonsense", "not a packaged chart"),
    "no chart": (packaged({"Chart.yaml": ""}), "validation: chart.metadata.name is required"),
    "a name that leads out": (packaged({"../../etc/passwd": "x"}), "chart illegally references parent directory"),
    "a chart in it that is none": (packaged({"charts/db.tgz": b"nonsense"}), "'charts/db.tgz': not a packaged chart"),
    "a bomb in it": (
        packaged({"charts/db.tgz": packaged({f"files/{n}": bytes(5 << 20) for n in range(21)})}),
        "'charts/db.tgz': chart unfolds to more than",
    ),
}


@pytest.mark.parametrize(("data", "complaint"), BROKEN.values(), ids=BROKEN)
def test_what_is_no_chart_is_named(data: bytes, complaint: str) -> None:
    with pytest.raises(ChartError) as error:
        chart.load(data)
    assert str(error.value).startswith(complaint), str(error.value)


def test_charts_in_charts_are_bounded() -> None:
    data = packaged({"values.yaml": "a: 1\n"})
    for _ in range(12):
        data = packaged({"charts/inner.tgz": data})
    with pytest.raises(ChartError, match="more than 10 deep"):
        chart.load(data)
    large = packaged({f"files/{n}": bytes(5 << 20) for n in range(9)})
    with pytest.raises(ChartError, match="unfold to more than 104857600 bytes"):
        chart.load(packaged({f"charts/c{n}.tgz": large for n in range(3)}))


def definition(kind: str) -> str:
    plural = f"{kind.lower()}s"
    return (
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
        f"metadata: {{name: {plural}.example.com}}\n"
        f"spec: {{group: example.com, names: {{kind: {kind}, plural: {plural}}}}}\n"
    )


PARENT = METADATA + (
    "kubeVersion: '>=99'\ndependencies:\n- {name: db, version: 1.x.x, repository: '', condition: db.enabled}\n"
    "- {name: cache, version: 1.x.x, repository: '', tags: [fast]}\n"
)


def parent() -> bytes:
    cache = packaged({"Chart.yaml": "name: cache\nversion: 1.0.0\napiVersion: v2\n", "crds/c.json": definition("Cache"),
                      "templates/no.yaml": '{{ fail "never" }}'}, name="cache")  # fmt: skip
    return packaged({
        "Chart.yaml": PARENT,
        "values.yaml": "db: {enabled: true}\n",
        "values.schema.json": '{"required":["never"]}',
        "crds/gadgets.yaml": definition("Gadget") + "---\n# nothing\n---\n" + definition("Widget"),
        "crds/README.md": "no definition",
        "crds/other.yml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n",
        "templates/no.yaml": '{{ fail "never" }}',
        "charts/db/Chart.yaml": "name: db\nversion: 1.0.0\napiVersion: v2\n",
        "charts/db/crds/d.yaml": definition("Table"),
        "charts/db/templates/no.yaml": '{{ fail "never" }}',
        "charts/cache-1.0.0.tgz": cache,
    })  # fmt: skip


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with worlds.new(tmp_path) as made:
        yield made


async def kinds(world: World, data: bytes, values: dict[str, Any]) -> list[str]:
    loaded = chart.load(data)
    request = Request(name="web", namespace="apps", chart=loaded.data, values=values, timeout=60)
    found = await crds.collect(loaded, request, renderer=world.renderer)
    return [each["spec"]["names"]["kind"] if "spec" in each else each["kind"] for each in found]


@pytest.mark.real
@needs_helm
async def test_definitions_of_charts_that_the_values_leave_out_are_left_out(world: World) -> None:
    own = ["Gadget", "Widget", "ConfigMap"]
    assert await kinds(world, parent(), {}) == [*own, "Table", "Cache"]
    assert await kinds(world, parent(), {"db": {"enabled": False}}) == [*own, "Cache"]
    assert await kinds(world, parent(), {"db": {"enabled": False}, "tags": {"fast": False}}) == own
    assert await world.left() == []


@pytest.mark.real
@needs_helm
async def test_a_chart_without_definitions_costs_no_program(world: World) -> None:
    assert await kinds(world, rendering('"x"'), {}) == []
    assert world.started == []


@pytest.mark.real
@needs_helm
async def test_a_definition_that_cannot_be_read_is_named(world: World) -> None:
    with pytest.raises(RenderError, match=r"from shop/crds/a\.yaml: line 2: "):
        await kinds(world, packaged({"crds/a.yaml": "{a: b"}), {})


@pytest.mark.real
@needs_helm
async def test_templates_see_the_version_with_the_digest(world: World) -> None:
    loaded = chart.load(rendering('"{{ .Chart.Version }} {{ .Chart.AppVersion }}"'), revision=f"1.2.3@{DIGEST}")
    made = await world.render(loaded.data)
    assert "1.2.3+9933f58f8bf4 9" in made.manifest
    assert made.chart_name == "shop@1.2.3+9933f58f8bf4"
