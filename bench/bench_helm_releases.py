"""100 HelmReleases of one chart: installed, upgraded, and looked at again with nothing changed.

Beside them a shell loop of `helm upgrade --install` over the same chart, on the same control plane, which runs in this
process. The service is a process of its own, with four releases under way at a time as by default; the loop has one.
Memory is the peak of the service, and of one helm; a helm that renders for the service takes as much on top. Last
comes the processor time of all children of the service during the idle round: zero means that no helm was started.
"""

import asyncio
import contextlib
import os
import resource
import shlex
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from gotk.apiserver import ControlPlane
from gotk.kube import config
from gotk.kube.client import Client
from tests.conformance.helm import Helm
from tests.deploy.source.charts.packed import chart

COUNT = int(os.environ.get("RELEASES", "100"))
OURS, PEER = "ours", "peer"
SOURCE, RELEASE = "source.toolkit.fluxcd.io/v1", "helm.toolkit.fluxcd.io/v2"
CONFIG = (
    b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {tag: {{ .Values.image.tag }}}\n"
)
ACCOUNT = b"apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: {{ .Release.Name }}}\n"

Json = dict[str, Any]


def packed() -> bytes:
    """Return the chart: a few objects that need no waiting."""
    return chart(more={"templates/config.yaml": CONFIG, "templates/account.yaml": ACCOUNT})


@contextlib.asynccontextmanager
async def repository(content: bytes) -> AsyncIterator[str]:
    """Serve a Helm repository with one chart."""
    index = b"apiVersion: v1\nentries: {web: [{name: web, version: 1.0.0, urls: [web-1.0.0.tgz]}]}\n"
    files = {"index.yaml": index, "web-1.0.0.tgz": content}

    async def serve(request: web.Request) -> web.Response:
        return web.Response(body=files[request.match_info["name"]])

    app = web.Application()
    app.router.add_get("/{name}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@contextlib.asynccontextmanager
async def service(kubeconfig: Path, folder: Path, programs: Path) -> AsyncIterator[int]:
    """Run the service, and return its process."""
    options = ["--controllers=helmrepository,helmchart,helmrelease", "--metrics-addr=0", "--health-addr=0"]
    options += ["--storage-addr=127.0.0.1:0", f"--kubeconfig={kubeconfig}", f"--data-dir={folder}"]
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    with (folder / "log").open("wb") as log:
        command = (sys.executable, "-m", "image_automation", "run", *options)
        child = await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)
        try:
            yield child.pid
        finally:
            child.terminate()
            await child.wait()


def made(api_version: str, kind: str, name: str, spec: Json) -> Json:
    """Return an object of the benchmark."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": OURS}, "spec": spec}


def release(number: int) -> Json:
    """Return one HelmRelease."""
    reference = {"kind": "HelmChart", "name": "web"}
    return made(
        RELEASE, "HelmRelease", f"app-{number}",
        {"interval": "1h", "chartRef": reference, "values": {"image": {"tag": "a"}}},
    )  # fmt: skip


async def until(client: Client, kind: tuple[str, str], count: int, holds: Callable[[Json], Any]) -> None:
    """Wait until something holds of so many objects."""
    while True:
        if sum(bool(holds(obj)) for obj in await client.list_objects(*kind, OURS)) >= count:
            return
        await asyncio.sleep(0.5)


def ready(obj: Json) -> bool:
    """Tell whether an object is ready."""
    return any(
        (each["type"], each["status"]) == ("Ready", "True") for each in obj.get("status", {}).get("conditions", ())
    )


def revision(obj: Json) -> int:
    """Return the revision that is deployed, 0 for none."""
    history = obj.get("status", {}).get("history") or [{"status": "", "version": 0}]
    return int(history[0]["version"]) if history[0]["status"] == "deployed" and ready(obj) else 0


async def everywhere(client: Client, patch: Json, holds: Callable[[Json], Any]) -> float:
    """Patch all releases, and return after how many seconds something holds of each."""
    began = time.perf_counter()
    for number in range(COUNT):
        await client.patch_object(RELEASE, "HelmRelease", OURS, f"app-{number}", patch)
    await until(client, (RELEASE, "HelmRelease"), COUNT, holds)
    return time.perf_counter() - began


async def of_service(client: Client, address: str, process: int) -> tuple[list[float], int]:
    """Return the seconds of install, upgrade and idle, and the processor time of children during the last."""
    await client.create_object(made(SOURCE, "HelmRepository", "charts", {"url": address, "interval": "1h"}))
    source = {"kind": "HelmRepository", "name": "charts"}
    spec = {"chart": "web", "version": "1.0.0", "interval": "1h", "sourceRef": source}
    await client.create_object(made(SOURCE, "HelmChart", "web", spec))
    await until(client, (SOURCE, "HelmChart"), 1, ready)
    began = time.perf_counter()
    for number in range(COUNT):
        await client.create_object(release(number))
    await until(client, (RELEASE, "HelmRelease"), COUNT, lambda obj: revision(obj) == 1)
    took = [time.perf_counter() - began]
    upgrade = {"spec": {"values": {"image": {"tag": "b"}}}}
    took.append(await everywhere(client, upgrade, lambda obj: revision(obj) == 2))
    before = children(process)
    asked = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}}
    took.append(await everywhere(client, asked, lambda obj: obj["status"].get("lastHandledReconcileAt") == "now"))
    return took, children(process) - before


def children(process: int) -> int:
    """Return the processor time, in hundredths of a second, of all children that a process has had."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[13]) + int(fields[14])


def peak(process: int) -> float:
    """Return the most memory that a process has had, in MiB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


async def of_loop(helm: Path, file: Path, kubeconfig: Path, tag: str) -> float:
    """Return how many seconds a shell loop takes."""
    upgrade = shlex.join([str(helm), "upgrade", "--install", "--namespace", PEER, "--set", f"image.tag={tag}"])
    loop = f"set -e; for n in $(seq {COUNT}); do {upgrade} app-$n {shlex.quote(str(file))}; done"
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(file.parent)}
    began = time.perf_counter()
    child = await asyncio.create_subprocess_exec("sh", "-c", loop, env=environment, stdout=asyncio.subprocess.DEVNULL)
    if await child.wait():
        raise SystemExit("helm failed")
    return time.perf_counter() - began


async def main() -> None:
    """Print the table."""
    from deploy import crds  # noqa: PLC0415

    if Helm.path is None:
        print("there is no helm here: nothing to measure")
        return
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        file, programs = here / "web-1.0.0.tgz", here / "bin"
        file.write_bytes(packed())
        programs.mkdir()
        (here / "data").mkdir()
        (programs / "helm").symlink_to(Helm.path)
        async with (
            repository(packed()) as address,
            ControlPlane(here / "plane") as plane,
            Client(await config.from_kubeconfig([plane.kubeconfig])) as client,
        ):
            for definition in crds.load():
                await client.create_object(definition)
            for namespace in (OURS, PEER):
                await client.create_object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
            loop = [await of_loop(Helm.path, file, plane.kubeconfig, tag) for tag in ("a", "b", "b")]
            of_helm = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            async with service(plane.kubeconfig, here / "data", programs) as process:
                ours, started = await of_service(client, address, process)
                of_ours = peak(process)
    print(f"{COUNT} releases {'install':>9} {'upgrade':>9} {'unchanged':>10} {'peak MiB':>9}   (seconds for all)")
    for who, row, memory in (("ours", ours, of_ours), ("helm loop", loop, of_helm)):
        print(f"{who:>12} {row[0]:>9.1f} {row[1]:>9.1f} {row[2]:>10.1f} {memory:>9.0f}")
    print(f"loop / ours  {loop[0] / ours[0]:>9.1f} {loop[1] / ours[1]:>9.1f} {loop[2] / ours[2]:>10.1f}")
    print(f"processor time of children of the service while nothing had changed: {started / 100:.2f} s")


if __name__ == "__main__":
    asyncio.run(main())
