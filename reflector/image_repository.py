"""ImageRepository: scans a repository's tags when it is time, keeps them, says what was found.

Answers to image-reflector-controller's ImageRepositoryReconciler, to the letter of its conditions, reasons and events.
Beyond it: a list that suddenly lost more than half of its tags is asked for again before it is believed, entries
that are no tags are dropped, and tags go when the last ImageRepository of their image does.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gotk.api.image import ImageRepository, ImageRepositoryStatus, ScanResult
from gotk.duration import Duration
from gotk.oci import errors, name
from gotk.oci.access import Access
from gotk.oci.name import Repository
from gotk.runtime import conditions
from gotk.runtime.errors import Retry, Stalled
from gotk.runtime.reconciler import Outcome, Reader, Run, Watch
from reflector import access, exclusion, scan
from reflector.ports import Objects, Registry
from reflector.providers.login import Logins
from reflector.store import StoreError, TagStore

IMAGE_URL_INVALID = "ImageURLInvalid"
AUTHENTICATION_FAILED = "AuthenticationFailed"
READ_OPERATION_FAILED = "ReadOperationFailed"
FAILURE = "Failure"


class ImageRepositoryReconciler:
    """Reconciles ImageRepositories."""

    kind = ImageRepository
    controller = "image-reflector-controller"
    rules = conditions.IMAGE_RULES
    watches: Sequence[Watch[Any]] = ()
    unsupported: Sequence[str] = ()

    def __init__(
        self, *, cache: Reader, objects: Objects, registry: Registry, store: TagStore, logins: Logins | None = None
    ) -> None:
        self._cache = cache
        self._objects = objects
        self._registry = registry
        self._store = store
        self._logins = logins

    async def reconcile(self, obj: ImageRepository, run: Run[ImageRepositoryStatus]) -> Outcome:
        """Scan where it is time."""
        image = _parse(obj)
        reach = await self._access(obj, image)
        before = run.status.last_scan_result
        said = run.conditions.get(conditions.READY)
        due = self._due(obj, run, image)
        if before is None or due.reason:
            await run.progress(f"scanning: {due.reason}", ready_unknown=due.reason == scan.NO_TAGS)
            found = await self._scan(obj, run, image, reach)
        else:
            found = before
        run.update(
            last_scan_result=found,
            canonical_image_name=str(image),
            observed_exclusion_list=exclusion.effective(obj.spec.exclusion_list),
        )
        message = f"successful scan: found {found.tag_count} tags with checksum {found.revision}"
        wait = obj.spec.interval.seconds if due.reason else due.wait
        return Outcome(
            message=message,
            requeue_after=wait,
            changed=said is None or said.message != message,
            trace=_trace(due, before, found, wait),
        )

    async def finalize(self, obj: ImageRepository, run: Run[ImageRepositoryStatus]) -> None:  # noqa: ARG002 - contract
        """Forget the tags, unless another ImageRepository has the same image."""
        if self._logins is not None:
            self._logins.forget(obj)
        image = obj.status.canonical_image_name
        others = (other for other in self._cache.list(ImageRepository) if other.metadata.uid != obj.metadata.uid)
        if image and all(other.status.canonical_image_name != image for other in others):
            self._store.forget(image)

    async def _access(self, obj: ImageRepository, image: Repository) -> Access:
        try:
            return await access.access(self._objects, obj, image, self._logins)
        except access.AccessError as error:
            message = f"failed to configure authentication options: {error}"
            raise Retry(AUTHENTICATION_FAILED, message) from error

    def _due(self, obj: ImageRepository, run: Run[ImageRepositoryStatus], image: Repository) -> scan.Due:
        try:
            return scan.due(
                obj.spec,
                run.status,
                canonical=str(image),
                requested=run.requested,
                stored=self._store.count(str(image)),
                now=run.now(),
            )
        except (StoreError, ValueError) as error:
            raise Retry(FAILURE, f"failed to determine if it's scan time: {error}") from error

    async def _scan(
        self, obj: ImageRepository, run: Run[ImageRepositoryStatus], image: Repository, reach: Access
    ) -> ScanResult:
        now = run.now()
        try:
            tags = await self._list(obj, run, image, reach)
            return self._keep(image, tags, now)
        except errors.RegistryError as error:
            raise Retry(READ_OPERATION_FAILED, f"scan failed: {error}", after=error.retry_after or None) from error
        except (exclusion.InvalidExclusion, StoreError) as error:
            raise Retry(READ_OPERATION_FAILED, f"scan failed: {error}") from error

    async def _list(
        self, obj: ImageRepository, run: Run[ImageRepositoryStatus], image: Repository, reach: Access
    ) -> list[str]:
        async def once() -> list[str]:
            listing = await self._registry.list_tags(image, reach)
            if listing.dropped:
                run.log.warning("entries of the tag list are no tags", image=str(image), dropped=listing.dropped)
            return scan.in_order(exclusion.exclude(obj.spec.exclusion_list, listing.tags))

        known, tags = self._store.count(str(image)), await once()
        if 2 * len(tags) < known:
            run.log.warning("far fewer tags than before, listing again", image=str(image), before=known, now=len(tags))
            tags = await once()
        return tags

    def _keep(self, image: Repository, tags: list[str], now: datetime) -> ScanResult:
        found = scan.result(tags, now)
        try:
            self._store.write(str(image), tags, found.revision)
        except StoreError as error:
            raise StoreError(f'failed to set tags for "{image}": {error}') from error
        return found


def _parse(obj: ImageRepository) -> Repository:
    try:
        return name.parse(obj.spec.image)
    except name.InvalidName as error:
        raise Stalled(IMAGE_URL_INVALID, str(error)) from error


def _trace(due: scan.Due, before: ScanResult | None, found: ScanResult, wait: float) -> str:
    """Say when the next scan is, for the runs that bring no news."""
    when = f"next scan in {Duration.of(wait)}"
    if not due.reason:
        return f"no change in repository configuration since last scan, {when}"
    if before is not None and before.revision == found.revision:
        return f"tags did not change, {when}"
    return f"successful scan, {when}"
