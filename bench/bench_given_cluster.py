"""The packages of `bench_production` on a cluster that is given, by whichever controllers run there: ours, or Flux's.

    python bench/bench_given_cluster.py --kubeconfig FILE [--packages 100] [--pids PID ...] [--repository URL]

Install, an upgrade of all, a commit that changes one, and a reconcile of each by request in which nothing changes: wall
time until the last and, on average, each Kustomization is there, and the processor's seconds of the processes named
and all their children, where they run on this machine. Run it once for each side on the same cluster and compare: the
objects are made, read and annotated as for Flux, and everything is taken away again. Without `--repository` a Git
server on loopback is asked, which controllers outside of the cluster reach; else an empty one that this machine may
push to.
"""

import argparse
import asyncio
import contextlib
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench_production import KUSTOMIZE, NAMESPACE, objects, package
from processes import Processes

from gotk.git.objects import seed
from gotk.git.serving import server
from gotk.kube import config, errors
from gotk.kube.client import Client

SOURCE = "source.toolkit.fluxcd.io/v1"
#: How often the Kustomizations are listed, in seconds; each moment is seen late by half of it.
EVERY = 0.3
_LIMIT = 900.0


class Fleet:
    """Packages in a repository, and what a cluster makes of them."""

    def __init__(self, client: Client, checkout: Path, processes: Processes, count: int) -> None:
        self._client = client
        self._checkout = checkout
        self._processes = processes
        self._count = count

    async def install(self, repository: str) -> None:
        """Make the source and the Kustomizations, and wait for all."""
        self._commit(range(self._count), "1.0.0")
        base, _, name = repository.rpartition("/")
        before, began = self._processes.processor, time.perf_counter()
        for obj in objects(self._count, base):
            obj["spec"]["interval"] = "1h"
            if obj["kind"] == "GitRepository":
                obj["spec"]["url"] = f"{base}/{name}"
            await self._client.create_object(obj)
        await self._tell("install", began, before, self._revision())

    async def upgrade(self, what: str, numbers: Sequence[int], version: str) -> None:
        """Push another version of some packages, and wait until all Kustomizations have it."""
        self._commit(numbers, version)
        before, began = self._processes.processor, time.perf_counter()
        await self._ask(SOURCE, "GitRepository", "fleet", what)
        await self._tell(what, began, before, self._revision())

    async def again(self) -> None:
        """Ask each Kustomization for a run, and wait until each has had one."""
        before, began = self._processes.processor, time.perf_counter()
        for number in range(self._count):
            await self._ask(KUSTOMIZE, "Kustomization", f"app-{number}", "again")
        await self._tell("again", began, before, self._revision(), handled="again")

    async def remove(self) -> None:
        """Take the Kustomizations, what they made, and the source away."""
        for kind, api_version in (("Kustomization", KUSTOMIZE), ("GitRepository", SOURCE)):
            for obj in await self._client.list_objects(api_version, kind, NAMESPACE):
                await self._client.delete_object(api_version, kind, NAMESPACE, obj["metadata"]["name"])
            async with asyncio.timeout(_LIMIT):
                while True:
                    if not await self._client.list_objects(api_version, kind, NAMESPACE):
                        break
                    await asyncio.sleep(EVERY)

    def _commit(self, numbers: Sequence[int], version: str) -> None:
        for number in numbers:
            file = self._checkout / "packages" / str(number) / "app.yaml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(package(number, version))
        author = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"]
        for words in (["add", "."], [*author, "commit", "-qm", version], ["push", "-q", "origin", "HEAD:main"]):
            self._git(*words)

    def _git(self, *words: str) -> str:
        done = subprocess.run(["git", "-C", str(self._checkout), *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def _revision(self) -> str:
        return f"main@sha1:{self._git('rev-parse', 'HEAD')}"

    async def _ask(self, api_version: str, kind: str, name: str, token: str) -> None:
        now = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}}
        await self._client.patch_object(api_version, kind, NAMESPACE, name, now)

    async def _tell(self, what: str, began: float, before: float, revision: str, *, handled: str = "") -> None:
        """Wait for all, and print a line."""
        done: dict[str, float] = {}
        async with asyncio.timeout(_LIMIT):
            while len(done) < self._count:
                for obj in await self._client.list_objects(KUSTOMIZE, "Kustomization", NAMESPACE):
                    if _has(obj.get("status") or {}, revision, handled):
                        done.setdefault(obj["metadata"]["name"], time.perf_counter() - began)
                await asyncio.sleep(EVERY)
        processor = f"{self._processes.processor - before:>8.1f}" if self._processes.pids else f"{'-':>8}"
        print(
            f"{self._count:>8} {what:>8} {max(done.values()):>8.1f} {statistics.mean(done.values()):>8.1f} {processor}"
        )


def _has(status: dict[str, object], revision: str, handled: str) -> bool:
    """Tell whether a Kustomization is ready with a revision, and has handled a request."""
    conditions = status.get("conditions") or []
    assert isinstance(conditions, list)
    ready = next((each for each in conditions if each["type"] == "Ready"), {"status": "", "message": ""})
    asked = not handled or status.get("lastHandledReconcileAt") == handled
    return ready["status"] == "True" and ready["message"].endswith(revision) and asked


@contextlib.contextmanager
def repository(here: Path, given: str) -> Iterator[tuple[str, Path]]:
    """Give the address of the repository, and a checkout of it."""
    checkout = here / "checkout"
    if given:
        subprocess.run(["git", "clone", "-q", given, str(checkout)], check=True)
        yield given, checkout
        return
    seed.seed(here / "git" / "fleet.git", {"README.md": "# Packages\n"})
    subprocess.run(["git", "clone", "-q", str(here / "git" / "fleet.git"), str(checkout)], check=True)
    with server.GitServer(here / "git") as git:
        yield git.url("fleet.git"), checkout


async def measure(kubeconfig: Path, count: int, processes: Processes, given: str) -> None:
    """Print the table."""
    print("{:>8} {:>8} {:>8} {:>8} {:>8}   seconds".format("packages", "what", "last", "mean", "CPU s"))
    with tempfile.TemporaryDirectory() as name, repository(Path(name), given) as (address, checkout):
        async with Client(await config.from_kubeconfig([kubeconfig])) as client:
            for namespace in (NAMESPACE, "apps"):
                with contextlib.suppress(errors.Conflict, errors.AlreadyExists):
                    await client.create_object(
                        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
                    )
            fleet = Fleet(client, checkout, processes, count)
            try:
                await fleet.install(address)
                await fleet.upgrade("upgrade", range(count), "1.1.0")
                await fleet.upgrade("one", [0], "1.2.0")
                await fleet.again()
            finally:
                await fleet.remove()


def main() -> None:
    """Read what is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", type=Path, help="the cluster that the controllers look after")
    parser.add_argument("--packages", type=int, default=100, help="how many there are")
    parser.add_argument("--pids", type=int, nargs="*", default=[], help="the controllers' processes on this machine")
    parser.add_argument("--repository", default="", help="an empty Git repository that both sides reach")
    given = parser.parse_args()
    if given.kubeconfig is None:
        print("--kubeconfig names the cluster to measure; without one there is nothing to do")
        return
    asyncio.run(measure(given.kubeconfig, given.packages, Processes(given.pids), given.repository))


if __name__ == "__main__":
    main()
