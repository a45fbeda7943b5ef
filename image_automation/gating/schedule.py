"""Spans of time that come again: hours of days by a zone's wall clock, or from each time that a cron expression names.

Both sides of a change of the clocks are meant by whoever writes hours. A span of hours begins when the clock first
reads its begin or later, and ends when the clock last reads its end: every moment at which the clock reads something
between is inside, an hour that comes twice as a whole, and one that is skipped takes nothing else along. What begins by
cron begins as cron jobs do: what falls into a skipped hour at its end, what falls into a doubled one the first time; it
lasts as long as it says.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from gotk.duration import Duration

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS: Final = re.compile(r"(?:(?P<days>[A-Za-z,-]+) +)?(?P<begin>\d{2}:\d{2})-(?P<end>\d{2}:\d{2})", re.ASCII)
_DAY: Final = timedelta(days=1)
_LONGEST: Final = timedelta(days=366)
_FIELDS: Final = 5
#: How far apart two readings of one wall clock can be, with room.
_SLACK: Final = timedelta(hours=30)


@dataclass(frozen=True, slots=True)
class Span:
    """From a moment to another one that is not in it any more, in UTC."""

    begin: datetime
    end: datetime


class Schedule(Protocol):
    """Spans in the order of their begin."""

    def spans(self, moment: datetime) -> Iterator[Span]:
        """Yield those that end after a moment, without end."""
        ...


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of days. `days` count from Monday as 0; `end` is counted from the day's midnight, on to the next day."""

    days: frozenset[int]
    begin: timedelta
    end: timedelta
    zone: ZoneInfo

    def spans(self, moment: datetime) -> Iterator[Span]:
        """Yield those that end after a moment."""
        first = moment.astimezone(self.zone).date() - 2 * _DAY
        for number in itertools.count():
            day = first + number * _DAY
            if day.weekday() in self.days:
                span = Span(_first(day, self.begin, self.zone), _last(day, self.end, self.zone))
                if max(span.begin, moment) < span.end:
                    yield span


@dataclass(frozen=True, slots=True)
class Begins:
    """From each time that a cron expression names, so long."""

    cron: str
    length: timedelta
    zone: ZoneInfo

    def spans(self, moment: datetime) -> Iterator[Span]:
        """Yield those that end after a moment; none where the expression names no day that there is."""
        for begin in CronSim(self.cron, (moment - self.length - _SLACK).astimezone(self.zone)):
            span = Span(begin.astimezone(UTC), begin.astimezone(UTC) + self.length)
            if span.end > moment:
                yield span


def parse(text: str, duration: str, zone: str) -> Schedule:
    """Read a schedule: `Mon-Fri 09:00-16:30` alone, or a cron expression with a duration. Raises ValueError."""
    hours = _HOURS.fullmatch(text.strip())
    if hours is not None:
        if duration:
            raise ValueError(f"'{text}' says its end itself: leave duration out")
        return _hours(hours, _zone(zone))
    if len(text.split()) != _FIELDS:
        raise ValueError(f"'{text[:64]}' is neither hours, such as Mon-Fri 09:00-16:30, nor five fields of cron")
    if not text.split(maxsplit=1)[0].isdecimal():
        raise ValueError(f"'{text[:64]}' begins at more than one minute of an hour: write one minute")
    if not duration:
        raise ValueError(f"'{text[:64]}' says only when it begins: add a duration, such as 8h")
    return _begins(text, duration, _zone(zone))


def _hours(found: re.Match[str], zone: ZoneInfo) -> Hours:
    begin, end = _time(found["begin"]), _time(found["end"])
    if begin >= _DAY or begin == end:
        raise ValueError(f"'{found[0]}' is no span: write 00:00-24:00 for all of a day")
    return Hours(_days(found["days"]), begin, end if end > begin else end + _DAY, zone)


def _begins(text: str, duration: str, zone: ZoneInfo) -> Begins:
    length = timedelta(seconds=Duration.parse(duration).seconds)
    if not timedelta() < length <= _LONGEST:
        raise ValueError(f"duration '{duration}' is not between nothing and a year")
    try:
        CronSim(text, datetime(2026, 1, 1, tzinfo=zone))
    except CronSimError as error:
        raise ValueError(f"'{text[:64]}': {error}") from None
    return Begins(text, length, zone)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"timeZone '{name[:64]}' is none that is known: write one such as Europe/Berlin") from None


def _time(text: str) -> timedelta:
    hour, minute = map(int, text.split(":"))
    if minute > 59 or timedelta(hours=hour, minutes=minute) > _DAY:
        raise ValueError(f"'{text}' is no time of a day")
    return timedelta(hours=hour, minutes=minute)


def _days(text: str | None) -> frozenset[int]:
    found = set[int]()
    for part in (text or "Mon-Sun").split(","):
        begin, _, end = part.partition("-")
        first, last = _day(begin), _day(end or begin)
        found |= {day % 7 for day in range(first, last + 1 if last >= first else last + 8)}
    return frozenset(found)


def _day(text: str) -> int:
    if text.capitalize() not in _DAYS:
        raise ValueError(f"'{text}' is no day: write {', '.join(_DAYS)}")
    return _DAYS.index(text.capitalize())


def _first(day: date, offset: timedelta, zone: ZoneInfo) -> datetime:
    """Return when a zone's clock first reads a time of a day, or more where that time is skipped."""
    return min(_readings(day, offset, zone))


def _last(day: date, offset: timedelta, zone: ZoneInfo) -> datetime:
    """Return when a zone's clock last reads a time of a day, or more where that time is skipped."""
    return max(_readings(day, offset, zone))


def _readings(day: date, offset: timedelta, zone: ZoneInfo) -> list[datetime]:
    wall = datetime.combine(day, time()) + offset
    found = [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    if found[1] >= found[0]:
        return found
    return [_change(found[1], found[0], zone)]  # skipped: the two are on either side of the change


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment between two at which a zone's clock is put forward, to the second."""
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after
