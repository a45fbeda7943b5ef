"""Parts of a repository as artifacts of their own, and Kustomizations of what an ArtifactGenerator makes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gotk.git.objects import seed
from gotk.kube import errors
from tests.e2e import stage
from tests.e2e.stage import Stage, condition, is_ready
from tests.e2e.test_oci_repositories import command_line

GENERATORS = "source.extensions.fluxcd.io/v1beta1"
SOURCES = "source.toolkit.fluxcd.io/v1"
OBJECTS = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: default}
spec: {interval: 1h, ref: {branch: main}, url: "file://REPOSITORY"}
---
apiVersion: source.extensions.fluxcd.io/v1beta1
kind: ArtifactGenerator
metadata: {name: apps, namespace: default}
spec:
  sources: [{alias: repo, kind: GitRepository, name: fleet}]
  pathPattern: "@repo/apps/{app}"
  commonMetadata: {labels: {team: web}}
  artifacts:
  - name: "app-{app}"
    originRevision: "@repo"
    copy:
    - {from: "@repo/apps/{app}/**", to: "@artifact/", exclude: ["*.md"]}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: one, namespace: default}
spec: {interval: 1h, prune: true, path: ./, sourceRef: {kind: ExternalArtifact, name: app-one}}
"""


def config(name: str, value: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: default}}\ndata: {{v: '{value}'}}\n"


FILES = {
    "apps/One/app.yaml": config("one", "1"),
    "apps/One/README.md": "not for the cluster",
    "apps/two/app.yaml": config("two", "1"),
}


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Stage]:
    seed.seed(tmp_path / "fleet.git", FILES)
    controllers = frozenset({"gitrepository", "artifactgenerator", "kustomization"})
    async with stage.running(tmp_path / "data", controllers=controllers, external_artifacts=True) as running:
        await running.apply(OBJECTS.replace("REPOSITORY", str(tmp_path / "fleet.git")))
        yield running


async def external(up: Stage, name: str) -> dict[str, Any]:
    return await up.client.get_object(SOURCES, "ExternalArtifact", "default", name)


async def test_a_repository_s_parts_are_deployed_each_by_its_own_revision(up: Stage, tmp_path: Path) -> None:
    await up.until("v1", "ConfigMap", "default", "one", lambda obj: obj["data"]["v"] == "1")
    made = await up.until(GENERATORS, "ArtifactGenerator", "default", "apps", is_ready)
    assert condition(made, "Ready")["message"] == "reconciliation succeeded, generated 2 artifact(s)"
    one, two = await external(up, "app-one"), await external(up, "app-two")
    assert one["metadata"]["labels"] == {
        "team": "web",
        "app": "one",
        "app.kubernetes.io/managed-by": "source-watcher",
        "source.extensions.fluxcd.io/generator": made["metadata"]["uid"],
    }
    artifact = one["status"]["artifact"]
    assert artifact["revision"] == f"latest@{artifact['digest']}"
    fleet = await up.client.get_object(SOURCES, "GitRepository", "default", "fleet")
    revision = fleet["status"]["artifact"]["revision"]
    assert artifact["metadata"] == {"org.opencontainers.image.revision": revision}
    assert condition(one, "Ready")["message"] == "Artifact is ready"

    seed.seed(tmp_path / "fleet.git", {"apps/One/app.yaml": config("one", "2"), "apps/three/app.yaml": "x: 1\n"})
    await command_line(up, "reconcile", "source", "git", "fleet", "-n", "default")
    await up.until("v1", "ConfigMap", "default", "one", lambda obj: obj["data"]["v"] == "2")
    await up.until(
        GENERATORS, "ArtifactGenerator", "default", "apps",
        lambda obj: is_ready(obj) and len(obj["status"]["inventory"]) == 3,
    )  # fmt: skip
    still = await external(up, "app-two")
    assert still["status"]["artifact"]["revision"] == two["status"]["artifact"]["revision"], "what is the same stays"
    applied = await up.until("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "default", "one", is_ready)
    assert applied["status"]["lastAppliedOriginRevision"] != revision


async def test_what_is_deleted_is_made_again_and_what_is_not_wanted_goes(up: Stage, tmp_path: Path) -> None:
    made = await up.until(GENERATORS, "ArtifactGenerator", "default", "apps", is_ready)
    assert {each["name"] for each in made["status"]["inventory"]} == {"app-one", "app-two"}
    first = await external(up, "app-two")
    await up.kubectl("delete", "externalartifact", "app-two", "-n", "default")
    await up.until(
        SOURCES, "ExternalArtifact", "default", "app-two",
        lambda obj: obj["metadata"]["uid"] != first["metadata"]["uid"] and obj.get("status", {}).get("artifact"),
    )  # fmt: skip
    paused = {"metadata": {"annotations": {"source.extensions.fluxcd.io/reconcile": "disabled"}}}
    said = await command_line(up, "suspend", "artifact", "generator", "apps", "-n", "default")
    assert "suspended" in said
    found = await up.client.get_object(GENERATORS, "ArtifactGenerator", "default", "apps")
    assert found["metadata"]["annotations"].items() >= paused["metadata"]["annotations"].items()
    printed = await command_line(up, "get", "artifacts", "generators", "-n", "default")
    assert [cell.strip() for cell in printed.splitlines()[1].split("\t")][:3] == ["apps", "True", "True"]
    await command_line(up, "resume", "artifact", "generator", "apps", "-n", "default")

    one = {"name": "app-one", "copy": [{"from": "@repo/apps/One/**", "to": "@artifact/"}]}
    patch = {"spec": {"pathPattern": None, "artifacts": [one]}}
    await up.client.patch_object(GENERATORS, "ArtifactGenerator", "default", "apps", patch)
    await up.until(
        GENERATORS, "ArtifactGenerator", "default", "apps",
        lambda obj: is_ready(obj) and [each["name"] for each in obj["status"]["inventory"]] == ["app-one"],
    )  # fmt: skip
    with pytest.raises(errors.NotFound):
        await external(up, "app-two")
    await up.kubectl("delete", "kustomization,artifactgenerator", "--all", "-n", "default", "--timeout=20s")
    with pytest.raises(errors.NotFound):
        await external(up, "app-one")
    assert not list((tmp_path / "data" / "artifacts" / "externalartifact").rglob("*.tar.gz"))
