"""The Bucket: list what its store holds, fetch what is new, store it as an artifact, say so.

Answers to source-controller's BucketReconciler: its order, conditions, messages and events, and that only the bucket's
own rules and `spec.ignore` leave keys out. A bucket whose keys and tags are as before costs its listing alone.
"""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from deploy.source import archive, folder, publishing
from deploy.source.buckets import gcs, listing
from deploy.source.buckets.blob import BlobAccess, BlobContainer
from deploy.source.buckets.fetching import Fetching
from deploy.source.buckets.gcs import GcsAccess, GcsBucket
from deploy.source.buckets.s3 import S3Access, S3Bucket
from deploy.source.buckets.store import Store, StoreError
from deploy.source.publishing import FETCH_FAILED, Publisher, Release
from deploy.source.tarball import Written
from gotk.api.source import Bucket, BucketStatus
from gotk.http.transport import Transport
from gotk.runtime.blocking import Limiter
from gotk.runtime.conditions import Rules
from gotk.runtime.errors import Retry, Stalled
from gotk.runtime.reconciler import Outcome, Run, Watch
from gotk.sources.bucket_access import BucketAccess, Refused


class BucketReconciler:
    """Keeps the artifact of every Bucket up to date."""

    kind = Bucket
    controller = "source-controller"
    rules = Rules(
        interval_jitter=True,
        positive=("ArtifactInStorage",),
        negative=("StorageOperationFailed", FETCH_FAILED, "ArtifactOutdated"),
    )
    watches: Sequence[Watch[Any]] = ()
    unsupported: Sequence[str] = ()

    def __init__(
        self,
        *,
        access: BucketAccess,
        transport: Transport,
        publisher: Publisher,
        blocking: Limiter,
        scratch: Path,
        now: Callable[[], datetime],
        google: str = gcs.ADDRESS,
    ) -> None:
        """Take what it works with; `scratch` is where objects lie until they are stored, `google` Google's address."""
        self._access = access
        self._transport = transport
        self._publisher = publisher
        self._blocking = blocking
        self._scratch = scratch
        self._now = now
        self._google = google

    async def reconcile(self, obj: Bucket, run: Run[BucketStatus]) -> Outcome:
        """List, and fetch and store what is new."""
        await self._publisher.check(run)
        bucket = await self._open(obj, run)
        after, timeout = obj.spec.interval.seconds, obj.spec.timeout.seconds
        async with self._folder() as place:
            fetching = Fetching(bucket, self._blocking, place)
            listed = fetching.tags(obj.spec.bucket_name, obj.spec.prefix, obj.spec.ignore)
            tags = await self._within(run, timeout, listed)
            current = run.status.artifact
            if current is not None and current.revision == listing.digest(tags):
                run.conditions.delete(FETCH_FAILED)
                stored = publishing.stored(current.revision)
                said = publishing.up_to_date(current.revision, _event(obj, len(tags)), stored)
                return self._publisher.keep(run, current, said, after=after)
            tags = await self._within(run, timeout, fetching.files(obj.spec.bucket_name, tags))
            run.conditions.delete(FETCH_FAILED)
            revision = listing.digest(tags)
            await self._publisher.begin(run, f"new upstream revision '{revision}'")
            return await self._publisher.publish(obj, run, _release(obj, revision, place, len(tags)), after=after)

    async def finalize(self, obj: Bucket, run: Run[BucketStatus]) -> None:
        """Delete every artifact of the object. Raises Retry."""
        await self._publisher.remove_all(obj, run)
        self._access.forget(obj)

    async def _open(self, obj: Bucket, run: Run[BucketStatus]) -> Store:
        try:
            reached = await self._access.of(obj)
        except Refused as error:
            if error.final:
                run.conditions.mark_true(FETCH_FAILED, error.final, str(error))
                raise Stalled(error.final, str(error)) from error
            _fail(run, "AuthenticationFailed", str(error))
        spec = obj.spec
        if reached.token is not None:
            google = GcsAccess(bucket=spec.bucket_name, token=reached.token, address=self._google, proxy=reached.proxy)
            return GcsBucket(self._transport, google)
        if (blob := reached.blob) is not None:
            azure = BlobAccess(
                endpoint=blob.endpoint,
                container=spec.bucket_name,
                token=blob.token,
                account=blob.account,
                key=blob.key,
                proxy=reached.proxy,
            )
            return BlobContainer(self._transport, azure, now=self._now)
        if not spec.endpoint or any(sign in spec.endpoint for sign in "/?#@ \\"):
            _fail(run, "BucketOperationFailed", f"the endpoint '{spec.endpoint}' is no host, or host and port")
        access = S3Access(
            endpoint=spec.endpoint,
            bucket=spec.bucket_name,
            region=spec.region,
            insecure=spec.insecure,
            keys=reached.keys,
            tls=reached.tls,
            proxy=reached.proxy,
        )
        return S3Bucket(self._transport, access, now=self._now)

    async def _within(self, run: Run[BucketStatus], timeout: float, work: Awaitable[dict[str, str]]) -> dict[str, str]:
        try:
            async with asyncio.timeout(timeout):
                return await work
        except TimeoutError:
            _fail(run, "BucketOperationFailed", f"no complete answer of the store within {timeout:g}s")
        except StoreError as error:
            _fail(run, "BucketOperationFailed", str(error))

    @contextlib.asynccontextmanager
    async def _folder(self) -> AsyncIterator[Path]:
        place = Path(tempfile.mkdtemp(prefix="bucket-", dir=self._scratch))
        try:
            yield place
        finally:
            await self._blocking.run(shutil.rmtree, place, ignore_errors=True)


def _release(obj: Bucket, revision: str, place: Path, count: int) -> Release:
    def write(file: BinaryIO) -> Written:
        # No rule is in force any more: what is here is what counts.
        return archive.write(file, folder.entries(place), folder.reader(place), "!*")

    return Release(
        file=f"{revision.partition(':')[2]}.tar.gz",
        revision=revision,
        write=write,
        event=lambda: _event(obj, count),
        stored=publishing.stored(revision),
        observed={"observed_ignore": obj.spec.ignore},
        latest="latest.tar.gz",
    )


def _event(obj: Bucket, count: int) -> str:
    return f"stored artifact with {count} fetched files from '{obj.spec.bucket_name}' bucket"


def _fail(run: Run[BucketStatus], reason: str, message: str) -> NoReturn:
    run.conditions.mark_true(FETCH_FAILED, reason, message)
    raise Retry(reason, message)
