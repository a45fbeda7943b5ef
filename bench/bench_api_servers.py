"""The embedded control plane beside other API servers, under the same load in the same run.

    python bench/bench_api_servers.py [--kubeconfig FILE ...] [--pids PID,PID ...] [--restart COMMAND ...]
        [--seconds 15] [--objects 50000]

Creates at 30 and 200 a second, 200 watchers of 100 writes a second, then 50,000 objects: created, listed, and a
restart over them (until the first list is answered). The embedded one is a process of its own; any other is named by a
kubeconfig, and called as its current context is. `--pids`, in the same order, names its processes on this machine, the
store's among them; `--restart` is a shell's command that restarts it over the same store. Limits stand beside the
figures. A kind is defined on each server, `widgets.example.org`, and taken away again with its objects. The load's own
process and the watchers' share the machine with the servers, which are measured one after the other: read the ratios.
"""

import argparse
import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import yaml
from api_load import Figure, Load, remove
from processes import Processes
from server_processes import child

from gotk.kube import config, errors
from gotk.kube.client import Client
from gotk.kube.credentials import ConfigError
from tests.gotk.apiserver.widgets import WIDGETS_PATH


class Embedded:
    """The embedded control plane in a process of its own."""

    def __init__(self, directory: Path) -> None:
        self.name = "embedded"
        self.kubeconfig = directory / "kubeconfig"
        self.can_restart = True
        self.processes = Processes([])
        self._directory = directory
        self._running = ExitStack()

    def restart(self) -> None:
        """Start it, or start it anew over what it has stored."""
        self.stop()
        process = self._running.enter_context(child("serve", str(self._directory)))
        self.processes = Processes([process.pid])

    def stop(self) -> None:
        """Stop it, if it runs."""
        self._running.close()


@dataclass(frozen=True, slots=True)
class Given:
    """Another API server."""

    kubeconfig: Path
    processes: Processes
    command: str
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", str(yaml.safe_load(self.kubeconfig.read_text())["current-context"]))

    @property
    def can_restart(self) -> bool:
        """Whether somebody has said how."""
        return bool(self.command)

    def restart(self) -> None:
        """Run the command that restarts it."""
        subprocess.run(self.command, shell=True, check=True, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        """Leave it: who started it stops it."""


async def measured(server: Embedded | Given, seconds: float, objects: int) -> AsyncIterator[Figure]:
    """Put the load on a server, and say what was measured."""
    if isinstance(server, Embedded):
        server.restart()
    try:
        await _answers(server, "/readyz")
        async with _client(server) as client:
            load = Load(client, server.kubeconfig, server.processes, seconds)
            await load.prepare()
            async for figure in load.figures(objects):
                yield figure
        if server.can_restart:
            began = time.perf_counter()
            await asyncio.get_running_loop().run_in_executor(None, server.restart)
            await _answers(server, WIDGETS_PATH)
            yield Figure("restart over them, s", time.perf_counter() - began, digits=2)
        async with _client(server) as client:
            await remove(client)
    finally:
        server.stop()


async def _answers(server: Embedded | Given, path: str) -> None:
    """Wait until a server answers a question well."""
    async with asyncio.timeout(300):
        while True:
            try:
                async with _client(server) as client, client.raw(path, {"limit": "1"}, accept="*/*") as answer:
                    if answer.status == 200:
                        return
            except (errors.APIError, OSError, ConfigError):
                pass
            await asyncio.sleep(0.02)


@asynccontextmanager
async def _client(server: Embedded | Given) -> AsyncIterator[Client]:
    async with Client(await config.from_kubeconfig([server.kubeconfig]), timeout=300) as client:
        yield client


async def compare(servers: Sequence[Embedded | Given], seconds: float, objects: int) -> None:
    """Measure one server after the other, and print them side by side."""
    table: list[list[Figure]] = []
    for server in servers:
        table.append([])
        async for figure in measured(server, seconds, objects):
            table[-1].append(figure)
            print(f"{server.name}: {figure.name} {figure.value:,.{figure.digits}f}", file=sys.stderr)
    heads = [server.name for server in servers]
    others = [f"of {name}" for name in heads[1:]]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'':<46}" + "".join(f"{head:>14}" for head in [*heads, "limit", "of it", *others]))
    for ours, *theirs in itertools.zip_longest(*table):
        cells = [f"{each.value:,.{each.digits}f}" if each is not None else "-" for each in (ours, *theirs)]
        limit = "" if ours.limit is None else f"{ours.limit:,g}"
        cells += [limit, _ratio(ours.value, ours.limit)]
        cells += [_ratio(ours.value, None if each is None else each.value) for each in theirs]
        print(f"{ours.name:<46}" + "".join(f"{cell:>14}" for cell in cells))


def _ratio(value: float, other: float | None) -> str:
    return f"{value / other:.2f}" if other else ""


def main() -> None:
    """Read what is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", type=Path, nargs="*", default=[], help="the API servers to compare with")
    parser.add_argument("--pids", nargs="*", default=[], help="the processes of each, as PID,PID")
    parser.add_argument("--restart", nargs="*", default=[], help="the command that restarts each")
    parser.add_argument("--seconds", type=float, default=15, help="for how long each paced part lasts")
    parser.add_argument("--objects", type=int, default=50_000, help="how many objects there are in the end")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        servers: list[Embedded | Given] = [Embedded(Path(name))]
        for file, pids, command in itertools.zip_longest(given.kubeconfig, given.pids, given.restart, fillvalue=""):
            servers.append(Given(Path(file), Processes([int(pid) for pid in pids.split(",") if pid]), command))
        asyncio.run(compare(servers, given.seconds, given.objects))


if __name__ == "__main__":
    main()
