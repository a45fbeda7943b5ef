"""A tag that is pushed in the demo is seen in the browser, in a page that the verb's link has opened."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from image_automation.app.demo import playground, scenario, view
from tests.e2e.dashboard.browser import DESKTOP, chromium

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
        assert page.complaints == []


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
