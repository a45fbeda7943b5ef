"""Take the guide's pictures of the dashboard anew, in Debian's Chromium, from the cluster that its tests show.

python scripts/picture_dashboard.py
"""

import asyncio
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from gotk.api.source import GitRepository  # noqa: E402
from gotk.runtime.blocking import Limiter  # noqa: E402
from tests.e2e.dashboard import repository, told  # noqa: E402
from tests.e2e.dashboard.browser import PHONE, chromium  # noqa: E402
from tests.e2e.dashboard.fleet import Fleet  # noqa: E402
from tests.image_automation.dashboard.showing import KINDS, Held, shown  # noqa: E402

FOLDER = ROOT / "docs" / "guide" / "pictures"
#: Name, address, size and whether it is dark.
PICTURES = (
    ("now", "/", (1180, 1010), False),
    ("images", "/images", (1180, 760), True),
    ("phone", "/", PHONE, False),
    ("rollout", "/rollouts/Kustomization/shop/cart", (1180, 1180), False),
    ("plan", "/plan/shop/images", (1180, 1480), False),
    ("file", "/files/shop/images/apps/shop/cart.yaml", (1180, 1080), True),
    ("registries", "/registries", (1180, 560), False),
    ("approvals", "/approvals", (1180, 620), False),
    ("approve", "/act?act=approve&kind=ImagePolicy&namespace=payments&name=ledger", (1180, 640), True),
    ("notifications", "/notifications", (1180, 780), False),
    ("access", "/access", (1180, 860), False),
)


async def take() -> None:
    """Take every picture, as somebody who may do everything."""
    everything = {"admin": Held("ada@example.com", rules=frozenset({("*", "*", "*")}))}
    now = datetime.now(UTC)
    fleet = Fleet(now)
    with tempfile.TemporaryDirectory() as folder, Limiter(width=1) as limiter:
        knows = told.told(fleet, repository.knows(fleet, Path(folder) / "repository", limiter, now), now)
        kinds = (*KINDS, GitRepository)
        async with (
            chromium(Path(folder) / "chromium") as page,
            shown(fleet.cluster, holders=everything, knows=knows, kinds=kinds) as client,
        ):
            await page.open(str(client.make_url("/login")))
            async with page.loading():
                await page.run("document.getElementById('token').value = 'admin';"
                               "document.querySelector('.card button').click()")  # fmt: skip
            for name, path, size, dark in PICTURES:
                await page.size(size, dark=dark)
                await page.open(str(client.make_url(path)))
                await page.until("!main.dataset.digest || pill.textContent === 'live'")
                (FOLDER / f"dashboard-{name}.png").write_bytes(await page.picture())


FOLDER.mkdir(exist_ok=True)
asyncio.run(take())
