"""Renovate's schedules as windows: cron with whole hours, and the words that it knows besides."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONG: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAMES: Final = {spelt: day for long, day in zip(_LONG, _DAYS, strict=True) for spelt in (long, day.lower())}
_CRON_DAYS: Final = ("Sun", *_DAYS)
_FIELDS: Final = 5
_ALWAYS = {"at any time", ""}
_TIME = re.compile(r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?\s*(?P<half>am|pm)?")
_BOUND = re.compile(r"(?P<word>before|after)\s+(?P<time>\d{1,2}(?::\d{2})?\s*(?:am|pm)?)")
_FILLER = re.compile(r"\b(?:and|on|of|the|week)\b|,")
_HOURS = 24
_NOON = 12


class Unreadable(ValueError):
    """The schedule is in words that are not known here."""


def windows(schedules: Sequence[str], zone: str) -> list[dict[str, str]]:
    """Return the entries of windows that are open when one of the schedules is; none for always. Raises Unreadable."""
    if all(each.strip() in _ALWAYS for each in schedules):
        return []
    in_zone = {"timeZone": zone} if zone else {}
    return [{**entry, **in_zone} for each in schedules for entry in _entries(each.strip().lower())]


def _entries(text: str) -> Iterator[dict[str, str]]:
    fields = text.split()
    if len(fields) == _FIELDS and fields[0] == "*":
        yield from _cron(fields)
        return
    bounds = {found["word"]: _clock(found["time"]) for found in _BOUND.finditer(text)}
    days = _days(_BOUND.sub("", text), text)
    prefix = f"{','.join(days)} " if days else ""
    begin, end = bounds.get("after", "00:00"), bounds.get("before", "24:00")
    if begin < end:
        yield {"allow": f"{prefix}{begin}-{end}"}
    else:  # on the same day, as Renovate has it: its first hours and its last
        yield {"allow": f"{prefix}00:00-{end}"}
        yield {"allow": f"{prefix}{begin}-24:00"}


def _clock(text: str) -> str:
    found = _TIME.fullmatch(text.strip())
    assert found is not None
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % _NOON + (_NOON if found["half"] == "pm" else 0)
    if hour > _HOURS:
        raise Unreadable(text)
    return f"{hour:02}:{found['minute'] or '00'}"


def _days(rest: str, text: str) -> list[str]:
    """Read the days of a schedule in words; none for every day. Raises Unreadable."""
    words = _FILLER.sub(" ", rest).split()
    if words in (["every", "weekday"], ["every", "weekdays"]):
        return list(_DAYS[:5])
    if words in (["every", "weekend"], ["every", "weekends"]):
        return list(_DAYS[5:])
    if words in ([], ["every", "day"]):
        return []
    found = {_NAMES.get(word, "") for word in words if word != "every"}
    if "" in found:
        raise Unreadable(text)
    return [day for day in _DAYS if day in found]


def _cron(fields: Sequence[str]) -> Iterator[dict[str, str]]:
    """Write cron without minutes as hours of days, or, where it names days of months, as when each of them begins."""
    _, hours, days, months, weekdays = fields
    for begin, end in _runs(_numbers(hours, 0, _HOURS - 1)):
        if days == months == "*":
            prefix = "" if weekdays == "*" else f"{_weekdays(weekdays)} "
            yield {"allow": f"{prefix}{begin:02}:00-{end + 1:02}:00"}
        else:
            yield {"allow": f"0 {begin} {days} {months} {weekdays}", "duration": f"{end + 1 - begin}h"}


def _weekdays(field: str) -> str:
    named = re.sub(r"[a-z]{3}", lambda word: str([each.lower() for each in _CRON_DAYS].index(word[0])), field)
    found = {_CRON_DAYS[number] for number in _numbers(named, 0, 7)}
    return ",".join(day for day in _DAYS if day in found)


def _numbers(field: str, least: int, most: int) -> list[int]:
    """Read one field of cron. Raises Unreadable."""
    found: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(?:\*|(?P<from>\d+)(?:-(?P<to>\d+))?)(?:/(?P<step>\d+))?", part)
        if match is None:
            raise Unreadable(field)
        begin = int(match["from"]) if match["from"] else least
        last = int(match["to"]) if match["to"] else (begin if match["from"] and not match["step"] else most)
        found.update(range(begin, last + 1, int(match["step"] or 1) or 1))
    if not found or max(found) > most:
        raise Unreadable(field)
    return sorted(found)


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of numbers in a row."""
    begin = last = numbers[0]
    for number in numbers[1:]:
        if number != last + 1:
            yield begin, last
            begin = number
        last = number
    yield begin, last
