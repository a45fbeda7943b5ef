"""Building and applying 1, 10 and 100 ConfigMaps, beside `kubectl apply --server-side -k` on the same control plane.

Ours does more in the first run: a dry run of everything before the first write. A second run with nothing changed
shows what an interval costs; the third column has one object of all changed.
"""

import asyncio
import hashlib
import io
import sys
import tarfile
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from aiohttp import web

from deploy.cluster.apply import Applier
from deploy.cluster.trial import USUAL
from deploy.cluster.wait import Waiter
from deploy.kustomize import owner
from deploy.kustomize.attempt import Attempt
from deploy.kustomize.building.assembly import Assembler
from deploy.kustomize.building.bases.fetching import NoRemoteBases
from deploy.kustomize.building.build import Builder, find_command
from deploy.kustomize.decryption import sops
from deploy.kustomize.decryption.keyring import Keyring
from deploy.kustomize.decryption.services import NoServices
from deploy.kustomize.decryption.sops import Sops
from deploy.source.download import Downloads
from deploy.source.fetch import Trees
from gotk.api import scheme
from gotk.api.kustomize import Kustomization
from gotk.api.meta import Artifact
from gotk.apiserver import ControlPlane
from gotk.http.transport import Transport
from gotk.kube.client import Client
from gotk.kube.config import from_kubeconfig
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import SystemClock
from gotk.sandbox.confinement import Confinement

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: default}}\ndata: {{key: {value}}}\n"


class Quiet:
    """A run that nobody watches."""

    async def progress(self, message: str, *, ready_unknown: bool = False) -> None:
        """Say nothing."""


class Ours:
    """The path of a Kustomization from an archive to applied objects."""

    def __init__(self, client: Client, transport: Transport, limiter: Limiter, scratch: Path) -> None:
        clock = SystemClock()
        downloads = Downloads(transport=transport, clock=clock, limiter=limiter, retries=5, each=None)
        trees = Trees(downloads=downloads, limiter=limiter, scratch=scratch, capacity=8)
        builder = Builder(
            command=find_command(),
            limiter=limiter,
            scratch=scratch,
            confine=Confinement.command,
            fetches=NoRemoteBases(),
        )
        self.archives: dict[str, bytes] = {}
        self.url = ""
        keyring = Keyring(
            objects=client,
            sops=Sops(find=sops.find_command, scratch=scratch, confine=Confinement.command, opens=NoServices()),
            age_secret=None,
            workload_identity=False,
            default_account="",
        )
        self._assembler = Assembler(
            trees=trees, builder=builder, client=client, keyring=keyring, limiter=limiter, strict=True
        )
        self._client = client
        self._applier = Applier(clock=clock, waiter=Waiter(clock=clock), manner=USUAL)

    async def serve(self, request: web.Request) -> web.Response:
        """Serve an archive."""
        return web.Response(body=self.archives[request.match_info["name"]])

    def publish(self, files: dict[str, str]) -> Artifact:
        """Pack files and return the artifact."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
        body = buffer.getvalue()
        digest = hashlib.sha256(body).hexdigest()
        self.archives[digest] = body
        url = f"{self.url}/{digest}"
        return Artifact(digest=f"sha256:{digest}", path="", url=url, revision=digest, last_update_time="")

    async def run(self, artifact: Artifact) -> None:
        """Build and apply."""
        obj = scheme.convert(
            {
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
                "kind": "Kustomization",
                "metadata": {"name": "bench", "namespace": "default"},
                "spec": {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "x"}},
            },
            Kustomization,
        )
        run: Any = Quiet()
        attempt = Attempt(obj, run, artifact, 0.0, steady=False)
        built = await self._assembler.build(attempt)
        assembled = await self._assembler.objects(obj, built)
        await self._applier.apply(assembled.manifests, cluster=self._client, owner=owner.of(obj))


async def timed(work: Awaitable[None]) -> float:
    """Return how many milliseconds something takes."""
    began = time.perf_counter()
    await work
    return (time.perf_counter() - began) * 1000


async def kubectl(kubeconfig: Path, directory: Path) -> None:
    """Run the peer."""
    program = Path(sys.executable).parent / "kubectl"
    arguments = (str(program), f"--kubeconfig={kubeconfig}", "apply", "--server-side", "-k", str(directory))
    process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.DEVNULL)
    if await process.wait():
        raise SystemExit("kubectl failed")


def manifests(prefix: str, count: int, value: str = "a") -> dict[str, str]:
    """Return so many ConfigMaps; the first has the given value."""
    return {
        f"cm{number}.yaml": CONFIG_MAP.format(name=f"{prefix}{number}", value="a" if number else value)
        for number in range(count)
    }


def write(directory: Path, files: dict[str, str]) -> Path:
    """Write a source for kubectl, which needs the kustomization file that ours makes itself."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)
    (directory / "kustomization.yaml").write_text(f"resources: [{', '.join(files)}]\n")
    return directory


async def main() -> None:
    """Print the table."""
    print(f"{'objects':>8} {'who':>8} {'first':>10} {'unchanged':>10} {'one changed':>12}   (ms)")
    with tempfile.TemporaryDirectory() as name, Limiter(width=2) as limiter:
        here = Path(name)
        async with (
            ControlPlane(here / "plane") as plane,
            Transport() as transport,
            Client(await from_kubeconfig([plane.kubeconfig])) as client,
        ):
            ours = Ours(client, transport, limiter, here)
            app = web.Application()
            app.router.add_get("/{name}", ours.serve)
            runner = web.AppRunner(app)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            ours.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            for count in (1, 10, 100):
                await compare(ours, plane.kubeconfig, here, count)
            await runner.cleanup()


async def compare(ours: Ours, kubeconfig: Path, here: Path, count: int) -> None:
    """Print two lines for one number of objects."""
    artifact = ours.publish(manifests(f"o{count}-", count))
    changed = ours.publish(manifests(f"o{count}-", count, "b"))
    row = [await timed(ours.run(each)) for each in (artifact, artifact, changed)]
    print(f"{count:>8} {'ours':>8} {row[0]:>10.0f} {row[1]:>10.1f} {row[2]:>12.0f}")
    peer = write(here / f"peer{count}", manifests(f"p{count}-", count))
    row = [await timed(kubectl(kubeconfig, peer)) for _ in range(2)]
    write(peer, manifests(f"p{count}-", count, "b"))
    row.append(await timed(kubectl(kubeconfig, peer)))
    print(f"{count:>8} {'kubectl':>8} {row[0]:>10.0f} {row[1]:>10.1f} {row[2]:>12.0f}")


if __name__ == "__main__":
    asyncio.run(main())
