"""A person takes an update back while the service runs: it stays back, is seen, and comes again with `unhold`."""

import asyncio
from pathlib import Path

import pygit2
import pytest

from gotk.api import extensions
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from image_automation.cli import root
from tests.e2e.stage import condition, is_ready, running

GROUP = "image.toolkit.fluxcd.io/v1"
OLD = 'spec:\n  image: a/web:1.0 # {"$imagepolicy": "apps:web"}\n'
OBJECTS = """apiVersion: v1
kind: Namespace
metadata: {name: apps}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: apps}
spec: {interval: 1h, url: "URL", ref: {branch: main}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: apps}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: auto, namespace: apps}
spec:
  interval: 1h
  sourceRef: {kind: GitRepository, name: fleet}
  git: {commit: {author: {name: Bot, email: bot@example.com}}}
"""


def text(remote: Path) -> str:
    repo = pygit2.Repository(str(remote))
    return repo[repo.branches["main"].target].tree["web.yaml"].data.decode()


@pytest.mark.timeout(90)
async def test_an_update_that_was_taken_back_is_held_until_unhold(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    remote = tmp_path / "remote.git"
    seed(remote, {"web.yaml": OLD})
    async with running(tmp_path / "data", controllers=frozenset({"imageupdateautomation"})) as stage:
        await stage.apply(OBJECTS.replace("URL", f"file://{remote}"))
        chosen = '{"status": {"latestRef": {"name": "a/web", "tag": "1.1"}}}'
        patch = ("patch", "imagepolicy", "web", "-n", "apps", "--type=merge", "--subresource=status", "-p")
        await stage.kubectl(*patch, chosen)
        await stage.until(GROUP, "ImageUpdateAutomation", "apps", "auto", lambda _: "1.1" in text(remote))

        back = seed(remote, {"web.yaml": OLD}, author=Person("Jane", "jane@example.com"))
        ask = ("annotate", "--overwrite", "imageupdateautomation", "auto", "-n", "apps")
        await stage.kubectl(*ask, "reconcile.fluxcd.io/requestedAt=1")
        held = await stage.until(
            GROUP, "ImageUpdateAutomation", "apps", "auto", lambda obj: condition(obj, extensions.UPDATES_HELD)
        )
        assert is_ready(await stage.until(GROUP, "ImageUpdateAutomation", "apps", "auto", is_ready))
        assert f"commit {back[:12]} by Jane took it back" in condition(held, extensions.UPDATES_HELD)["message"]
        assert text(remote) == OLD

        asked = ["plan", "--kubeconfig", str(stage.kubeconfig), "-n", "apps"]
        assert await asyncio.get_running_loop().run_in_executor(None, root.run, asked) == 0
        assert "Plan: 0 changes in 0 files, 0 up to date, 1 held back." in capsys.readouterr().out

        arguments = ["unhold", "auto", "--kubeconfig", str(stage.kubeconfig), "-n", "apps"]
        assert await asyncio.get_running_loop().run_in_executor(None, root.run, [*arguments, "none.yaml"]) == 1
        assert await asyncio.get_running_loop().run_in_executor(None, root.run, [*arguments, "web.yaml"]) == 0
        done = await stage.until(
            GROUP, "ImageUpdateAutomation", "apps", "auto", lambda obj: not condition(obj, extensions.UPDATES_HELD)
        )
        assert "1.1" in text(remote)
        assert done["metadata"]["annotations"]["image-automation.dev/unhold"] == f"{back[:12]}:web.yaml"
