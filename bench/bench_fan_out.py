"""Updates of the control plane that a thousand watchers see, beside bare TLS that sends the same number of bytes.

Server, writer and watchers are processes of their own and share two cores, so read the ratios.
"""

import asyncio
import json
import ssl
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import aiohttp
import yaml
from server_processes import child, many_connections, say

from tests.gotk.apiserver.caller import MERGE, Caller
from tests.gotk.apiserver.widgets import WIDGETS_PATH, widget

WATCHERS, UPDATES, WRITERS = 1000, 1000, 10
TARGET = 5.0


async def watch(url: str, path: str, token: str, count: str, lines: str) -> None:
    """Open many connections, read so many lines of each, tell when all are open and when all is read."""
    plain = ssl.create_default_context()
    plain.check_hostname, plain.verify_mode = False, ssl.CERT_NONE
    connector = aiohttp.TCPConnector(limit=0, ssl=plain)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(url, connector=connector, headers=headers) as session,
        asyncio.TaskGroup() as group,
    ):
        opened, gate = [0], asyncio.Semaphore(50)

        async def one() -> None:
            async with gate:
                response = await session.get(path, timeout=aiohttp.ClientTimeout(total=None))
                opened[0] += 1
                if opened[0] == int(count):
                    say(open=True)
            seen = 0
            while seen < int(lines):
                seen += (await response.content.readany()).count(b"\n")
            response.close()

        tasks = [group.create_task(one()) for _ in range(int(count))]
        await asyncio.gather(*tasks)
        say(read=True)


async def fan_out(directory: Path) -> None:
    """Print how long all updates take to reach all watchers, and the same bytes without a control plane."""
    where = directory / "fan-out"
    with child("serve", str(where), "widgets") as server:
        server.told()
        async with Caller(where / "kubeconfig") as api:
            for number in range(WRITERS):
                await api.post(WIDGETS_PATH, widget(f"w{number}", color="red"))
            listed = (await api.get(WIDGETS_PATH)).body
            size = len(json.dumps(listed["items"][0]).encode())
            path = f"{WIDGETS_PATH}?watch=true&resourceVersion={listed['metadata']['resourceVersion']}"
            words = ("watch", api.url, path, token_of(where), str(WATCHERS), str(UPDATES))
            with child(*words, file=__file__) as watching:
                watching.told()
                ours, written = await asyncio.gather(_until(watching.told), _update(api))
    with child("echo", str(directory)) as server:
        url = f"https://127.0.0.1:{server.told()['port']}"
        words = ("watch", url, f"/{UPDATES}/{size}/25", "none", str(WATCHERS), str(UPDATES))
        with child(*words, file=__file__) as watching:
            watching.told()
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
                began = time.perf_counter()
                await (await session.get(f"{url}/go")).read()
                watching.told()
                bare = time.perf_counter() - began
    events = WATCHERS * UPDATES
    print(f"\nfan-out, {WATCHERS:,} watchers x {UPDATES:,} updates of {size:,} bytes, {WRITERS} writers\n")
    print(f"{'all written after':<34}{written:>8.2f} s")
    print(f"{'all read after':<34}{ours:>8.2f} s   {events / ours:,.0f} events/s")
    print(f"{'the same bytes, bare TLS':<34}{bare:>8.2f} s   ours takes {ours / bare:.2f} x")
    print(f"{'target':<34}{TARGET:>8.2f} s   {ours / TARGET:.2f} of it")


def token_of(directory: Path) -> str:
    """Return the admin's token."""
    token: str = yaml.safe_load((directory / "kubeconfig").read_text())["users"][0]["user"]["token"]
    return token


async def _until(told: Callable[[], dict[str, Any]]) -> float:
    began = time.perf_counter()
    await asyncio.get_running_loop().run_in_executor(None, told)
    return time.perf_counter() - began


async def _update(api: Caller) -> float:
    began = time.perf_counter()

    async def writer(number: int) -> None:
        for turn in range(UPDATES // WRITERS):
            await api.patch(f"{WIDGETS_PATH}/w{number}", {"spec": {"replicas": turn + 1}}, MERGE)

    async with asyncio.TaskGroup() as group:
        for number in range(WRITERS):
            group.create_task(writer(number))
    return time.perf_counter() - began


async def main() -> None:
    """Run and print."""
    with tempfile.TemporaryDirectory() as name:
        await fan_out(Path(name))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        many_connections()
        asyncio.run(watch(*sys.argv[2:]))
    else:
        asyncio.run(main())
