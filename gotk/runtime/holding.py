"""What of a status is not written yet: times of runs that changed nothing, and revisions of which nothing came.

Both are known to this process as if they were written. Times wait until something else is written, or for a while after
the last write (ADR 0092). A revision waits for a while of its own, or until times are due; whoever somebody waits for
does not wait (ADR 0095).
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from gotk.api.meta import Condition, Object, ReconcileStatus
from gotk.runtime.clock import Clock

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as everywhere in this module
Name = tuple[str, str]
#: Returns a status without what may be held back of it.
Without = Callable[[Any], ReconcileStatus]


class _Written(NamedTuple):
    """What the server holds since a write of ours: which version, when it was (monotonic, seconds), the status.

    A revision that it does not have is held `until` then, and is in the status that is `known` here.
    """

    version: str
    at: float
    status: ReconcileStatus
    until: float | None = None
    known: ReconcileStatus | None = None


class Holding(Generic[O]):
    """What is held back of one kind's objects; `hold` seconds of times, `hold_revision` seconds of revisions.

    `is_awaited` tells of whom others want to see the revision. Without a function nothing of its sort is held back.
    What was there before this process counts as written in the `hold` seconds before its start, each object at another
    moment: a start is no reason to write all of them at once.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        without_times: Without | None = None,
        hold: float = 0.0,
        without_revision: Without | None = None,
        hold_revision: float = 0.0,
        is_awaited: Callable[[Any], bool] | None = None,
    ) -> None:
        self._clock = clock
        self._without_times = without_times
        self._hold = hold if without_times is not None else 0.0
        self._without_revision = without_revision
        self._hold_revision = hold_revision if without_revision is not None else 0.0
        self._is_awaited = is_awaited or (lambda _: False)
        self._began = clock.monotonic()
        self._written: dict[Name, _Written] = {}

    def served(self, base: O, status: ReconcileStatus) -> ReconcileStatus:
        """Return the status that the server has of an object, which may lack what `status`, as it is known, has."""
        written = self._written.get(name_of(base))
        is_same = written is not None and written.version == base.metadata.resource_version
        return written.status if written is not None and is_same else status

    def wrote(self, obj: O, status: ReconcileStatus) -> None:
        """Learn of a write."""
        if self._hold or self._hold_revision:
            version = obj.metadata.resource_version
            self._written[name_of(obj)] = _Written(version, self._clock.monotonic(), status)

    def writes(self, obj: O) -> None:
        """Learn that a write is about to be sent: what others see of it first is no surprise."""
        if (written := self._written.get(name_of(obj))) is not None and written.until is not None:
            self._written[name_of(obj)] = written._replace(until=None, known=None)

    def hold(self, base: O, known: ReconcileStatus, served: ReconcileStatus, wanted: ReconcileStatus) -> bool:
        """Tell whether to hold back what a status would change, and if so note it.

        `known` is the status that this process knew, `served` the one that the server has.
        """
        if served == wanted or not (self._hold or self._hold_revision):
            return False
        name, version = name_of(base), base.metadata.resource_version
        written = self._written.get(name) or self._from_before(name, version, served)
        until: float | None = None
        if not self._are_times(written, served, wanted):
            until = self._holds_revision(base, written, known, served, wanted)
            if until is None:
                return False
        self._written[name] = _Written(version, written.at, served, until, None if until is None else wanted)
        return True

    def takes(self, base: O) -> bool:
        """Tell whether one more revision of an object would be held back."""
        if not self._hold_revision or self.is_behind(base) or self._is_awaited(base):
            return False
        left = self.left(name_of(base))
        return left is None or left > 0

    def note(self, base: O, known: ReconcileStatus, wanted: ReconcileStatus) -> None:
        """Learn that a status is held back that differs from the one that is known in a revision alone."""
        name, version = name_of(base), base.metadata.resource_version
        written = self._written.get(name) or self._from_before(name, version, known)
        served = written.status if written.version == version else known
        self._written[name] = _Written(version, written.at, served, self._until(written, name), wanted)

    def holds_times(self, base: O) -> bool:
        """Tell whether a status is held back that moves nothing but times beyond what is known of an object."""
        written = self._written.get(name_of(base))
        if written is None or written.until is not None or written.version != base.metadata.resource_version:
            return False
        return self._clock.monotonic() - written.at < self._hold

    def is_news(self, before: ReconcileStatus, now: ReconcileStatus) -> bool:
        """Tell whether what is held back is more than times, and so something that others here ask about."""
        return bool(self._hold_revision) and not _is_same(before, now, self._without_times)

    def left(self, name: Name) -> float | None:
        """Return for how many seconds a revision is held back still; None where none is."""
        written = self._written.get(name)
        if written is None or written.until is None:
            return None
        return max(written.until - self._clock.monotonic(), 0.0)

    def is_behind(self, obj: Object | Any) -> bool:
        """Tell whether an object of another version than a revision is held back for has come from the server."""
        written = self._written.get((obj.metadata.namespace, obj.metadata.name)) if self._hold_revision else None
        return written is not None and written.until is not None and written.version != obj.metadata.resource_version

    def unwritten(self, obj: O, status: ReconcileStatus) -> ReconcileStatus | None:
        """Return what is held back of an object of which somebody has written something else than its status."""
        written = self._written.get(name_of(obj))
        return written.known if written is not None and self.is_behind(obj) and written.status == status else None

    def held(self) -> Iterator[Name]:
        """Yield the names of the objects whose revision is held back."""
        return (name for name, written in self._written.items() if written.until is not None)

    def forget(self, name: Name) -> None:
        """Drop what is known of an object that is gone."""
        self._written.pop(name, None)

    def _are_times(self, written: _Written, served: ReconcileStatus, wanted: ReconcileStatus) -> bool:
        """Tell whether a status moves nothing but times, soon after the last write."""
        return self._clock.monotonic() - written.at < self._hold and _is_same(served, wanted, self._without_times)

    def _holds_revision(
        self, base: O, written: _Written, known: ReconcileStatus, served: ReconcileStatus, wanted: ReconcileStatus
    ) -> float | None:
        """Return until when a status is held back that moves a revision beside times; None where it is not."""
        if not self._hold_revision or self._is_awaited(base):
            return None
        now = self._clock.monotonic()
        until = self._until(written, name_of(base))
        times_are_due = now - written.at >= self._hold and _is_same(known, wanted, self._without_times)
        if now >= until or times_are_due or not _is_same(served, wanted, self._without_revision):
            return None
        return until

    def _until(self, written: _Written, name: Name) -> float:
        """Return until when a revision is held; each at a moment of its own in the second half of the time."""
        if written.until is not None:
            return written.until
        return self._clock.monotonic() + self._hold_revision * (1 + _share(name)) / 2

    def _from_before(self, name: Name, version: str, status: ReconcileStatus) -> _Written:
        """Return what counts as written before the start of this process."""
        return _Written(version, self._began - self._hold * _share(name), status)


def name_of(obj: Object) -> Name:
    """Return namespace and name of an object."""
    return obj.metadata.namespace, obj.metadata.name


def _share(name: Name) -> float:
    """Return a number from 0 to 1 that is an object's own."""
    return zlib.crc32("/".join(name).encode()) / (1 << 32)


def decided(status: ReconcileStatus) -> ReconcileStatus:
    """Return what runs have decided: all of a status but its conditions, in which several writers meet."""
    return msgspec.structs.replace(status, conditions=())


def _is_same(before: ReconcileStatus, now: ReconcileStatus, without: Without | None) -> bool:
    """Tell whether two statuses differ in nothing but what is left out, and since when conditions are so."""
    if without is None:
        return False
    before, now = without(before), without(now)
    return decided(before) == decided(now) and _said(before.conditions) == _said(now.conditions)


def _said(said: Sequence[Condition]) -> list[Condition]:
    """Return conditions but for since when they are so."""
    return [msgspec.structs.replace(condition, last_transition_time="") for condition in said]
