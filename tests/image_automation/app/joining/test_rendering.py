"""What Kustomizations would make of a plan: built by the real program, object by object, Secrets by name alone."""

import asyncio
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

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
    "plain/map.yaml": 'kind: ConfigMap\napiVersion: v1\nmetadata:\n  name: "1.0" # {"$imagepolicy": "apps:web:tag"}\n',
    "broken/kustomization.yaml": "resources: [../base, none.yaml]\n",
}
#: A kustomize that never ends.
STUCK = (str(shutil.which("sh")), "-c", f"exec {shutil.which('tail')} -f /dev/null")
Confine: TypeAlias = Callable[[Confinement, Sequence[str]], Sequence[str]]


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
        yield Stage(ground, made(scratch, work, build.find_command(), Confinement.command))
        assert list(scratch.iterdir()) == []


def made(scratch: Path, work: Limiter, command: Sequence[str], confine: Confine) -> Rendering:
    builder = Builder(command=command, limiter=work, scratch=scratch, confine=confine, fetches=NoRemoteBases())
    return Rendering(builder=builder, work=work, scratch=scratch)


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


async def test_a_build_that_does_not_end_keeps_nobody_elses_plan(stage: Stage, tmp_path: Path) -> None:
    drawn = await stage.ground.planner.drawn(stage.ground.automation)
    (scratch := tmp_path / "trees").mkdir()
    started = asyncio.Event()

    def confine(_: Confinement, command: Sequence[str]) -> Sequence[str]:
        started.set()
        return command

    with Limiter(width=2) as work:
        rendering = made(scratch, work, STUCK, confine)
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            stuck = group.create_task(rendering.of(drawn, [kustomization("./base")]))
            await started.wait()
            (found,) = await rendering.of(drawn, [kustomization("./plain")])
            assert (found.kustomization, found.problem, len(found.objects)) == ("apps/plain", "", 2)
            assert not stuck.done()
            stuck.cancel()
    assert list(scratch.iterdir()) == []


async def test_where_nothing_is_planned_nothing_is_built(stage: Stage) -> None:
    stage.ground.choose("1.0")
    assert await stage.of("./base") == []
