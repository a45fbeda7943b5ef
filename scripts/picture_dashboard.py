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

from tests.e2e.dashboard.browser import PHONE, chromium  # noqa: E402
from tests.e2e.dashboard.fleet import Fleet  # noqa: E402
from tests.image_automation.dashboard.showing import Held, shown  # noqa: E402

FOLDER = ROOT / "docs" / "guide" / "pictures"
#: Name, address, size and whether it is dark.
PICTURES = (
    ("now", "/", (1180, 1010), False),
    ("images", "/images", (1180, 760), True),
    ("phone", "/", PHONE, False),
)


async def take() -> None:
    """Take every picture."""
    with tempfile.TemporaryDirectory() as folder:
        everything = {"admin": Held("ada@example.com", rules=frozenset({("*", "*", "*")}))}
        fleet = Fleet(datetime.now(UTC))
        async with chromium(Path(folder)) as page, shown(fleet.cluster, holders=everything) as client:
            for name, path, size, dark in PICTURES:
                await page.size(size, dark=dark)
                await page.open(str(client.make_url(path)))
                await page.until("document.getElementById('pill').textContent === 'live'")
                (FOLDER / f"dashboard-{name}.png").write_bytes(await page.picture())


FOLDER.mkdir(exist_ok=True)
asyncio.run(take())
