"""Windows: when changes may be written. Scanning and choosing go on, so that what is new is known when one opens.

The annotation is a list; a time is open when no `deny` covers it and some `allow` does, or when nothing is allowed by
name. An automation's windows are for all that it writes, a policy's for the places of that policy: both must be open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from gotk.api import extensions
from gotk.api.image import ImagePolicy
from gotk.runtime.clock import rfc3339
from image_automation.gating import schedule
from image_automation.gating.chain import Gate
from image_automation.gating.facts import Cause, Facts, Misread, by_policy, read
from image_automation.gating.schedule import Schedule

OUTSIDE: Final = "OutsideWindow"
_FORM = '[{allow: "Mon-Fri 09:00-16:30", timeZone: Europe/Berlin}, {deny: "0 16 * * Fri", duration: 8h}]'
_MOST = 50
_STEPS = 1000
_HORIZON = timedelta(days=2 * 366)


class _Entry(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One entry of the annotation: one of `allow` and `deny`, hours of days or cron with a duration."""

    allow: str = ""
    deny: str = ""
    duration: str = ""
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of one annotation, with the words of each `deny`."""

    allowed: Sequence[Schedule] = ()
    denied: Sequence[tuple[str, Schedule]] = ()

    def refusal(self, moment: datetime) -> str | None:
        """Say why a time is not open; None where it is."""
        for words, each in self.denied:
            if _covering(each, moment) is not None:
                return f"'{words}' is denied"
        if self.allowed and all(_covering(each, moment) is None for each in self.allowed):
            return "outside its windows"
        return None

    def opening(self, moment: datetime) -> datetime | None:
        """Return the first open time from a moment on; None where there is none within two years."""
        end = moment + _HORIZON
        for _ in range(_STEPS):
            later = self._later(moment)
            if later is None or later > end:
                return None
            if later == moment:
                return later
            moment = later
        return None

    def closing(self, moment: datetime) -> datetime | None:
        """Return a time up to which it stays open from an open moment on; None where it stays so for long."""
        begins = [span.begin for _, each in self.denied if (span := next(each.spans(moment), None)) is not None]
        ends = [end for each in self.allowed if (end := _covering(each, moment)) is not None]
        return min([*begins, *([max(ends)] if ends else [])], default=None)

    def _later(self, moment: datetime) -> datetime | None:
        """Return the moment itself where it is open, else a later one up to which nothing is."""
        ends = [end for _, each in self.denied if (end := _covering(each, moment)) is not None]
        if ends:
            return max(ends)
        if not self.allowed or any(_covering(each, moment) is not None for each in self.allowed):
            return moment
        begins = (next(each.spans(moment), None) for each in self.allowed)
        return min((span.begin for span in begins if span is not None), default=None)


def of(annotations: Mapping[str, str]) -> Windows:
    """Read the windows of an object; without an annotation it is always open. Raises Misread."""
    entries = read(annotations, extensions.WINDOWS, list[_Entry], _FORM) or []
    try:
        return _windows(entries)
    except ValueError as error:
        raise Misread(f"annotation {extensions.WINDOWS}: {error}; write it as {_FORM}") from None


def gate(facts: Facts) -> Gate:
    """Hold what may not be written now. Raises Misread."""
    everything = of(facts.automation)

    def judge(policy: ImagePolicy, _since: datetime) -> Cause | None:
        both = (everything, of(policy.metadata.annotations))
        refusal = next(filter(None, (each.refusal(facts.now) for each in both)), None)
        if refusal is None:
            return None
        opens = opening(both, facts.now)
        when = f"opens at {rfc3339(opens)}" if opens else "nothing opens within two years"
        return Cause(kind=OUTSIDE, message=f"{refusal}: {when}", until=opens)

    return by_policy(facts, judge)


def opening(windows: Sequence[Windows], moment: datetime) -> datetime | None:
    """Return the first time from a moment on at which all are open; None where there is none within two years."""
    end = moment + _HORIZON
    for _ in range(_STEPS):
        found = [each.opening(moment) for each in windows]
        known = [each for each in found if each is not None]
        if len(known) < len(found) or max(known, default=moment) > end:
            return None
        if all(each == moment for each in known):
            return moment
        moment = max(known)
    return None


def closing(facts: Facts) -> datetime | None:
    """Return a time up to which what is open for all of some policies stays open. Raises Misread."""
    both = (facts.automation, *(policy.metadata.annotations for policy in facts.policies.values()))
    found = (of(annotations).closing(facts.now) for annotations in both)
    return min((each for each in found if each is not None), default=None)


def _windows(entries: Sequence[_Entry]) -> Windows:
    if len(entries) > _MOST:
        raise ValueError(f"more than {_MOST} entries")
    allowed, denied = list[Schedule](), list[tuple[str, Schedule]]()
    for number, entry in enumerate(entries, 1):
        if bool(entry.allow) == bool(entry.deny):
            raise ValueError(f"entry {number} must have either allow or deny")
        words = entry.allow or entry.deny
        found = schedule.parse(words, entry.duration, entry.time_zone)
        if entry.allow:
            allowed.append(found)
        else:
            denied.append((words, found))
    return Windows(allowed, denied)


def _covering(each: Schedule, moment: datetime) -> datetime | None:
    """Return when the spans that cover a moment end, one that another one continues excepted; None where none does."""
    span = next(each.spans(moment), None)
    return span.end if span is not None and span.begin <= moment else None
