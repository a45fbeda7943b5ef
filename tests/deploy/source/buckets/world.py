"""A reconciler of Buckets over storage and secrets of its own."""

import contextlib
import io
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.source.bucket import BucketReconciler
from deploy.source.buckets import gcs
from deploy.source.publishing import Publisher
from deploy.source.storage import Retention, Storage
from gotk.api import scheme
from gotk.api.source import Bucket
from gotk.cloud.azure import Azure
from gotk.cloud.git_login import Iam
from gotk.cloud.google import Google
from gotk.cloud.identity import Identities
from gotk.http.transport import Transport
from gotk.runtime.blocking import Limiter
from gotk.sources.bucket_access import BucketAccess
from gotk.sources.bucket_sts import Directory
from tests.deploy.source.vault import Vault
from tests.running import Ended, run_once

Run = Ended[Bucket]


@dataclass
class World:
    reconciler: BucketReconciler
    storage: Storage
    vault: Vault

    async def run(self, obj: Bucket) -> Run:
        return await run_once(self.reconciler, obj)

    def files(self, ended: Run) -> dict[str, bytes]:
        assert ended.obj.status.artifact is not None, ended.conditions
        packed = (self.storage.root / ended.obj.status.artifact.path).read_bytes()
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            opened = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
            return {name: file.read() for name, file in opened.items() if file is not None}


@contextlib.asynccontextmanager
async def opened(
    place: Path,
    *,
    address: str = gcs.ADDRESS,
    google: Google | None = None,
    azure: Azure | None = None,
    directory: Directory | None = None,
    iam: Iam | None = None,
    identities: Identities | None = None,
) -> AsyncIterator[World]:
    """Open a world; `address` is where Google's store is."""
    retention = Retention(ttl=timedelta(minutes=1), records=2)
    storage = Storage(place / "data", address="source.local", retention=retention, algorithm="sha256")
    vault = Vault()
    (place / "scratch").mkdir()
    with Limiter(width=2) as limiter:
        async with Transport() as transport:
            reconciler = BucketReconciler(
                access=BucketAccess(
                    objects=vault, iam=iam, google=google, azure=azure, directory=directory, identities=identities
                ),
                transport=transport,
                publisher=Publisher(storage=storage, blocking=limiter),
                blocking=limiter,
                scratch=place / "scratch",
                now=lambda: datetime.now(UTC),
                google=address,
            )
            yield World(reconciler, storage, vault)
        assert not list((place / "scratch").iterdir()), "nothing of a fetch stays"


def bucket(endpoint: str, **spec: object) -> Bucket:
    value = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "Bucket",
        "metadata": {"name": "fleet", "namespace": "apps", "generation": 1},
        "spec": {"bucketName": "fleet", "endpoint": endpoint, "insecure": True, "interval": "1m", **spec},
    }
    return scheme.convert(value, Bucket)
