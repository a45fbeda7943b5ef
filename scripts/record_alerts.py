"""Record what Flux's notification-controller makes of the table of alerts.

Run it as `python -m scripts.record_alerts [PROGRAM]` with the program itself, or with `notification-controller` on the
path. It writes tests/image_automation/notification/upstream_alerts.json, which ours is compared with.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping

import aiohttp

from gotk.apiserver import ControlPlane
from gotk.kube import config
from gotk.kube.client import Client
from image_automation.app import embedded
from tests.image_automation.notification import alert_play, alert_table

RECORD = pathlib.Path(alert_play.__file__).parent / "upstream_alerts.json"
#: Flux delivers in the background: what comes later than this after the last event is not seen.
SETTLE = 8.0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.asynccontextmanager
async def running(program: str, plane: ControlPlane, *flags: str) -> AsyncIterator[str]:
    """Run the program on a control plane, as long as the block lasts; gives the address for events."""
    events, *others = (f"127.0.0.1:{_free_port()}" for _ in range(4))
    names = ("--receiverAddr", "--health-addr", "--metrics-addr")
    addresses = [f"{name}={address}" for name, address in zip(names, others, strict=True)]
    process = await asyncio.create_subprocess_exec(
        program, f"--events-addr={events}", *addresses, *flags,
        env={"KUBECONFIG": str(plane.kubeconfig), "RUNTIME_NAMESPACE": "default", "PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as session:

            async def ready() -> bool:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"http://{others[1]}/readyz") as answer:
                        return answer.status == 200
                return False

            for _ in range(300):
                if await ready():
                    break
                await asyncio.sleep(0.1)
        yield f"http://{events}"
    finally:
        process.terminate()
        await process.wait()


async def play(
    program: str, plane: ControlPlane, client: Client, stories: Mapping[str, alert_table.Story], *flags: str
) -> alert_play.Told:
    """Play stories to the program and tell what came of them."""
    places = alert_play.namespaces(stories, "open" if not flags else "closed")
    async with alert_play.hook() as caught, running(program, plane, *flags) as url, aiohttp.ClientSession() as session:
        await alert_play.set_up(client, stories, places, caught.url)
        await asyncio.sleep(1)
        statuses = await alert_play.post(session, url, stories, places)
        await asyncio.sleep(SETTLE)
        found = await alert_play.outcome(client, caught, stories, places)
    return {title: {"statuses": statuses[title], **found[title]} for title in stories}


async def record(program: str) -> alert_play.Told:
    """Play everything to the program."""
    async with contextlib.AsyncExitStack() as stack:
        home = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        plane = await stack.enter_async_context(embedded.control_plane(home / "plane"))
        client = await stack.enter_async_context(Client(await config.from_kubeconfig([plane.kubeconfig])))
        stories = await play(program, plane, client, alert_table.STORIES)
        closed = await play(program, plane, client, alert_table.CLOSED, "--no-cross-namespace-refs")
        async with running(program, plane) as url, aiohttp.ClientSession() as session:
            bodies = await alert_play.post_bodies(session, url)
    return {"stories": stories | closed, "bodies": bodies}


def main() -> None:
    """Record."""
    program = sys.argv[1] if len(sys.argv) > 1 else shutil.which("notification-controller")
    if not program:
        sys.exit("notification-controller is not on the path; give the program as an argument")
    found = asyncio.run(record(program))
    RECORD.write_text(json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
