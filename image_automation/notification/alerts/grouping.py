"""One message for many events: an Alert may ask for one per run or per window instead of one per object.

Ours, beyond Flux: the annotation `image-automation.dev/group` on an Alert. `run` gathers until nothing has come for a
while, so that one push that moves thirty objects is one message; a duration (`5m`) gathers for as long as it says. Of
each object the last event counts, and an object whose last word is what was told of it before is left out. No failure
is lost: one that an object recovered from is told beside its last word, and what did not arrive counts as not told.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gotk.api import extensions
from gotk.api.notification import Alert
from gotk.bounded import Bounded
from gotk.duration import Duration
from image_automation.notification.notice import ERROR, INFO, Involved, Notice
from image_automation.notification.providers import text

ANNOTATION = extensions.PREFIX + "group"
REASON = "Grouped"
_QUIET = 10.0
_LONGEST_RUN = 120.0
_LONGEST_WINDOW = 86400.0
_OBJECTS = 1000
_SIZE = 8 << 20
_REMEMBERED = 4096
_LINES = 50


@dataclass(frozen=True, slots=True)
class Window:
    """How long events are gathered: at most `longest` seconds, and less where none comes for `quiet` seconds."""

    longest: float
    quiet: float | None = None


def window(alert: Alert) -> Window | None:
    """Read an alert's wish; None where it has none. Raises ValueError that names the annotation."""
    wish = alert.metadata.annotations.get(ANNOTATION, "").strip()
    if not wish:
        return None
    if wish == "run":
        return Window(_LONGEST_RUN, _QUIET)
    try:
        seconds = Duration.parse(wish).seconds
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= _LONGEST_WINDOW:
        raise ValueError(f"{ANNOTATION}: expected run, or a duration from 1s to 24h such as 5m, not '{wish}'")
    return Window(seconds)


_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Heard:
    """The last event of an object, and the last failure before it in the same group, if it recovered from one."""

    notice: Notice
    recovered: Notice | None = None

    def then(self, notice: Notice) -> "Heard":
        """Hear the next event."""
        failed = self.notice if self.notice.is_error else self.recovered
        return Heard(notice, None if notice.is_error else failed)

    @property
    def size(self) -> int:
        """About how much memory it takes."""
        return self.notice.size + (self.recovered.size if self.recovered else 0)


@dataclass(frozen=True, slots=True)
class Gathered:
    """The message of a group that has ended, for the alert as it was, and a digest of what it tells of each object."""

    alert: Alert
    notice: Notice
    told: Mapping[str, bytes]


@dataclass(slots=True)
class _Group:
    alert: Alert
    window: Window
    began: float
    last: float
    heard: dict[str, Heard] = field(default_factory=dict)
    size: int = 0

    def is_due(self, now: float) -> bool:
        quiet = self.window.quiet
        return now - self.began >= self.window.longest or (quiet is not None and now - self.last >= quiet)

    def hear(self, notice: Notice) -> None:
        known = self.heard.pop(notice.path, None)
        heard = known.then(notice) if known else Heard(notice)
        self.size += heard.size - (known.size if known else 0)
        self.heard[notice.path] = heard


class Groups:
    """The groups that gather now, and what was told last of each object."""

    def __init__(self) -> None:
        self._groups: dict[_Key, _Group] = {}
        self._told: Bounded[tuple[_Key, str], bytes] = Bounded(_REMEMBERED)

    def add(self, alert: Alert, wanted: Window, notice: Notice, now: float) -> Gathered | None:
        """Take an event into its alert's group; the first one begins it. A group that is full ends and is returned."""
        key = _key(alert)
        group = self._groups.setdefault(key, _Group(alert, wanted, now, now))
        group.alert, group.window, group.last = alert, wanted, now
        group.hear(notice)
        return self._end(key) if len(group.heard) >= _OBJECTS or group.size >= _SIZE else None

    def due(self, now: float) -> Iterator[Gathered]:
        """End the groups whose time has come, and give the message of each that has something new to tell."""
        return self._ended([key for key, group in self._groups.items() if group.is_due(now)])

    def all(self) -> Iterator[Gathered]:
        """End every group."""
        return self._ended(list(self._groups))

    def arrived(self, gathered: Gathered) -> None:
        """Remember what was told: it is no news any more."""
        for path, said in gathered.told.items():
            self._told.put((_key(gathered.alert), path), said)

    def _ended(self, keys: Sequence[_Key]) -> Iterator[Gathered]:
        for key in keys:
            if gathered := self._end(key):
                yield gathered

    def _end(self, key: _Key) -> Gathered | None:
        group = self._groups.pop(key)
        said = {path: _digest(heard.notice) for path, heard in group.heard.items()}
        news = [
            heard
            for path, heard in group.heard.items()
            if heard.recovered is not None or self._told.peek((key, path)) != said[path]
        ]
        return Gathered(group.alert, joined(group.alert, news), said) if news else None


def _key(alert: Alert) -> _Key:
    return alert.metadata.namespace, alert.metadata.name


def _digest(notice: Notice) -> bytes:
    said = f"{notice.severity}\n{notice.reason}\n{notice.facts.get('revision', '')}\n{notice.message}"
    return hashlib.sha256(said.encode()).digest()


def joined(alert: Alert, news: Sequence[Heard]) -> Notice:
    """Word several events as one about the alert: errors first, a line each. A single one stays as it is."""
    if len(news) == 1 and news[0].recovered is None:
        return news[0].notice
    lines = sorted(news, key=lambda heard: (not heard.notice.is_error, heard.recovered is None))
    ranked = [heard.notice for heard in lines]
    failed = sum(notice.is_error for notice in ranked)
    words = [f"{_count(len(ranked) - failed, failed)}:", *(_line(heard) for heard in lines[:_LINES])]
    if len(lines) > _LINES:
        words.append(f"… and {len(lines) - _LINES} more")
    metadata = alert.metadata
    return Notice(
        involved_object=Involved(
            kind=alert.kind,
            namespace=metadata.namespace,
            name=metadata.name,
            uid=metadata.uid,
            api_version=alert.api_version,
        ),
        severity=ERROR if failed else INFO,
        timestamp=max((notice.timestamp for notice in ranked if notice.timestamp), default=None),
        message="\n".join(words),
        reason=REASON,
        metadata=_shared(ranked),
        by_owner=frozenset.intersection(*(notice.by_owner for notice in ranked)),
        reporting_controller=ranked[0].reporting_controller,
        reporting_instance=ranked[0].reporting_instance,
    )


def _line(heard: Heard) -> str:
    notice, before = heard.notice, heard.recovered
    after = f" (after: {_first(before)})" if before is not None else ""
    return f"{'✗' if notice.is_error else '✔'} {notice.title}: {_first(notice)}{after}"


def _first(notice: Notice) -> str:
    return text.plain(notice.message).strip().split("\n", 1)[0]


def _count(good: int, failed: int) -> str:
    return ", ".join(f"{number} {word}" for number, word in ((failed, "failed"), (good, "succeeded")) if number)


def _shared(notices: list[Notice]) -> Mapping[str, str]:
    """Return the metadata that all of them have."""
    first, *rest = (notice.facts for notice in notices)
    return {key: value for key, value in first.items() if all(each.get(key) == value for each in rest)}
