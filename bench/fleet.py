"""A fleet for benchmarks: images, automations and repositories, whose registry and Git server run in this process.

In each interval a share of the images get a new tag while their oldest goes, so that what there is to know stays the
same. Of every tag it is known when it was pushed, and found out when it is in Git.
"""

import asyncio
import random
import re
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pygit2

from gotk.git.objects import seed
from gotk.kube.client import Client
from gotk.oci.registry.storage import Storage

KEPT, AT_ONCE, PAUSE = 20, 20, 0.2
INDEX = "application/vnd.oci.image.index.v1+json"
EMPTY = b'{"schemaVersion":2,"manifests":[]}'
TAG = re.compile(r":1\.0\.(\d+) +# .*team-\d+:app-(\d+)")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is, how often each object runs, in seconds, and which share of images gets a tag in that time."""

    images: int
    automations: int
    repositories: int
    interval: float
    share: float

    @property
    def objects(self) -> int:
        """How many objects the service reconciles."""
        return 2 * self.images + self.automations + self.repositories

    def team(self, image: int) -> int:
        """The team of an image, which has one repository and one namespace."""
        return image % self.repositories

    def folder(self, image: int) -> int:
        """The number, within its team, of the automation that an image is updated by."""
        return image // self.repositories % max(1, self.automations // self.repositories)


@dataclass(slots=True)
class Fleet:
    """The images, what was pushed of each and when, and what Git holds of it.

    `lags` are how many seconds each tag took that is in Git, as far as looks tell.
    """

    size: Size
    storage: Storage
    git: Path
    newest: list[int] = field(default_factory=list)
    waiting: dict[int, deque[tuple[int, float]]] = field(default_factory=dict)
    lags: list[float] = field(default_factory=list)
    pushed: int = 0
    commits: int = 0
    _heads: dict[int, str] = field(default_factory=dict)

    def begin(self) -> None:
        """Give every image some tags and every repository its files."""
        for image in range(self.size.images):
            for patch in range(KEPT):
                self.storage.put_manifest(f"app-{image}", f"1.0.{patch}", INDEX, EMPTY)
            self.newest.append(KEPT - 1)
            self.waiting[image] = deque([(KEPT - 1, time.monotonic())])
        for team in range(self.size.repositories):
            seed.seed(self.git / f"team-{team}.git", self._files(team))

    async def churn(self, seconds: float) -> None:
        """Push new tags of images, evenly over time: of each image one, in no order, before any gets another."""
        chance, began, done = random.Random(1), time.monotonic(), 0
        rate, left = self.size.images * self.size.share / self.size.interval, list[int]()
        while (passed := time.monotonic() - began) < seconds:
            while done < passed * rate:
                left = left or chance.sample(range(self.size.images), self.size.images)
                self._push(left.pop())
                done += 1
            await asyncio.sleep(PAUSE)

    def look(self) -> float:
        """See what is in Git by now; return how many seconds ago the oldest tag was pushed that is not, 0 for none."""
        now = time.monotonic()
        for image, patch in self._in_git():
            tags = self.waiting[image]
            while tags and tags[0][0] <= patch:
                self.lags.append(now - tags.popleft()[1])
        return max((now - tags[0][1] for tags in self.waiting.values() if tags), default=0.0)

    def _push(self, image: int) -> None:
        """Push the next tag of an image, and take its oldest away."""
        self.newest[image] += 1
        newest = self.newest[image]
        self.storage.put_manifest(f"app-{image}", f"1.0.{newest}", INDEX, EMPTY)
        self.storage.delete_manifest(f"app-{image}", f"1.0.{newest - KEPT}")
        self.waiting[image].append((newest, time.monotonic()))
        self.pushed += 1

    def _files(self, team: int) -> dict[str, str]:
        lines: dict[str, list[str]] = {}
        for image in range(team, self.size.images, self.size.repositories):
            marker = f'# {{"$imagepolicy": "team-{team}:app-{image}"}}'
            line = f"  app-{image}: registry.example.com/app-{image}:1.0.0 {marker}\n"
            lines.setdefault(f"apps/{self.size.folder(image)}/images.yaml", []).append(line)
        return {path: "".join(["images:\n", *found]) for path, found in lines.items()}

    def _in_git(self) -> Iterator[tuple[int, int]]:
        """Yield the images of branches that moved, and the last number of the version that each one holds."""
        for team in range(self.size.repositories):
            repository: Any = pygit2.Repository(str(self.git / f"team-{team}.git"))
            head = repository.references["refs/heads/main"].peel(pygit2.Commit)
            before, self._heads[team] = self._heads.get(team), str(head.id)
            if before == str(head.id):
                continue
            self.commits += sum(1 for _ in _since(head, before)) if before else 0
            for folder in head.tree["apps"]:
                for patch, image in TAG.findall(folder["images.yaml"].data.decode()):
                    yield int(image), int(patch)


def _since(head: Any, before: str) -> Iterator[Any]:
    while str(head.id) != before:
        yield head
        head = head.parents[0]


def objects(size: Size, registry: str, git: str) -> Iterator[Json]:
    """Yield everything that the service looks after, and the namespaces that it is in."""
    every = f"{size.interval:g}s"
    for team in range(size.repositories):
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"team-{team}"}}
        spec: Json = {"url": f"{git}/team-{team}.git", "interval": every, "ref": {"branch": "main"}}
        yield _made("GitRepository", "source", team, "fleet", spec)
    for image in range(size.images):
        team, name = size.team(image), f"app-{image}"
        spec = {"image": f"{registry}/{name}", "interval": every, "insecure": True}
        yield _made("ImageRepository", "image", team, name, spec)
        spec = {"imageRepositoryRef": {"name": name}, "policy": {"semver": {"range": "1.x"}}}
        yield _made("ImagePolicy", "image", team, name, spec)
    for number in range(size.automations):
        team, folder = number % size.repositories, number // size.repositories
        spec = {
            "interval": every,
            "sourceRef": {"kind": "GitRepository", "name": "fleet"},
            "git": {"commit": {"author": {"email": "bench@example.com"}}, "push": {"branch": "main"}},
            "update": {"path": f"./apps/{folder}", "strategy": "Setters"},
        }
        yield _made("ImageUpdateAutomation", "image", team, f"update-{folder}", spec)


def _made(kind: str, group: str, team: int, name: str, spec: Json) -> Json:
    metadata = {"name": name, "namespace": f"team-{team}"}
    return {"apiVersion": f"{group}.toolkit.fluxcd.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


async def create(client: Client, found: Sequence[Json]) -> None:
    """Make objects, some at a time; those that others live in come first."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(obj: Json) -> None:
        async with places:
            await client.create_object(obj)

    for first in (True, False):
        async with asyncio.TaskGroup() as group:
            for obj in found:
                if (obj["kind"] == "Namespace") is first:
                    group.create_task(one(obj))
