"""From a change to the pixel, and the first paint: 5,000 objects, 1,000 images, Debian's Chromium on this machine.

The limits are ours: 300 ms each. A peer's page polls every 30 seconds. Needs the program chromium.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from tests.e2e.dashboard.browser import DESKTOP, Page, chromium
from tests.image_automation.dashboard.showing import ready, shown, with_status
from tests.memory_cluster import MemoryCluster, image_policy, image_repository

IMAGES, OTHERS, CHANGES = 1000, 3000, 60
LIMIT = 300.0


def fleet() -> MemoryCluster:
    """Return a cluster of images, and of Kustomizations that are as they should be."""
    cluster = MemoryCluster()
    for number in range(IMAGES):
        name, space = f"app-{number}", f"team-{number % 50}"
        cluster.put(with_status(image_repository(name, space, image=f"registry.example.com/{space}/{name}"), **ready()))
        policy = image_policy(name, space, imageRepositoryRef={"name": name})
        cluster.put(with_status(policy, latestRef={"name": f"registry.example.com/{name}", "tag": "1.0.0"}, **ready()))
    for number in range(OTHERS):
        meta = {"name": f"app-{number}", "namespace": f"team-{number % 50}"}
        spec = {"interval": "10m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "fleet"}}
        kind = {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization"}
        cluster.put({**kind, "metadata": meta, "spec": spec, "status": ready()})
    return cluster


async def changes(page: Page, cluster: MemoryCluster) -> list[float]:
    """Return how long each of the changes takes to be in the page, in milliseconds."""
    took = []
    for number in range(CHANGES):
        name, space, tag = f"app-{number}", f"team-{number % 50}", f"1.0.{number + 1}"
        place = f"document.getElementById('{space}/{name}').querySelector('.tag')"
        began = time.perf_counter()
        cluster.change("ImagePolicy", space, name, {"status": {"latestRef": {"tag": tag}}})
        await page.until(f"{place}.textContent === '{tag}'")
        took.append((time.perf_counter() - began) * 1000)
    return took


async def first_paint(page: Page, address: str) -> float:
    """Return how long a page takes to show something, in milliseconds."""
    await page.open(address)
    await page.until("performance.getEntriesByName('first-contentful-paint').length")
    return float(await page.run("performance.getEntriesByName('first-contentful-paint')[0].startTime"))


async def main() -> None:
    """Print both; the first time that anybody looks at the list, nothing of it is rendered yet."""
    kinds = (ImageRepository, ImagePolicy, ImageUpdateAutomation, Kustomization)
    cluster = fleet()
    with tempfile.TemporaryDirectory() as folder:
        async with chromium(Path(folder)) as page, shown(cluster, kinds=kinds) as client:
            await page.size(DESKTOP)
            await first_paint(page, str(client.make_url("/login")))  # until then the browser itself begins
            address = str(client.make_url("/images"))
            cold, *warm = [await first_paint(page, address) for _ in range(6)]
            await page.until("document.getElementById('pill').textContent === 'live'")
            took = sorted(await changes(page, cluster))
    p99 = took[max(0, round(len(took) * 0.99) - 1)]
    print(f"{len(cluster.objects)} objects, {IMAGES} images on one page; limit {LIMIT:.0f} ms each")
    print(
        f"{'change to pixel':<18} p50 {statistics.median(took):7.1f} ms   p99 {p99:7.1f} ms   {p99 / LIMIT:5.2f} of it"
    )
    paint = statistics.median(warm)
    print(f"{'first paint':<18} p50 {paint:7.1f} ms   {'':<14} {paint / LIMIT:5.2f} of it")
    print(f"{'for the first time':<18}     {cold:7.1f} ms   {'':<14} {cold / LIMIT:5.2f} of it")


if __name__ == "__main__":
    asyncio.run(main())
