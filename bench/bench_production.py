"""Packages to production: 100, 500 and 1,000 of them pushed at once, installed, upgraded and at rest.

A package is a Deployment scaled to zero, a ServiceAccount, a Service and an Ingress, as in the public benchmark of mean
time to production, and has a Kustomization of its own; one Git repository holds all of them. Git server and control
plane run in this process, the service is its own command in a process of its own. The peer is one `kubectl apply
--server-side` of the same objects on the same control plane, which neither fetches, builds, tries first, prunes nor
keeps an inventory.
Intervals are as long as the window at rest, so that each Kustomization runs once in it; what the service's processor
does meanwhile is held against what it did for the first install.
"""

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from deploy import crds
from gotk.apiserver import ControlPlane
from gotk.git.objects import seed
from gotk.git.serving import server
from gotk.kube import config
from gotk.kube.client import Client

SIZES = (100, 500, 1000)
WINDOW = 60
LOOP = 100
NAMESPACE = "flux-system"
KUSTOMIZE = "kustomize.toolkit.fluxcd.io/v1"
PACKAGE = """\
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}, namespace: {namespace}}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{type: ClusterIP, ports: [{{name: http, port: 9898, targetPort: http}}], selector: {{app: {name}}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  replicas: 0
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      serviceAccountName: {name}
      containers:
      - name: app
        image: example.com/app:{version}
        ports: [{{name: http, containerPort: 9898}}]
        resources: {{requests: {{cpu: 100m, memory: 64Mi}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  rules:
  - host: {name}.example.com
    http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {name}, port: {{name: http}}}}}}}}]}}
"""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Took:
    """How long something took until the last and, on average, each package was there; and the processor's seconds."""

    last: float
    mean: float
    processor: float


@dataclass(frozen=True, slots=True)
class Service:
    """The service's process, seen from outside."""

    pid: int

    @property
    def processor(self) -> float:
        """How many seconds of a processor it and its children have taken."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(int(each) for each in fields[11:15]) / os.sysconf("SC_CLK_TCK")

    @property
    def peak(self) -> float:
        """How many MiB it has had in memory at most."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def package(number: int, version: str, namespace: str = "apps") -> str:
    """Return the manifests of a package."""
    return PACKAGE.format(name=f"app-{number}", version=version, namespace=namespace)


def objects(count: int, git: str) -> Iterator[Json]:
    """Yield the source, and a Kustomization for each package."""
    spec: Json = {"url": f"{git}/fleet.git", "interval": "1h", "ref": {"branch": "main"}}
    metadata = {"name": "fleet", "namespace": NAMESPACE}
    yield {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository", "metadata": metadata, "spec": spec}
    for number in range(count):
        source = {"kind": "GitRepository", "name": "fleet"}
        spec = {"interval": f"{WINDOW}s", "path": f"./packages/{number}", "prune": True, "sourceRef": source}
        metadata = {"name": f"app-{number}", "namespace": NAMESPACE}
        yield {"apiVersion": KUSTOMIZE, "kind": "Kustomization", "metadata": metadata, "spec": spec}


@contextlib.asynccontextmanager
async def service(kubeconfig: Path, folder: Path, *flags: str) -> AsyncIterator[Service]:
    """Run the service as an operator does, with more flags."""
    health = f"127.0.0.1:{free_port()}"
    controllers = "--controllers=gitrepository,kustomization"
    closed = [f"--{name}-addr=0" for name in ("metrics", "explain", "dashboard")]
    options = [
        controllers,
        *closed,
        *flags,
        f"--health-addr={health}",
        "--storage-addr=127.0.0.1:0",
        "--log-level=error",
    ]
    command = [sys.executable, "-m", "image_automation", "run", f"--kubeconfig={kubeconfig}", f"--data-dir={folder}"]
    with (folder.parent / "log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(*command, *options, stdout=log, stderr=log)
        try:
            await ready(health)
            yield Service(child.pid)
        finally:
            child.terminate()
            await child.wait()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


async def ready(address: str) -> None:
    """Wait until the service is ready: its start is not what is measured."""
    async with aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with session.get(f"http://{address}/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)


async def applied(client: Client, count: int, revision: str, began: float) -> list[float]:
    """Wait until every Kustomization has applied a revision; returns after how many seconds each had."""
    done: dict[str, float] = {}
    async for _, obj in client.watch_objects(KUSTOMIZE, "Kustomization", NAMESPACE):
        status = obj.get("status") or {}
        ready = next((each for each in status.get("conditions") or () if each["type"] == "Ready"), {})
        if ready.get("message", "").endswith(revision) and ready["status"] == "True":
            done.setdefault(obj["metadata"]["name"], time.perf_counter() - began)
            if len(done) == count:
                break
    return list(done.values())


@dataclass(frozen=True, slots=True)
class Peer:
    """How many seconds kubectl takes for the same packages: one by one, and all at once."""

    loop: float
    once: float


async def kubectl(kubeconfig: Path, *words: str, text: str = "") -> None:
    """Run the peer."""
    program = str(Path(sys.executable).parent / "kubectl")
    process = await asyncio.create_subprocess_exec(
        *(program, f"--kubeconfig={kubeconfig}", "apply", "--server-side", *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    await process.communicate(text.encode())
    if process.returncode:
        raise SystemExit("kubectl failed")


async def peer(kubeconfig: Path, folder: Path, count: int, version: str) -> Peer:
    """Apply the packages in both ways."""
    looped = min(count, LOOP)
    for number in range(looped):
        place = folder / str(number)
        place.mkdir(parents=True, exist_ok=True)
        (place / "kustomization.yaml").write_text("resources: [app.yaml]\n")
        (place / "app.yaml").write_text(package(number, version, "loop"))
    began = time.perf_counter()
    for number in range(looped):
        await kubectl(kubeconfig, "-k", str(folder / str(number)))
    loop = (time.perf_counter() - began) / looped * count
    text = "---\n".join(package(number, version, "peer") for number in range(count))
    began = time.perf_counter()
    await kubectl(kubeconfig, "-f", "-", text=text)
    return Peer(loop, time.perf_counter() - began)


def commit(repository: Path, count: int, version: str) -> str:
    """Push every package in a version, all at once."""
    files = {f"packages/{number}/app.yaml": package(number, version) for number in range(count)}
    return seed.seed(repository, files)


async def measure(count: int) -> None:
    """Install, upgrade, rest; print one line for each."""
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        with server.GitServer(here / "git") as git:
            async with (
                ControlPlane(here / "plane") as plane,
                Client(await config.from_kubeconfig([plane.kubeconfig])) as client,
            ):
                for definition in crds.load():
                    await client.create_object(definition)
                for namespace in (NAMESPACE, "apps", "loop", "peer"):
                    metadata = {"name": namespace}
                    await client.create_object({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
                await compare(client, plane.kubeconfig, here, git.url("").rstrip("/"), count)


async def compare(client: Client, kubeconfig: Path, here: Path, git: str, count: int) -> None:
    """Hold the service against kubectl."""
    repository = here / "git" / "fleet.git"
    theirs = [await peer(kubeconfig, here / "loop", count, version) for version in ("1.0.0", "1.1.0", "1.1.0")]
    async with service(kubeconfig, here / "data") as running:
        revision = commit(repository, count, "1.0.0")
        before, began = running.processor, time.perf_counter()
        for obj in objects(count, git):
            await client.create_object(obj)
        first = took(await applied(client, count, revision, began), running.processor - before)
        line(count, "install", first, theirs[0], running)
        revision = commit(repository, count, "1.1.0")
        before, began = running.processor, time.perf_counter()
        now = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "upgrade"}}}
        await client.patch_object("source.toolkit.fluxcd.io/v1", "GitRepository", NAMESPACE, "fleet", now)
        second = took(await applied(client, count, revision, began), running.processor - before)
        line(count, "upgrade", second, theirs[1], running)
        await asyncio.sleep(WINDOW * 1.1)  # the jitter of the intervals spreads them over the window
        before = running.processor
        await asyncio.sleep(WINDOW)
        rest(count, running.processor - before, first, theirs[2], running)


def took(seconds: list[float], processor: float) -> Took:
    """Sum up."""
    return Took(max(seconds), statistics.mean(seconds), processor)


def line(count: int, what: str, ours: Took, theirs: Peer, running: Service) -> None:
    """Print how long it took."""
    print(
        f"{count:>8} {what:>8} {ours.last:>8.1f} {ours.mean:>8.1f} {theirs.loop:>9.1f} {ours.last / theirs.loop:>6.2f} "
        f"{theirs.once:>9.1f} {ours.last / theirs.once:>6.2f} "
        f"{ours.processor:>8.1f} {running.peak:>8.0f}",
        flush=True,
    )


def rest(count: int, processor: float, first: Took, theirs: Peer, running: Service) -> None:
    """Print what an interval costs in which nothing changes; kubectl's columns are applies that change nothing."""
    share = f"{100 * processor / first.processor:.1f} % of the processor's time for the first install"
    peers = f"{theirs.loop:>9.1f} {'':>6} {theirs.once:>9.1f} {'':>6}"
    print(
        f"{count:>8} {'at rest':>8} {'':>8} {'':>8} {peers} {processor:>8.2f} {running.peak:>8.0f}   {share}",
        flush=True,
    )


def sizes() -> Mapping[str, Any]:
    """Read how many packages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES), help="how many packages, one after another")
    return vars(parser.parse_args())


async def main() -> None:
    """Print the table."""
    head = ("packages", "what", "last", "mean", "-k loop", "ratio", "kubectl", "ratio", "CPU s", "peak MiB")
    print("{:>8} {:>8} {:>8} {:>8} {:>9} {:>6} {:>9} {:>6} {:>8} {:>8}   seconds".format(*head))
    for count in sizes()["sizes"]:
        await measure(count)


if __name__ == "__main__":
    asyncio.run(main())
