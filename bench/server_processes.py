"""Servers that benchmarks run in processes of their own: the control plane, and bare aiohttp over TLS.

    python bench/server_processes.py serve DIRECTORY [widgets]
    python bench/server_processes.py echo DIRECTORY

Each tells in a line of JSON when it answers, and runs until killed.
"""

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from aiohttp import web

from gotk.apiserver import ControlPlane, MachineClock
from gotk.apiserver.access import tls
from tests.gotk.apiserver.widgets import WIDGETS, widget

PADDING = {"annotations": {"example.org/padding": "x" * 1000}}


@dataclass(frozen=True, slots=True)
class Child:
    """A process, and what it says."""

    pid: int
    out: IO[bytes]

    def told(self) -> dict[str, Any]:
        """Return what it says next."""
        found: dict[str, Any] = json.loads(self.out.readline())
        return found


@contextmanager
def child(*words: str, file: str = __file__) -> Iterator[Child]:
    """Run a part of a file in a process, and a session: Linux shares processors out by sessions."""
    with subprocess.Popen([sys.executable, file, *words], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        try:
            yield Child(process.pid, process.stdout)
        finally:
            process.kill()


def say(**what: Any) -> None:
    """Tell the parent."""
    print(json.dumps(what), flush=True)


def many_connections() -> None:
    """Let this process open as many files as it may."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def sample(name: str, **spec: Any) -> dict[str, Any]:
    """Return an object of the size that objects of GitOps repositories have."""
    obj = widget(name, color="red", args=["one", "two"], **spec)
    return {**obj, "metadata": {"name": name, **PADDING}}


async def serve(directory: str, *kinds: str) -> None:
    """Run a control plane, with `widgets` where asked for; tell how long it took to answer and what memory it takes."""
    began = time.perf_counter()
    async with ControlPlane(Path(directory), crds=[WIDGETS] if "widgets" in kinds else []):
        say(seconds=time.perf_counter() - began, memory=memory())
        await asyncio.Event().wait()


def memory() -> int:
    """Return the resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def echo(directory: str) -> None:
    """Run bare aiohttp over TLS: POST answers with the body, GET streams as many lines as asked for."""
    go = asyncio.Event()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "POST":
            return web.Response(body=await request.read(), content_type="application/json")
        if request.path == "/go":
            go.set()
            return web.Response()
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"\n")
        await go.wait()
        lines, size, writes = (int(part) for part in request.path.strip("/").split("/"))
        for _ in range(writes):
            await response.write((b"x" * (size - 1) + b"\n") * (lines // writes))
        return response

    now = MachineClock().now()
    ca = tls.authority(Path(directory), now)
    context = tls.context(ca, tls.server(Path(directory), ca, ("127.0.0.1",), now))
    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context, backlog=4096).start()
    say(port=runner.addresses[0][1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    many_connections()
    asyncio.run({"serve": serve, "echo": echo}[sys.argv[1]](*sys.argv[2:]))
