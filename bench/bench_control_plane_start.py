"""The control plane's start and memory by the number of objects that it holds, beside limits."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from server_processes import child, sample

from gotk.apiserver import ControlPlane
from gotk.apiserver.storage.database import Database, Row
from tests.gotk.apiserver.caller import APPLY, Caller
from tests.gotk.apiserver.widgets import GROUP, WIDGETS, WIDGETS_PATH

SIZES = (0, 2_000, 50_000)
START_TARGET, MEMORY_TARGET = 1.0, 4096


@asynccontextmanager
async def filled(directory: Path, count: int) -> AsyncIterator[Path]:
    """Fill a directory with objects as the control plane stores them."""
    async with ControlPlane(directory, crds=[WIDGETS]) as plane, Caller(plane.kubeconfig) as api:
        await api.patch(f"{WIDGETS_PATH}/original?fieldManager=bench", sample("original"), APPLY)
        original = (await api.get(f"{WIDGETS_PATH}/original")).body
        await api.delete(f"{WIDGETS_PATH}/original")
    database = Database(directory)
    revision = database.revision()
    rows = []
    for number in range(count):
        revision += 1
        metadata = {
            **original["metadata"],
            "name": f"w{number}",
            "uid": f"{number:036}",
            "resourceVersion": str(revision),
        }
        data = json.dumps({**original, "metadata": metadata}, separators=(",", ":")).encode()
        rows.append(Row(f"widgets.{GROUP}", "default", metadata["name"], metadata["uid"], revision, data))
    if rows:
        database.write(rows)
    database.close()
    yield directory


async def starts(directory: Path) -> None:
    """Print how long a start takes and how much memory, by the number of objects."""
    print(f"\n{'objects':>10}{'start s':>12}{'memory MB':>12}{'bytes/object':>14}{'of its JSON':>14}")
    empty, size, seconds, each = 0, 0, 0.0, 0.0
    for count in SIZES:
        async with filled(directory / f"of-{count}", count) as where:
            with child("serve", str(where), "widgets") as server:
                found = server.told()
                async with Caller(where / "kubeconfig") as api:
                    listed = (await api.get(f"{WIDGETS_PATH}?limit=1")).body
        if count:
            size = len(json.dumps(listed["items"][0], separators=(",", ":")).encode())
            left = listed["metadata"].get("remainingItemCount", 0) + 1
            if left != count:
                sys.exit(f"{left} of {count} objects are there")
        empty = empty or found["memory"]
        seconds, each = found["seconds"], (found["memory"] - empty) / count if count else 0.0
        more = f"{each:>14,.0f}{each / size:>14.2f}" if count else ""
        print(f"{count:>10,}{seconds:>12.3f}{found['memory'] / 1e6:>12.0f}{more}")
    print(f"{'target':>10}{START_TARGET:>12.3f}{'':>12}{MEMORY_TARGET:>14,}")
    print(f"{'of it':>10}{seconds / START_TARGET:>12.2f}{'':>12}{each / MEMORY_TARGET:>14.2f}")


async def main() -> None:
    """Run and print."""
    with tempfile.TemporaryDirectory() as name:
        await starts(Path(name))


if __name__ == "__main__":
    asyncio.run(main())
