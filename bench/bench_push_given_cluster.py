"""From a pushed tag to the changed Deployment on a cluster that is given, by whichever controllers run there.

    python bench/bench_push_given_cluster.py --kubeconfig FILE [--hooks URL] [--host ADDRESS] [--pushes 30]
        [--stories kustomization helmrelease] [--interval 5s] [--pids PID ...]

Ours, or Flux's six. Run it once for each side on the same cluster and compare: the objects are made, read and annotated
as for Flux, in a namespace of their own that is taken away again. On this machine it runs a registry (docker-registry
where that is installed, else the one that comes along) and a Git server over HTTP, which the controllers reach at
`--host`. Tags are brought by webhook where `--hooks` says where Receivers listen, such as http://127.0.0.1:9292: one is
called when the registry has a tag, a second one when the Git server has a commit, as registries and forges would.
Without it images and the repository are looked at each `--interval`.

Measured is from the moment when the registry has the tag until the Deployment's pod template has it. Deployments have
no replicas, so nothing is pulled or started. With `--pids` the processor's seconds of these processes, and all their
children, are told for each push.
"""

import argparse
import asyncio
import contextlib
import random
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import following
import given_objects
import pygit2
from bench_given_cluster import Processes
from following import Follower
from given_objects import NAMESPACE, REPOSITORY

from gotk.duration import Duration
from gotk.git.objects import seed
from gotk.git.serving import server
from gotk.kube import config, errors
from gotk.kube.client import Client
from gotk.oci import image
from gotk.oci.registry.server import RegistryServer
from image_automation.app.demo import timeline
from tests import registries

STORIES = ("kustomization", "helmrelease")
#: How often the branch is looked at for a new commit, in seconds, to call the webhook as a forge would.
EVERY = 0.005
#: Within how many seconds after the one before a push comes that a webhook tells of; else within an interval.
SPREAD = 0.3
LIMIT = 120.0
_SCANNED, _CHOSEN, *_, _APPLIED = timeline.MANIFESTS
_DECLARED = next(stage for stage in timeline.RELEASES if stage.name == "declared")
_KINDS = (
    (given_objects.IMAGE, "ImageRepository"),
    (given_objects.IMAGE, "ImagePolicy"),
    (given_objects.SOURCE, "GitRepository"),
    (given_objects.KUSTOMIZE, "Kustomization"),
    ("apps/v1", "Deployment"),
)
_RELEASE = (given_objects.HELM, "HelmRelease")
_OTHERS = ((given_objects.IMAGE, "ImageUpdateAutomation"), (given_objects.NOTIFICATION, "Receiver"), ("v1", "Secret"))

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Servers:
    """What the controllers talk to: a registry, and a Git server with one repository."""

    registry: str
    git: str
    repository: Path

    @property
    def tip(self) -> str:
        """The newest commit of the branch."""
        return str(pygit2.Repository(str(self.repository)).branches["main"].target)

    async def push(self, tag: str) -> None:
        """Push an image under a tag."""
        made = image.build_image(files={"version": f"{tag}\n".encode()})
        await image.push_image(f"http://{self.registry}", REPOSITORY, tag, made)


@contextlib.asynccontextmanager
async def serving(here: Path, host: str, secret: str, *, helm: bool) -> AsyncIterator[Servers]:
    """Run the servers on an address of this machine."""
    async with contextlib.AsyncExitStack() as stack:
        if shutil.which("docker-registry"):
            registry = stack.enter_context(registries.docker_registry(here, host=host))
        else:
            registry = (await stack.enter_async_context(RegistryServer(host=host))).address
        repository = here / "git" / "apps.git"
        seed.seed(repository, given_objects.files(registry, helm=helm))
        auth = server.BasicAuth("bench", secret)
        git = stack.enter_context(server.GitServer(here / "git", host=host, auth=auth))
        yield Servers(registry, git.url("apps.git"), repository)


class Cluster:
    """The objects of the benchmark in a cluster."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def make(self, servers: Servers, interval: str, secret: str) -> None:
        """Make the namespace and the objects."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        with contextlib.suppress(errors.Conflict, errors.AlreadyExists):
            await self.client.create_object(namespace)
        wanted = given_objects.objects(registry=servers.registry, git=servers.git, interval=interval, secret=secret)
        for obj in wanted:
            await self.client.create_object(obj)

    async def settle(self, revision: str, kinds: Sequence[tuple[str, str]]) -> None:
        """Wait until a revision is applied, and everything of it ready. Raises TimeoutError, and says what is not."""
        left = [""]
        try:
            async with asyncio.timeout(LIMIT):
                while left:
                    await asyncio.sleep(0.1)
                    left = [each for kind in kinds for each in await self._unready(kind, revision)]
        except TimeoutError:
            raise SystemExit(f"not ready within {LIMIT:.0f} s: {'; '.join(left)}") from None

    async def _unready(self, kind: tuple[str, str], revision: str) -> list[str]:
        found = await self.client.list_objects(*kind, NAMESPACE)
        if not found:
            return [f"there is no {kind[1]}"]
        return [f"{kind[1]} {_said(obj)}" for obj in found if not _is_ready(obj, revision)]

    async def door(self, name: str) -> str:
        """Return the path of a Receiver, once it has one."""
        async with asyncio.timeout(LIMIT):
            while True:
                found = await self.client.get_object(given_objects.NOTIFICATION, "Receiver", NAMESPACE, name)
                if path := (found.get("status") or {}).get("webhookPath"):
                    return str(path)
                await asyncio.sleep(0.1)

    async def remove(self) -> None:
        """Take everything away: first what applies, and with it what was applied."""
        kinds = ((given_objects.KUSTOMIZE, "Kustomization"), _RELEASE, *_OTHERS, *_KINDS)
        for kind in kinds:
            for obj in await self._left(kind):
                with contextlib.suppress(errors.NotFound):
                    await self.client.delete_object(*kind, NAMESPACE, obj["metadata"]["name"])
            async with asyncio.timeout(LIMIT):
                while True:
                    if not await self._left(kind):
                        break
                    await asyncio.sleep(0.1)
        await self.client.delete_object("v1", "Namespace", "", NAMESPACE)
        with contextlib.suppress(errors.NotFound):
            async with asyncio.timeout(LIMIT):
                while True:
                    await self.client.get_object("v1", "Namespace", "", NAMESPACE)
                    await asyncio.sleep(0.1)

    async def _left(self, kind: tuple[str, str]) -> list[Json]:
        try:
            return await self.client.list_objects(*kind, NAMESPACE)
        except errors.NotFound:  # a side may come without a kind
            return []


def _is_ready(obj: Json, revision: str) -> bool:
    status = obj.get("status") or {}
    if obj["kind"] == "Deployment":
        return True
    if obj["kind"] == "Kustomization" and not str(status.get("lastAppliedRevision")).endswith(revision):
        return False
    ready = next((each for each in status.get("conditions") or () if each["type"] == "Ready"), {})
    generation = ready.get("observedGeneration", obj["metadata"]["generation"])
    return ready.get("status") == "True" and generation == obj["metadata"]["generation"]


def _said(obj: Json) -> str:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return ", ".join(f"{each['type']}={each['status']} ({each.get('message', '')[:200]})" for each in conditions)


class Pushes:
    """Pushes tags, calls webhooks as registries and forges do, and follows each tag to the Deployment."""

    def __init__(
        self, servers: Servers, follower: Follower, doors: Sequence[str], session: aiohttp.ClientSession
    ) -> None:
        self._servers = servers
        self._follower = follower
        self._doors = doors
        self._session = session

    async def push(self, tag: str, *, helm: bool) -> following.Way:
        """Push a tag, and wait until the Deployment has it."""
        before = self._servers.tip
        fetched = timeline.Stage("fetched", "GitRepository", lambda obj, _: self._fetched(obj, before))
        await self._servers.push(tag)
        self._follower.begin(tag, (_SCANNED, _CHOSEN, fetched, *((_DECLARED,) if helm else ()), _APPLIED))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._commit(before))
            if self._doors:
                await self._call(self._doors[0])
                self._follower.mark("received")
            return await self._follower.arrived(LIMIT)

    async def _commit(self, before: str) -> None:
        """Wait for a commit on the branch, and call the webhook of the repository."""
        while True:
            if self._servers.tip != before:
                break
            await asyncio.sleep(EVERY)
        self._follower.mark("committed")
        for door in self._doors[1:]:
            await self._call(door)

    async def _call(self, door: str) -> None:
        async with self._session.post(door, json={}) as answer:
            answer.raise_for_status()

    def _fetched(self, obj: Any, before: str) -> str | None:
        revision = str(((obj.get("status") or {}).get("artifact") or {}).get("revision", ""))
        tip = self._servers.tip
        return revision if tip != before and revision.endswith(tip) else None


async def measure(given: argparse.Namespace, story: str) -> None:
    """Print a table of one story."""
    helm, secret = story == "helmrelease", secrets.token_urlsafe(12)
    kinds = (*_KINDS, *((_RELEASE,) if helm else ()))
    processes, chance = Processes(given.pids), random.Random(0)
    spread = SPREAD if given.hooks else Duration.parse(given.interval).seconds
    with tempfile.TemporaryDirectory() as name:
        async with (
            serving(Path(name), given.host, secret, helm=helm) as servers,
            Client(await config.from_kubeconfig([given.kubeconfig])) as client,
            aiohttp.ClientSession() as session,
        ):
            cluster = Cluster(client)
            try:
                await servers.push(given_objects.FIRST)
                await cluster.make(servers, "1h" if given.hooks else given.interval, secret)
                await cluster.settle(servers.tip, kinds)
                base = given.hooks.rstrip("/")
                doors = [f"{base}{await cluster.door(each)}" for each in ("image", "git")] if base else []
                ways = []
                before = processes.processor
                async with following.following(client, [(*kind, NAMESPACE) for kind in kinds]) as follower:
                    pushes = Pushes(servers, follower, doors, session)
                    for number in range(1, given.pushes + 1):
                        await asyncio.sleep(chance.uniform(0.0, spread))
                        ways.append(await pushes.push(f"1.0.{number}", helm=helm))
                        await cluster.settle(servers.tip, kinds)
                used = (processes.processor - before) / given.pushes
            finally:
                await cluster.remove()
    median, p99 = following.tell(f"{story} by {'webhook' if given.hooks else f'interval ({given.interval})'}", ways)
    processor = f", {used:.2f} s of a processor each" if given.pids else ""
    print(f"median {median:.3f} s, p99 {p99:.3f} s{processor}")


def main() -> None:
    """Read what is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", type=Path, help="the cluster that the controllers look after")
    parser.add_argument("--hooks", default="", help="where Receivers listen; without it tags are found by interval")
    parser.add_argument("--host", default="127.0.0.1", help="this machine, as the controllers reach it")
    parser.add_argument("--pushes", type=int, default=30, help="how many tags are pushed for each story")
    parser.add_argument("--stories", nargs="*", choices=STORIES, default=list(STORIES), help="what the tag stands in")
    parser.add_argument("--interval", default="5s", help="how often images and the repository are looked at")
    parser.add_argument("--pids", type=int, nargs="*", default=[], help="the controllers' processes on this machine")
    given = parser.parse_args()
    if given.kubeconfig is None:
        print("--kubeconfig names the cluster to measure; without one there is nothing to do")
        return
    for story in given.stories:
        asyncio.run(measure(given, story))


if __name__ == "__main__":
    main()
