"""When a scan is due, and what one found. Pure.

Answers to image-reflector-controller: six rules of which the first that holds gives the reason, tags in descending byte
order, and a revision that depends on them alone (decimal Adler-32 of their compact JSON), so that policies wake only
when the list is another one. Two rules are ours: a list that is doubted is asked for again soon, and so is one that
the status does not speak of, for another replica has scanned since, or this one's store is an old one.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from gotk.api.image import ImageRepositorySpec, ImageRepositoryStatus, ScanResult
from gotk.runtime.clock import parse_rfc3339, rfc3339
from reflector import exclusion

NO_TAGS = "no tags in database"
REQUESTED = "reconcile requested"
INTERVAL = "triggered by interval"
DOUBTED = "the last tag list is doubtful"
ACCEPTED = "the loss of tags is accepted"
OUTDATED = "the tags in the database are not those of the last scan"
#: A list that is doubted is asked for again after so many seconds, or after the interval where that is shorter.
DOUBT_DELAY = 30.0
_LATEST = 10
_NOW = 1.0


@dataclass(frozen=True, slots=True)
class Due:
    """Whether to scan now: the reason, or none and the seconds until it is time."""

    reason: str
    wait: float = 0.0


def due(
    spec: ImageRepositorySpec,
    status: ImageRepositoryStatus,
    *,
    canonical: str,
    requested: bool,
    stored: int,
    now: datetime,
    doubted: bool = False,
    accepted: bool = False,
    outdated: bool = False,
    scanned: str = "",
    restored: str = "",
) -> Due:
    """Tell whether a scan is due. `stored` is how many tags the database has, `doubted` whether the last list was,
    `accepted` whether the user has accepted the loss since, `outdated` whether the status speaks of another list than
    the stored one; `scanned` is when this process scanned last, nothing where it did not, and `restored` when the one
    before it did, of which the status may not tell yet.

    Raises ValueError on a bad scan time.
    """
    last = status.last_scan_result
    if last is None or not last.scan_time:
        return Due("first scan")
    if requested:
        return Due(REQUESTED)
    if canonical != status.canonical_image_name:
        return Due("new image name")
    wanted, observed = exclusion.effective(spec.exclusion_list), status.observed_exclusion_list
    if len(wanted) != len(observed) or set(wanted) != set(observed):
        return Due("updated exclusion list")
    if stored == 0:
        return Due(NO_TAGS)
    passed = _passed(max(last.scan_time, restored), now)  # in UTC, and so in the order of their texts
    sooner, since = (DOUBTED if doubted else ""), passed
    if outdated:
        sooner, since = OUTDATED, _passed(scanned, now) if scanned else DOUBT_DELAY
    return Due(ACCEPTED) if accepted else _by_clock(spec.interval.seconds, passed, sooner, since)


def _passed(since: str, now: datetime) -> float:
    return (now - parse_rfc3339(since)).total_seconds()


def _by_clock(interval: float, passed: float, sooner: str, since: float) -> Due:
    """Scan at the interval, or where there is a reason for it some seconds `since` another moment."""
    left = interval - passed
    if left < _NOW:
        return Due(INTERVAL)
    if not sooner:
        return Due("", left)
    soon = min(left, DOUBT_DELAY - since)
    return Due(sooner) if soon < _NOW else Due("", soon)


def in_order(tags: Iterable[str]) -> list[str]:
    """Sort tags as they are stored: descending, byte by byte. Tags are ASCII, so text order is byte order."""
    return sorted(tags, reverse=True)


def revision(tags: Sequence[str]) -> str:
    """Return the checksum of stored tags."""
    return str(zlib.adler32(msgspec.json.encode(tags)))


def result(tags: Sequence[str], now: datetime) -> ScanResult:
    """Sum up a scan. The tags are in order."""
    return ScanResult(
        tag_count=len(tags),
        revision=revision(tags),
        scan_time=rfc3339(now),
        latest_tags=tuple(tags[:_LATEST]),
    )
