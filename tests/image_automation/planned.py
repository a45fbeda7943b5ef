"""A cluster in memory with an automation of a real bare repository: what plans are made of."""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pygit2

from gotk.api import scheme
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.source import GitRepository
from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects.commit import Person
from gotk.git.objects.seed import seed
from gotk.runtime.blocking import Limiter
from gotk.sources.git_access import GitAccess
from image_automation.app import reads
from image_automation.app.forges import unlabelled
from image_automation.desk import Desk
from image_automation.image_update_automation import ImageUpdateAutomationReconciler
from image_automation.marked_files import MarkedFiles
from image_automation.planner import Planned, Planner
from tests import running
from tests.image_automation.automating import FILE, Client, Waits, automation, nowhere, policy, repository
from tests.memory_cluster import MemoryCluster


class Objects:
    """What a cluster in memory holds, as a Reader."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self._cluster = cluster

    def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        found = self._cluster.objects.get((scheme.resource_of(kind).kind, namespace, name))
        return scheme.convert(found, kind) if found is not None else None

    def list(self, kind: type[Any], namespace: str | None = None) -> Sequence[Any]:
        wanted = scheme.resource_of(kind).kind
        return [
            scheme.convert(obj, kind)
            for (of, space, _), obj in sorted(self._cluster.objects.items())
            if of == wanted and namespace in (None, space)
        ]


class Api:
    """The same as the API serves it."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self._cluster = cluster

    async def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        return await self._cluster.get(kind, namespace, name)

    async def list(self, kind: type[Any], namespace: str) -> Sequence[Any]:
        return Objects(self._cluster).list(kind, namespace)

    async def merge_patch(
        self, kind: type[Any], namespace: str, name: str, patch: Mapping[str, Any], **how: Any
    ) -> Any:
        return await self._cluster.merge_patch(kind, namespace, name, patch, **how)


class Ground:
    """The cluster, the repository, and what plans for them. `person` is the cluster as somebody with rights has it."""

    def __init__(self, folder: Path, files: Mapping[str, str] | None = None, **spec: Any) -> None:
        self.remote = folder / "remote.git"
        seed(self.remote, dict(files or {"apps/web.yaml": FILE}))
        self.cluster = MemoryCluster()
        self.limiter = Limiter(width=1)
        self.clock = Waits()
        self.put(repository(f"file://{self.remote}"), policy("web", "a/web", "1.1"), automation(**spec))
        self.objects, self.person = Objects(self.cluster), Api(self.cluster)
        self.desk = Desk(
            objects=self.objects,
            client=self.person,
            access=GitAccess(objects=Client(self.objects), limiter=self.limiter),
            repositories=Mirrors(folder / "mirrors"),
            limiter=self.limiter,
            connect=nowhere,
            cross_namespace=True,
            allow_file=True,
            installation="flux-system",
        )
        self.planner = Planner(
            objects=self.objects,
            client=self.person,
            desk=self.desk,
            clock=self.clock,
            first_seen=lambda _, __: None,
        )
        self.files = MarkedFiles(planner=self.planner, limiter=self.limiter)

    def put(self, *objects: Any) -> None:
        for each in objects:
            self.cluster.put(scheme.to_builtins(each))

    def choose(self, tag: str, name: str = "web") -> None:
        self.put(policy(name, f"a/{name}", tag))

    @property
    def automation(self) -> ImageUpdateAutomation:
        found: ImageUpdateAutomation = self.objects.get(ImageUpdateAutomation, "apps", "auto")
        return found

    async def plan(self) -> Planned:
        return (await self.planner.drawn(self.automation)).plan

    async def run(self) -> running.Ended[ImageUpdateAutomation]:
        """Let the service have its turn."""
        reconciler = ImageUpdateAutomationReconciler(
            objects=self.objects,
            client=self.person,
            desk=self.desk,
            clock=self.clock,
            jitter=random.Random(1),
            deployers=(),
            reading=reads.reads,
            first_seen=lambda _, __: None,
            origins=unlabelled,
        )
        return await running.run_once(reconciler, self.automation)

    def commit(self, files: Mapping[str, str], *, by: str = "Ada", message: str = "By hand", when: datetime) -> str:
        return seed(
            self.remote, dict(files), author=Person(by, f"{by.lower()}@example.com"), message=message, when=when
        )

    def git(self) -> pygit2.Repository:
        return pygit2.Repository(str(self.remote))

    @property
    def head(self) -> str:
        return str(self.git().references["refs/heads/main"].target)

    def text(self, path: str = "apps/web.yaml") -> str:
        return self.git()[self.head].tree[path].data.decode()


KINDS = (ImageUpdateAutomation, ImagePolicy, GitRepository)
