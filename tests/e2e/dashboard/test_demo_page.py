"""A tag that is pushed in the demo is seen in the browser, in a page that the verb's link has opened."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from gotk.api.image import ImageUpdateAutomation
from gotk.kube import config
from gotk.kube.client import Client
from image_automation.app.demo import playground, scenario, view
from image_automation.app.demo.playground import Playground
from tests.e2e.dashboard.browser import DESKTOP, Page, chromium

pytestmark = pytest.mark.real


async def test_a_pushed_tag_travels_through_the_open_page(tmp_path: Path) -> None:
    async with chromium(tmp_path / "chromium") as page, playground.open_playground(tmp_path / "demo") as ground:
        await scenario.prepare(ground, view.Plain())
        await page.size(DESKTOP)
        await page.open(await link(ground.kubeconfig, tmp_path))
        assert await page.run("document.querySelector('.me').textContent") == "kubernetes-admin"
        await page.open(f"{ground.dashboard}images")
        await page.until("document.querySelector('main .tag')?.textContent === '1.0.1'")
        await page.run("window.same = true")
        await ground.push("1.1.0")
        await page.until("document.querySelector('main .tag')?.textContent === '1.1.0'")
        await page.until("document.querySelector('main .place')")
        assert await page.run("window.same")
        await apply_by_hand(ground, page)
        assert page.complaints == []


async def apply_by_hand(ground: Playground, page: Page) -> None:
    """Suspend the automation, push a tag, and let exactly the plan be written that the page shows."""
    async with Client(await config.from_kubeconfig([ground.kubeconfig])) as client:
        await client.merge_patch(ImageUpdateAutomation, "flux-system", "apps", {"spec": {"suspend": True}})
        await ground.push("1.2.0")
        await page.open(f"{ground.dashboard}plan/flux-system/apps")
        await page.until("document.querySelector('main .diff .plus')?.textContent.includes('1.2.0')")
        assert "Deployment/apps/web" in await page.run("document.getElementById('main').textContent")
        async with page.loading():
            await page.run("document.querySelector('button[name=plan]').click()")
        assert "Nothing is to be written" in await page.run("document.getElementById('main').textContent")
        written = (await client.get(ImageUpdateAutomation, "flux-system", "apps")).status.last_push_commit
        await page.open(f"{ground.dashboard}rollouts/Kustomization/flux-system/apps")
        await page.until(f"document.querySelector('.facts code')?.textContent === 'main@sha1:{written}'")


async def link(kubeconfig: Path, home: Path) -> str:
    """Run the verb, and return the link that it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "image_automation", "dashboard", "--kubeconfig", str(kubeconfig),
        env={"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd())},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err
    assert "to go in as kubernetes-admin" in err.decode()
    return out.decode().strip()
