"""One message for many events: an Alert may ask for one per run or per window instead of one per object.

Ours, beyond Flux: the annotation `image-automation.dev/group` on an Alert. `run` gathers until nothing has come for a
while, so that one push that moves thirty objects is one message; a duration (`5m`) gathers for as long as it says. Of
each object only the last event counts, and an object whose last word is what was told of it before is left out.
"""

import collections
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gotk.api import extensions
from gotk.api.notification import Alert
from gotk.duration import Duration
from image_automation.notification.notice import ERROR, INFO, Involved, Notice
from image_automation.notification.providers import text

ANNOTATION = extensions.PREFIX + "group"
REASON = "Grouped"
_QUIET = 10.0
_LONGEST_RUN = 120.0
_LONGEST_WINDOW = 86400.0
_OBJECTS = 1000
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


@dataclass(slots=True)
class _Group:
    alert: Alert
    window: Window
    began: float
    last: float
    notices: dict[str, Notice] = field(default_factory=dict)

    def is_due(self, now: float) -> bool:
        quiet = self.window.quiet
        return now - self.began >= self.window.longest or (quiet is not None and now - self.last >= quiet)


class Groups:
    """The groups that gather now, and what was told last of each object."""

    def __init__(self) -> None:
        self._groups: dict[_Key, _Group] = {}
        self._told: collections.OrderedDict[tuple[_Key, str], str] = collections.OrderedDict()

    def add(self, alert: Alert, wanted: Window, notice: Notice, now: float) -> None:
        """Take an event into its alert's group; the first one begins it."""
        key = (alert.metadata.namespace, alert.metadata.name)
        group = self._groups.setdefault(key, _Group(alert, wanted, now, now))
        group.alert, group.window, group.last = alert, wanted, now
        group.notices.pop(notice.path, None)
        if len(group.notices) < _OBJECTS:
            group.notices[notice.path] = notice

    def due(self, now: float) -> Iterator[tuple[Alert, Notice]]:
        """End the groups whose time has come, and give the message of each that has something new to tell."""
        for key in [key for key, group in self._groups.items() if group.is_due(now)]:
            yield from self._end(key)

    def all(self) -> Iterator[tuple[Alert, Notice]]:
        """End every group."""
        for key in list(self._groups):
            yield from self._end(key)

    def _end(self, key: _Key) -> Iterator[tuple[Alert, Notice]]:
        group = self._groups.pop(key)
        news = [notice for notice in group.notices.values() if self._is_news(key, notice)]
        if news:
            yield group.alert, joined(group.alert, news)

    def _is_news(self, key: _Key, notice: Notice) -> bool:
        said = f"{notice.severity}\n{notice.reason}\n{notice.facts.get('revision', '')}\n{notice.message}"
        known = self._told.pop((key, notice.path), None)
        self._told[key, notice.path] = said
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return said != known


def joined(alert: Alert, notices: list[Notice]) -> Notice:
    """Word several events as one about the alert: errors first, a line each. A single one stays as it is."""
    if len(notices) == 1:
        return notices[0]
    ranked = sorted(notices, key=lambda notice: not notice.is_error)
    failed = sum(notice.is_error for notice in ranked)
    lines = [f"{_count(len(ranked) - failed, failed)}:"]
    for notice in ranked[:_LINES]:
        first = text.plain(notice.message).strip().split("\n", 1)[0]
        lines.append(f"{'✗' if notice.is_error else '✔'} {notice.title}: {first}")
    if len(ranked) > _LINES:
        lines.append(f"… and {len(ranked) - _LINES} more")
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
        message="\n".join(lines),
        reason=REASON,
        metadata=_shared(ranked),
        reporting_controller=ranked[0].reporting_controller,
        reporting_instance=ranked[0].reporting_instance,
    )


def _count(good: int, failed: int) -> str:
    return ", ".join(f"{number} {word}" for number, word in ((failed, "failed"), (good, "succeeded")) if number)


def _shared(notices: list[Notice]) -> Mapping[str, str]:
    """Return the metadata that all of them have."""
    first, *rest = (notice.facts for notice in notices)
    return {key: value for key, value in first.items() if all(each.get(key) == value for each in rest)}
