"""ImageRepository: scans a repository's tags when it is time, keeps them, says what was found.

Answers to image-reflector-controller's ImageRepositoryReconciler, to the letter of its conditions, reasons and events.
Beyond it: what a list lacks is not believed at once (`loss_guard`) and a doubtful list shows in a condition of our own,
entries that are no tags are dropped, and tags go when the last ImageRepository of their image does. An annotation
has a chart's versions in a Helm repository's index read in their place (`chart_versions`). A status that
speaks of another list than the one here, because another replica wrote it, leads to a scan soon.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from gotk.api import extensions
from gotk.api.image import ImageRepository, ImageRepositoryStatus, ScanResult
from gotk.cloud.registries.login import Logins
from gotk.duration import Duration
from gotk.kube.ports import Getter
from gotk.oci import errors, name
from gotk.oci.access import Access
from gotk.oci.listing import Listing
from gotk.oci.name import Repository
from gotk.runtime import conditions
from gotk.runtime.clock import rfc3339
from gotk.runtime.errors import Retry, Stalled
from gotk.runtime.reconciler import Key, Outcome, Reader, Run, Watch
from reflector import access, chart_versions, exclusion, loss_guard, pushed, scan
from reflector.loss_guard import Assessment, Doubt
from reflector.metrics import ScanMetrics
from reflector.ports import ChartIndexes, Registry
from reflector.store import Generation, ScannedList, StoreError, TagStore

IMAGE_URL_INVALID = "ImageURLInvalid"
AUTHENTICATION_FAILED = "AuthenticationFailed"
READ_OPERATION_FAILED = "ReadOperationFailed"
FAILURE = "Failure"
INVALID_ANNOTATION = "InvalidAnnotation"

#: Reasons of our own events.
TAGS_HELD, TAGS_GONE, TAGS_BACK = "TagsHeld", "TagsGone", "TagsBack"
#: Reason of the condition that says so.
LOSS_ACCEPTED = "LossAccepted"
_ONLY_SERVICE = "only the running service reads the indexes of HelmRepositories, this command does not"


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one run scans, how it gets there, and how many scans must miss a tag."""

    obj: ImageRepository
    run: Run[ImageRepositoryStatus]
    image: Repository
    access: Access
    registry: Registry
    needed: int
    #: Whether the store's list is the one that the status speaks of.
    current: bool


class ImageRepositoryReconciler:
    """Reconciles ImageRepositories."""

    kind = ImageRepository
    controller = "image-reflector-controller"
    rules = conditions.Rules(keeps_false=True)
    unsupported: Sequence[str] = ()

    def __init__(
        self,
        *,
        cache: Reader,
        objects: Getter,
        registry: Registry,
        store: TagStore,
        logins: Logins | None = None,
        metrics: ScanMetrics | None = None,
        charts: ChartIndexes | None = None,
    ) -> None:
        """Take what it works with; without `charts` the versions of an index cannot be read."""
        self._cache = cache
        self._charts = charts
        self._metrics = metrics or ScanMetrics()
        self._objects = objects
        self._registry = registry
        self._store = store
        self._logins = logins
        self.watches: Sequence[Watch[Any]] = (
            Watch(kind=ImageRepository, changed=_other_tags, requests=self._outdated),
        )

    def without_times(self, status: ImageRepositoryStatus) -> ImageRepositoryStatus:
        """Return a status but for when the last scan was."""
        if (last := status.last_scan_result) is None:
            return status
        return msgspec.structs.replace(status, last_scan_result=msgspec.structs.replace(last, scan_time=""))

    async def reconcile(self, obj: ImageRepository, run: Run[ImageRepositoryStatus]) -> Outcome:
        """Scan where it is time."""
        image, needed = _parse(obj), _needed(obj)
        image, registry, reach = await self._place(obj, image)
        before = run.status.last_scan_result
        said = run.conditions.get(conditions.READY)
        current = self._is_current(obj)
        due = self._due(obj, run, image, outdated=not current)
        turn = _Turn(obj, run, image, reach, registry, needed, current)
        if merged := await self._merge_pushed(turn, due):
            found, due = merged, scan.Due("", max(due.wait, scan.DOUBT_DELAY))
        elif before is None or due.reason:
            if due.reason != scan.INTERVAL:  # which would write twice as often of objects that are at rest
                await run.progress(f"scanning: {due.reason}", ready_unknown=due.reason == scan.NO_TAGS)
            found = await self._scan(turn)
            run.conditions.delete(extensions.SCAN_OVERDUE)
        else:
            found = before
        if found is not before:
            await run.annotate({extensions.LOSS: self._store.generation(str(image)).loss or None})
        run.update(
            last_scan_result=found,
            canonical_image_name=str(image),
            observed_exclusion_list=exclusion.effective(obj.spec.exclusion_list),
        )
        message = f"successful scan: found {found.tag_count} tags with checksum {found.revision}"
        wait = self._wait(obj, run) if due.reason else due.wait
        return Outcome(
            message=message,
            requeue_after=wait,
            changed=said is None or said.message != message,
            trace=_trace(due, before, found, wait),
        )

    async def finalize(self, obj: ImageRepository, run: Run[ImageRepositoryStatus]) -> None:  # noqa: ARG002 - contract
        """Forget the tags, unless another ImageRepository has the same image."""
        if self._logins is not None:
            self._logins.forget(access.subject(obj))
        image = obj.status.canonical_image_name
        others = (other for other in self._cache.list(ImageRepository) if other.metadata.uid != obj.metadata.uid)
        if image and all(other.status.canonical_image_name != image for other in others):
            self._store.forget(image)

    async def _place(self, obj: ImageRepository, image: Repository) -> tuple[Repository, Registry, Access]:
        """Return what is scanned, who answers for it, and how that one is reached."""
        chart = _chart(obj)
        if chart is not None and self._charts is None:
            raise Stalled(INVALID_ANNOTATION, f"annotation {extensions.HELM_CHART}: {_ONLY_SERVICE}")
        if chart is not None and self._charts is not None:
            reach = Access(timeout=(obj.spec.timeout or obj.spec.interval).seconds)
            return chart.key, chart_versions.ChartVersions(self._charts, chart), reach
        try:
            return image, self._registry, await access.access(self._objects, obj, image, self._logins)
        except access.AccessError as error:
            message = f"failed to configure authentication options: {error}"
            raise Retry(AUTHENTICATION_FAILED, message) from error

    def _outdated(self, obj: ImageRepository, objects: Reader) -> Iterator[Key]:
        """Name a repository whose status speaks of another list than the one here.

        Another ImageRepository of the image, with other exclusions, leaves its own list here: that is no news.
        """
        try:
            scope = self._store.generation(obj.status.canonical_image_name).exclusions
            if scope is not None and scope != exclusion.effective(obj.spec.exclusion_list):
                return
            if self._store.is_current(obj, objects):
                return
        except StoreError:
            pass  # the run will say so
        yield Key(obj.metadata.namespace, obj.metadata.name)

    def _is_current(self, obj: ImageRepository) -> bool:
        try:
            return self._store.is_current(obj, self._cache)
        except StoreError as error:
            raise Retry(FAILURE, f"failed to determine if it's scan time: {error}") from error

    def _due(
        self, obj: ImageRepository, run: Run[ImageRepositoryStatus], image: Repository, *, outdated: bool
    ) -> scan.Due:
        try:
            known = self._store.generation(str(image))
            return scan.due(
                obj.spec,
                run.status,
                canonical=str(image),
                requested=run.requested,
                stored=known.count,
                now=run.now(),
                doubted=known.doubtful,
                accepted=_accepts_loss(obj),
                outdated=outdated,
                scanned=self._store.scanned(str(image)),
                restored=_restored(known, obj, run.status),
            )
        except (StoreError, ValueError) as error:
            raise Retry(FAILURE, f"failed to determine if it's scan time: {error}") from error

    def _wait(self, obj: ImageRepository, run: Run[ImageRepositoryStatus]) -> float:
        """Return when to scan again after a scan: soon where the list is doubted."""
        interval = obj.spec.interval.seconds
        return min(interval, scan.DOUBT_DELAY) if run.conditions.is_true(extensions.TAGS_HELD) else interval

    async def _merge_pushed(self, turn: _Turn, due: scan.Due) -> ScanResult | None:
        """Take in tags that a webhook named, once the registry has answered for each; None where a scan is better.

        The time of the scan stays: the list is read when it would have been.
        """
        last = turn.run.status.last_scan_result
        if due.reason != scan.REQUESTED or last is None or not turn.current:
            return None
        name = str(turn.image)
        try:
            known = self._store.first_seen(name)
            tags = pushed.fresh(turn.obj.metadata.annotations, known.names if known else ())
            if known is None or not tags or not known.settled:
                return None
            for tag in tags:
                await turn.registry.digest(turn.image, tag, turn.access)
            listed = scan.in_order({*known.names, *tags})
            found = self._take(turn, listed)
        except (errors.RegistryError, StoreError, exclusion.InvalidExclusion) as error:
            turn.run.log.info("pushed tags are not taken in, scanning", image=name, error=str(error))
            return None
        return msgspec.structs.replace(found, scan_time=last.scan_time)

    async def _scan(self, turn: _Turn) -> ScanResult:
        try:
            listing = await turn.registry.list_tags(turn.image, turn.access)
            if (found := self._unchanged(turn, listing)) is not None:
                self._trust(turn)
                return found
            if listing.dropped:
                turn.run.log.warning(
                    "entries of the tag list are no tags", image=str(turn.image), dropped=listing.dropped
                )
            late = await self._vouched(turn, listing)
            # With tags that the answer lacks it stands for no list: the registry is asked for them again next time.
            return self._take(turn, scan.in_order([*listing.tags, *late]), answer=b"" if late else listing.digest)
        except errors.RegistryError as error:
            self._fail(turn, error)
            raise Retry(READ_OPERATION_FAILED, f"scan failed: {error}", after=error.retry_after or None) from error
        except (exclusion.InvalidExclusion, StoreError) as error:
            raise Retry(READ_OPERATION_FAILED, f"scan failed: {error}") from error

    def _fail(self, turn: _Turn, error: errors.RegistryError) -> None:
        """Say that there is no list, or only a part of one, where tags are known from before."""
        if not self._store.generation(str(turn.image)).count:
            return
        reason = loss_guard.UNREADABLE if isinstance(error, errors.BadAnswer) else loss_guard.UNAVAILABLE
        reason = loss_guard.CUT if isinstance(error, errors.TooLarge) else reason
        message = f"no whole list of tags could be read, the known ones are kept: {error}"
        # That a registry is away is an event already; that it answers nonsense deserves one of its own.
        self._doubt(turn, Doubt(reason, message), quietly=reason == loss_guard.UNAVAILABLE)

    async def _vouched(self, turn: _Turn, listing: Listing) -> tuple[str, ...]:
        """Return the tags taken in for a webhook that the list lacks, but the registry has. Raises StoreError."""
        annotations = turn.obj.metadata.annotations
        lacking = pushed.fresh(annotations, listing.tags) if extensions.PUSHED in annotations else ()
        if not lacking:
            return ()
        known = self._store.first_seen(str(turn.image))
        taken = set(lacking).intersection(known.names if known else ())
        return tuple([tag for tag in lacking if tag in taken and await self._has(turn, tag)])

    async def _has(self, turn: _Turn, tag: str) -> bool:
        try:
            await turn.registry.digest(turn.image, tag, turn.access)
        except errors.RegistryError:
            return False
        return True

    def _unchanged(self, turn: _Turn, listing: Listing) -> ScanResult | None:
        """Return the result of the last scan with a new time, where the registry answers what it answered then."""
        name = str(turn.image)
        known = self._store.generation(name)
        if known.result is None or not known.is_of(listing.digest, exclusion.effective(turn.obj.spec.exclusion_list)):
            return None
        found = msgspec.structs.replace(known.result, scan_time=rfc3339(turn.run.now()))
        self._store.confirm(name, found)
        return found

    def _take(self, turn: _Turn, listed: list[str], *, answer: bytes = b"") -> ScanResult:
        """Keep what is believed of a list. Raises InvalidExclusion or StoreError."""
        name, patterns = str(turn.image), turn.obj.spec.exclusion_list
        tags, scope = exclusion.exclude(patterns, listed), exclusion.effective(patterns)
        if self._store.generation(name).is_settled_on(listed):
            found = scan.result(tags, turn.run.now())
            self._write(name, ScannedList(tags=tags, result=found, exclusions=scope, answer=answer))
            self._trust(turn)
            return found
        assessed = loss_guard.assess(self._store.first_seen(name), listed, _circumstances(turn, tags))
        tags = exclusion.exclude(patterns, assessed.first_seen.names)
        scanned = ScannedList(
            tags=tags,
            result=scan.result(tags, turn.run.now()),
            exclusions=scope,
            first_seen=assessed.first_seen,
            added=exclusion.exclude(patterns, assessed.added),
            gone=frozenset(assessed.gone),
            doubtful=assessed.doubt is not None,
            loss=assessed.loss,
            answer=answer,
        )
        self._write(name, scanned)
        self._say(turn, assessed)
        return scanned.result

    def _write(self, name: str, scanned: ScannedList) -> None:
        try:
            self._store.write(name, scanned)
        except StoreError as error:
            raise StoreError(f'failed to set tags for "{name}": {error}') from error

    def _say(self, turn: _Turn, assessed: Assessment) -> None:
        """Tell what became of the tags that the list lacks."""
        if assessed.kept and assessed.doubt is None:
            turn.run.log.info(
                "tags are missing, kept for now", image=str(turn.image), kept=assessed.kept, loss=assessed.loss
            )
        if assessed.accepted:
            self._say_accepted(turn, assessed)
            return
        if assessed.gone and turn.needed > 1:
            doubted = turn.run.conditions.is_true(extensions.TAGS_HELD)
            message = f"{_counted(assessed.gone)} gone: {turn.needed} scans in a row did not list them"
            turn.run.event("Normal" if doubted else "Trace", TAGS_GONE, message)
        if assessed.doubt is None:
            self._trust(turn, back=not assessed.gone)
        else:
            self._doubt(turn, assessed.doubt)

    def _say_accepted(self, turn: _Turn, assessed: Assessment) -> None:
        """Tell that the user accepted a loss: as an event, and in the condition until the next doubt."""
        loss = turn.obj.metadata.annotations[extensions.ACCEPT_LOSS]
        message = f"the loss {loss} was accepted by annotation: {_counted(assessed.gone)} gone"
        turn.run.conditions.mark_false(extensions.TAGS_HELD, LOSS_ACCEPTED, message)
        turn.run.event("Normal", TAGS_GONE, message)

    def _doubt(self, turn: _Turn, doubt: Doubt, *, quietly: bool = False) -> None:
        """Say that the last list is not believed: always in a condition, as an event where it is news."""
        self._metrics.doubted(doubt.reason)
        before = turn.run.conditions.get(extensions.TAGS_HELD)
        turn.run.conditions.mark_true(extensions.TAGS_HELD, doubt.reason, doubt.message)
        if not quietly and (before is None or before.reason != doubt.reason):
            turn.run.event("Warning", TAGS_HELD, doubt.message)

    def _trust(self, turn: _Turn, *, back: bool = True) -> None:
        """Take the doubt back."""
        if turn.run.conditions.is_true(extensions.TAGS_HELD):
            turn.run.conditions.delete(extensions.TAGS_HELD)
            if back:
                turn.run.event("Normal", TAGS_BACK, "the registry lists its tags again; none are held any more")


def _other_tags(old: ImageRepository | None, new: ImageRepository | None) -> bool:
    """Tell whether a status begins to speak of another list."""
    if old is None or new is None or new.status.last_scan_result is None:
        return False
    before = old.status.last_scan_result
    return before is None or before.revision != new.status.last_scan_result.revision


def _circumstances(turn: _Turn, tags: Sequence[str]) -> loss_guard.Circumstances:
    status, spec = turn.run.status, turn.obj.spec
    last = status.last_scan_result
    same = status.canonical_image_name == str(turn.image) and (
        set(status.observed_exclusion_list) == set(exclusion.effective(spec.exclusion_list))
    )
    return loss_guard.Circumstances(
        now=int(turn.run.now().timestamp()),
        needed=turn.needed,
        interval=spec.interval.seconds,
        accepted=turn.obj.metadata.annotations.get(extensions.ACCEPT_LOSS, ""),
        expected=last.tag_count if last is not None and same else 0,
        listed=len(tags),
        agreed=same
        and not turn.current
        and last is not None
        and (last.tag_count, last.revision) == (len(tags), scan.revision(tags)),
    )


def _accepts_loss(obj: ImageRepository) -> bool:
    """Tell whether the user has accepted the very loss that the last scan has told of."""
    annotations = obj.metadata.annotations
    accepted = annotations.get(extensions.ACCEPT_LOSS, "")
    return bool(accepted) and annotations.get(extensions.LOSS) == accepted


def _counted(tags: Sequence[str]) -> str:
    """Name up to three tags, or say how many there are."""
    if len(tags) > 3:
        return f"{len(tags)} tags are"
    return f"{', '.join(sorted(tags))} {'is' if len(tags) == 1 else 'are'}"


def _restored(known: Generation, obj: ImageRepository, status: ImageRepositoryStatus) -> str:
    """Return when the process before scanned last what a status speaks of, whose times may have been held back."""
    if not known.restored or known.result is None or not known.is_told_by(status.last_scan_result):
        return ""
    return known.result.scan_time if known.exclusions == exclusion.effective(obj.spec.exclusion_list) else ""


def _needed(obj: ImageRepository) -> int:
    try:
        return loss_guard.needed(obj.metadata.annotations)
    except ValueError as error:
        raise Stalled(INVALID_ANNOTATION, str(error)) from error


def _chart(obj: ImageRepository) -> chart_versions.Chart | None:
    try:
        return chart_versions.wanted(obj)
    except ValueError as error:
        raise Stalled(INVALID_ANNOTATION, str(error)) from error


def _parse(obj: ImageRepository) -> Repository:
    try:
        return name.parse(obj.spec.image)
    except name.InvalidName as error:
        raise Stalled(IMAGE_URL_INVALID, str(error)) from error


@lru_cache(maxsize=256)
def _printed(seconds: float) -> str:
    return str(Duration.of(seconds))


def _trace(due: scan.Due, before: ScanResult | None, found: ScanResult, wait: float) -> str:
    """Say when the next scan is, for the runs that bring no news."""
    when = f"next scan in {_printed(wait)}"
    if not due.reason:
        return f"no change in repository configuration since last scan, {when}"
    if before is not None and before.revision == found.revision:
        return f"tags did not change, {when}"
    return f"successful scan, {when}"
