"""A frozen automation, and a fix that somebody lets past it: each word wakes who waits for it, and the commit tells."""

import asyncio
from pathlib import Path

import pygit2
import pytest

from gotk.api import extensions
from gotk.git.objects.seed import seed
from image_automation.cli import root
from tests.e2e.stage import condition, is_ready, running
from tests.e2e.test_hold import GROUP, OBJECTS, OLD, text

AUTO = (GROUP, "ImageUpdateAutomation", "apps", "auto")


async def test_a_fix_is_let_past_a_freeze_and_the_rest_waits(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    remote = tmp_path / "remote.git"
    seed(remote, {"web.yaml": OLD})
    async with running(tmp_path / "data", controllers=frozenset({"imageupdateautomation"})) as stage:

        async def type_in(*words: str) -> int:
            where = ("--kubeconfig", str(stage.kubeconfig), "-n", "apps")
            return await asyncio.get_running_loop().run_in_executor(None, root.run, [*words, *where])

        async def choose(tag: str) -> None:
            chosen = f'{{"status": {{"latestRef": {{"name": "a/web", "tag": "{tag}"}}}}}}'
            patch = ("patch", "imagepolicy", "web", "-n", "apps", "--type=merge", "--subresource=status", "-p")
            await stage.kubectl(*patch, chosen)

        await stage.apply(OBJECTS.replace("URL", f"file://{remote}"))
        assert is_ready(await stage.until(*AUTO, is_ready))
        assert await type_in("freeze", "auto", "--reason", "Black Friday") == 0
        await stage.until(*AUTO, lambda obj: condition(obj, extensions.FROZEN))
        await choose("1.1")
        held = await stage.until(*AUTO, lambda obj: condition(obj, extensions.UPDATES_WAITING))
        said = condition(held, extensions.UPDATES_WAITING)["message"]
        assert said.endswith("a/web:1.1 is not written yet: frozen by kubernetes-admin: Black Friday")
        assert text(remote) == OLD
        assert await type_in("plan") == 0
        assert "Plan: 0 changes in 0 files, 0 up to date, 1 waiting." in capsys.readouterr().out

        assert await type_in("allow", "web", "1.1", "--reason", "CVE-2026-1") == 0
        await stage.until(*AUTO, lambda _: "1.1" in text(remote))
        repo = pygit2.Repository(str(remote))
        last = repo[repo.branches["main"].target].message.splitlines()[-1]
        assert last.startswith("Allowed-by: kubernetes-admin (web 1.1 of a/web: CVE-2026-1; 20")

        await choose("1.2")
        await stage.until(*AUTO, lambda obj: "1.2" in str(condition(obj, extensions.UPDATES_WAITING)))
        assert await type_in("unfreeze", "auto") == 0
        done = await stage.until(*AUTO, lambda obj: not condition(obj, extensions.UPDATES_WAITING))
        assert not condition(done, extensions.FROZEN)
        assert "1.2" in text(remote)
