"""The GitRepository reconciler over repositories on this disk, with secrets in memory."""

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pygit2

from deploy.source.checkouts.verification import Verifier
from deploy.source.git_repository import GitRepositoryReconciler
from deploy.source.publishing import Publisher
from deploy.source.storage import Retention, Storage
from gotk.api import scheme
from gotk.api.core import Secret
from gotk.api.meta import Artifact, ObjectMeta
from gotk.api.source import GitRepository
from gotk.git.mirrors.mirror import Mirrors
from gotk.kube.errors import NotFound
from gotk.runtime.blocking import Limiter
from gotk.sources.git_access import GitAccess
from tests.running import NOON, Ended, run_once

Run = Ended[GitRepository]


class Vault:
    """Secrets in memory."""

    def __init__(self) -> None:
        self.secrets: dict[str, Secret] = {}

    def put(self, name: str, **data: bytes) -> None:
        metadata = ObjectMeta(name=name, namespace="apps")
        kept = {key.replace("__", "."): value for key, value in data.items()}
        self.secrets[name] = Secret(api_version="v1", kind="Secret", metadata=metadata, data=kept)

    async def get(self, kind: type, namespace: str, name: str) -> Secret:
        if namespace != "apps" or name not in self.secrets:
            raise NotFound(404, "NotFound", f'secrets "{name}" not found')
        return self.secrets[name]


class Cache:
    """GitRepositories as a watch cache would have them."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], GitRepository] = {}

    def put(self, obj: GitRepository) -> None:
        self.objects[obj.metadata.namespace, obj.metadata.name] = obj

    def get(self, kind: type[GitRepository], namespace: str, name: str) -> GitRepository | None:
        return self.objects.get((namespace, name)) if kind is GitRepository else None

    def list(self, kind: type[GitRepository], namespace: str | None = None) -> list[GitRepository]:
        return [obj for (where, _), obj in self.objects.items() if namespace in (None, where)]


@dataclass
class World:
    reconciler: GitRepositoryReconciler
    storage: Storage
    vault: Vault
    cache: "Cache"
    root: Path

    async def run(self, obj: GitRepository, *, now: datetime = NOON) -> Run:
        return await run_once(self.reconciler, obj, now=now)

    def content(self, ended: Run) -> dict[str, bytes | None]:
        """Unpack the artifact that the object's status names."""
        artifact = ended.obj.status.artifact
        assert artifact is not None
        with tarfile.open(fileobj=io.BytesIO((self.storage.root / artifact.path).read_bytes())) as read:
            files = {member.name: read.extractfile(member) for member in read}
            return {name: file.read() if file else None for name, file in files.items() if name != "."}


RETENTION = Retention(ttl=timedelta(minutes=1), records=2)


@contextmanager
def made(folder: Path) -> Iterator[World]:
    """Build a reconciler with everything below a folder."""
    storage, vault = (
        Storage(folder / "data", address="source.local:9090", retention=RETENTION, algorithm="sha256"),
        Vault(),
    )
    cache = Cache()
    with Limiter(width=2) as limiter:
        reconciler = GitRepositoryReconciler(
            access=GitAccess(objects=vault, limiter=limiter),
            objects=cache,
            mirrors=Mirrors(folder / "mirrors"),
            publisher=Publisher(storage=storage, blocking=limiter),
            storage=storage,
            verifier=Verifier(objects=vault, blocking=limiter),
            blocking=limiter,
            scratch=folder,
            allow_file=True,
        )
        yield World(reconciler, storage, vault, cache, folder)


def repository(url: str | Path, name: str = "fleet", **spec: object) -> GitRepository:
    value = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": name, "namespace": "apps", "generation": 1},
        "spec": {"url": f"file://{url}" if isinstance(url, Path) else url, "interval": "1m", **spec},
    }
    return scheme.convert(value, GitRepository)


MAIN = {"branch": "main"}


def tip(path: Path, name: str = "refs/heads/main") -> str:
    return str(pygit2.Repository(str(path)).revparse_single(name).peel(pygit2.Commit).id)


def kept(ended: Run) -> Artifact:
    assert ended.obj.status.artifact is not None
    return ended.obj.status.artifact
