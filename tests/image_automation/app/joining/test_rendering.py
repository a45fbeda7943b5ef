"""What Kustomizations would make of a plan: built by the real program, object by object, Secrets by name alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.kustomize.building import build
from deploy.kustomize.building.build import Builder
from gotk.api import scheme
from gotk.api.kustomize import Kustomization
from gotk.runtime.blocking import Limiter
from gotk.sandbox.confinement import Confinement
from image_automation.app.joining import rendering
from image_automation.app.joining.rendering import Rendering
from image_automation.dashboard.page import Rendered
from tests.deploy.kustomize.world import NoRemoteBases
from tests.image_automation.planned import Ground

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers: [{name: web, image: a/web}]
"""
IMAGES = """\
namespace: shop
resources: [web.yaml]
images:
  - name: a/web
    newTag: "1.0" # {"$imagepolicy": "apps:web:tag"}
secretGenerator:
  - name: key
    options: {disableNameSuffixHash: true}
    files: [values.yaml]
"""
FILES = {
    "base/kustomization.yaml": IMAGES,
    "base/web.yaml": DEPLOYMENT,
    "base/values.yaml": 'tag: "1.0" # {"$imagepolicy": "apps:web:tag"}\n',
    "other/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n",
    "broken/kustomization.yaml": "resources: [../base, none.yaml]\n",
}


@dataclass
class Stage:
    ground: Ground
    rendering: Rendering

    async def of(self, *paths: str) -> list[Rendered]:
        drawn = await self.ground.planner.drawn(self.ground.automation)
        return list(await self.rendering.of(drawn, [kustomization(path) for path in paths]))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    ground = Ground(tmp_path, FILES)
    with ground.limiter, Limiter(width=2) as work:
        builder = Builder(
            command=build.find_command(),
            limiter=work,
            scratch=scratch,
            confine=Confinement.command,
            fetches=NoRemoteBases(),
        )
        yield Stage(ground, Rendering(builder=builder, work=work, scratch=scratch))
        assert list(scratch.iterdir()) == []


def kustomization(path: str) -> Kustomization:
    spec = {"interval": "5m", "prune": True, "path": path, "sourceRef": {"kind": "GitRepository", "name": "fleet"}}
    name = path.strip("./").replace("/", "-")
    meta = {"name": name, "namespace": "apps", "uid": name}
    obj = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": meta, "spec": spec}
    return scheme.convert(obj, Kustomization)


@pytest.mark.real
async def test_objects_that_would_change_are_told_and_secrets_are_named(stage: Stage) -> None:
    (found,) = await stage.of("./other", "./base")
    assert (found.kustomization, found.problem, found.hidden) == ("apps/base", "", ("Secret/shop/key",))
    (web,) = found.objects
    assert web.path == "Deployment/shop/web"
    assert (b"image: a/web:1.0\n" in web.before, b"image: a/web:1.1\n" in web.after) == (True, True)


async def test_what_does_not_build_says_why_and_what_reads_nothing_of_it_is_left_out(stage: Stage) -> None:
    assert [each.kustomization for each in await stage.of("./other", "./nowhere")] == []
    assert await stage.of("./broken") == []


async def test_no_more_than_some_are_built(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "_MOST", 0)
    assert [each.problem for each in await stage.of("./base")] == ["not built: one may build 0 for a plan, in 60 s"]


async def test_where_nothing_is_planned_nothing_is_built(stage: Stage) -> None:
    stage.ground.choose("1.0")
    assert await stage.of("./base") == []
