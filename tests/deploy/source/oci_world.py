"""What tests of OCIRepositories stand on: a registry, a storage, and a reconciler between them."""

import contextlib
import io
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from deploy.source.oci.layer import Layers
from deploy.source.oci_repository import OCIRepositoryReconciler
from deploy.source.publishing import Publisher
from deploy.source.storage import Storage
from gotk.api import scheme
from gotk.api.meta import Artifact, Object
from gotk.api.source import OCIRepository
from gotk.oci.client import RegistryClient
from gotk.oci.registry.server import RegistryServer
from gotk.oci.registry.storage import Storage as Images
from gotk.runtime.blocking import Limiter
from gotk.sources.registry_access import RegistryAccess
from gotk.sources.verification import Verification
from tests.deploy.source.world import RETENTION
from tests.reflector.cluster import Cluster
from tests.running import Ended, run_once

Run = Ended[OCIRepository]


@dataclass
class World:
    storage: Storage
    client: RegistryClient
    limiter: Limiter
    root: Path
    address: str = ""
    secrets: tuple[Object, ...] = ()

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def reconciler(self) -> OCIRepositoryReconciler:
        scratch = self.root / "scratch"
        scratch.mkdir(exist_ok=True)
        objects = Cluster(*self.secrets)
        return OCIRepositoryReconciler(
            access=RegistryAccess(objects=objects),
            registry=self.client,
            verification=Verification(objects=objects, registry=self.client, limiter=self.limiter),
            layers=Layers(registry=self.client, blocking=self.limiter, scratch=scratch),
            publisher=Publisher(storage=self.storage, blocking=self.limiter),
        )

    async def run(self, obj: OCIRepository) -> Run:
        ended = await run_once(self.reconciler(), obj)
        assert list((self.root / "scratch").iterdir()) == [], "nothing is left behind"
        return ended

    def stored(self, ended: Run) -> bytes:
        return (self.storage.root / kept(ended).path).read_bytes()

    def content(self, ended: Run) -> dict[str, bytes | None]:
        with tarfile.open(fileobj=io.BytesIO(self.stored(ended))) as read:
            files = {member.name: read.extractfile(member) for member in read}
            return {name: file.read() if file else None for name, file in files.items() if name != "."}


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[World]:
    storage = Storage(folder / "data", address="source.local:9090", retention=RETENTION, algorithm="sha256")
    with Limiter(width=2) as limiter:
        async with RegistryServer(Images()) as registry, RegistryClient() as client:
            yield World(storage, client, limiter, folder, registry.address)


def repository(world: World, path: str = "team/app", **spec: Any) -> OCIRepository:
    value = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "OCIRepository",
        "metadata": {"name": "app", "namespace": "team", "generation": 1},
        "spec": {"url": f"oci://{world.address}/{path}", "interval": "1m", **spec},
    }
    return scheme.convert(value, OCIRepository)


def respecified(ended: Run, **spec: Any) -> OCIRepository:
    metadata = msgspec.structs.replace(ended.obj.metadata, generation=ended.obj.metadata.generation + 1)
    value = scheme.convert(scheme.to_builtins(ended.obj.spec) | spec, type(ended.obj.spec))
    return msgspec.structs.replace(ended.obj, metadata=metadata, spec=value)


def kept(ended: Run) -> Artifact:
    assert ended.obj.status.artifact is not None, ended.conditions
    return ended.obj.status.artifact
