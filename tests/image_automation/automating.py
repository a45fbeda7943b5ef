"""An ImageUpdateAutomation at work: objects in memory, a real bare repository, and the world to look at afterwards."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pygit2

from gotk.api import core, extensions, scheme
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.meta import Object
from gotk.api.source import GitRepository
from gotk.cloud.git_login import GitLogins
from gotk.git.mirrors.mirror import Mirror, Mirrors
from gotk.git.objects.seed import seed
from gotk.kube import errors as kube
from gotk.runtime.blocking import Limiter
from gotk.sources.git_access import GitAccess
from image_automation.app import reads
from image_automation.app.forges import unlabelled
from image_automation.desk import Desk
from image_automation.image_update_automation import ImageUpdateAutomationReconciler
from image_automation.pull_requests.access import Asker, Connect, Way
from image_automation.pull_requests.origins import Origins
from tests import running

FILE = 'kind: Pod\nmetadata:\n  name: web\nspec:\n  image: a/web:1.0   # {"$imagepolicy": "apps:web"}\n'


class Store:
    """Objects by kind, namespace and name; a Reader and a client in one."""

    def __init__(self, *objects: Object) -> None:
        self._objects: dict[tuple[type[Object], str, str], Object] = {}
        for each in objects:
            self.put(each)

    def put(self, obj: Any) -> None:
        self._objects[type(obj), obj.metadata.namespace, obj.metadata.name] = obj

    def remove(self, kind: type[Object], namespace: str, name: str) -> None:
        del self._objects[kind, namespace, name]

    def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        return self._objects.get((kind, namespace, name))

    def list(self, kind: type[Any], namespace: str | None = None) -> Sequence[Any]:
        return [each for (of, where, _), each in self._objects.items() if of is kind and namespace in (None, where)]


class Client:
    """The store as the API serves it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        found = self._store.get(kind, namespace, name)
        if found is None:
            raise kube.NotFound(404, "NotFound", f'secrets "{name}" not found')
        return found

    async def list(self, kind: type[Any], namespace: str) -> Sequence[Any]:
        return self._store.list(kind, namespace)


class Waits:
    """A clock whose sleeps take no time and are written down."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> Any:
        return running.NOON

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def nowhere(way: Way) -> Asker:
    """Lead to no forge: nobody may ask for one."""
    raise AssertionError(way)


class World:
    """A repository, a policy, an automation, and the reconciler."""

    def __init__(self, folder: Path, files: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.remote = folder / "remote.git"
        self.first = seed(self.remote, files if files is not None else {"apps/web.yaml": FILE, "README.md": "hello\n"})
        self.store = Store(repository(f"file://{self.remote}"), policy("web", "a/web", "1.1"))
        self.limiter = Limiter(width=2)
        self.logins: GitLogins | None = None
        self.clock = Waits()
        self.repositories: Any = Mirrors(folder / "mirrors")
        self.connect: Connect = nowhere
        self.origins: Origins = unlabelled
        self.reconciler = self.restarted()

    def restarted(
        self, *, allow_file: bool = True, cross_namespace: bool = True, **settings: Any
    ) -> ImageUpdateAutomationReconciler:
        """Make a reconciler that remembers nothing, as after a crash."""
        self.desk = Desk(
            objects=self.store,
            client=settings.get("client") or Client(self.store),
            access=GitAccess(objects=Client(self.store), limiter=self.limiter, logins=self.logins),
            repositories=self.repositories,
            limiter=self.limiter,
            connect=self.connect,
            cross_namespace=cross_namespace,
            allow_file=allow_file,
            installation="flux-system",
        )
        self.reconciler = ImageUpdateAutomationReconciler(
            objects=self.store,
            desk=self.desk,
            clock=self.clock,
            jitter=random.Random(1),
            first_seen=lambda _, __: None,
            origins=self.origins,
            reading=reads.reads,
            **{"client": Client(self.store), "deployers": (), **settings},
        )
        return self.reconciler

    async def run(self, automation: ImageUpdateAutomation) -> running.Ended[ImageUpdateAutomation]:
        return await running.run_once(self.reconciler, automation)

    def git(self) -> pygit2.Repository:
        return pygit2.Repository(str(self.remote))

    def head(self, branch: str = "main") -> str:
        return str(self.git().references[f"refs/heads/{branch}"].target)

    def commits(self, branch: str = "main") -> list[pygit2.Commit]:
        return list(self.git().walk(self.head(branch)))

    def text(self, path: str, branch: str = "main") -> str:
        return self.git()[self.head(branch)].tree[path].data.decode()


class Opening(Mirrors):
    """Mirrors of another class in the same directory."""

    def __init__(self, root: Path, kind: type[Mirror]) -> None:
        super().__init__(root)
        self._made, self._kind = root, kind

    def open(self, url: str, *arguments: Any, timeout: float = 60, depth: int = 1, **_: Any) -> Mirror:
        return self._kind(self._made / "one.git", url, *arguments, timeout=timeout, depth=depth)


def policy(name: str, image: str, tag: str, *, digest: str = "", namespace: str = "apps", **labels: str) -> ImagePolicy:
    return scheme.convert(
        {
            "apiVersion": "image.toolkit.fluxcd.io/v1",
            "kind": "ImagePolicy",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {"imageRepositoryRef": {"name": name}, "policy": {"semver": {"range": "*"}}},
            "status": {"latestRef": {"name": image, "tag": tag, "digest": digest}} if tag else {},
        },
        ImagePolicy,
    )


def repository(url: str, *, namespace: str = "apps", **spec: Any) -> GitRepository:
    return scheme.convert(
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": "fleet", "namespace": namespace, "generation": 1},
            "spec": {"url": url, "interval": "1m", "ref": {"branch": "main"}, **spec},
        },
        GitRepository,
    )


def automation(name: str = "auto", *, generation: int = 1, **spec: Any) -> ImageUpdateAutomation:
    git = {"commit": {"author": {"email": "bot@example.com", "name": "Bot"}}}
    return scheme.convert(
        {
            "apiVersion": "image.toolkit.fluxcd.io/v1",
            "kind": "ImageUpdateAutomation",
            "metadata": {"name": name, "namespace": "apps", "generation": generation},
            "spec": {"sourceRef": {"name": "fleet"}, "interval": "5m", "git": git, **spec},
        },
        ImageUpdateAutomation,
    )


def opted_in(automation: ImageUpdateAutomation, patterns: str) -> ImageUpdateAutomation:
    """The automation as one that looks into text files, too."""
    annotations = {**automation.metadata.annotations, extensions.TEXT_FILES: patterns}
    metadata = msgspec.structs.replace(automation.metadata, annotations=annotations)
    return msgspec.structs.replace(automation, metadata=metadata)


def git_spec(**changes: Any) -> dict[str, Any]:
    """The `git` part of a spec, with further fields of `commit` or beside it."""
    author = {"author": {"email": "bot@example.com", "name": "Bot"}}
    return {"commit": {**author, **changes.pop("commit", {})}, **changes}


def secret(name: str, data: dict[str, bytes], namespace: str = "apps") -> core.Secret:
    empty = scheme.convert(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}}, core.Secret
    )
    return msgspec.structs.replace(empty, data=data)
