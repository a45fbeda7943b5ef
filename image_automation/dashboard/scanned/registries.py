"""`/registries`: per host how late its scans are, how gently it is asked, which lists are doubted, and what failed.

How late is told by times, from the objects; how gently by what the registry client keeps of each host in this process.
Only hosts are shown of which somebody may see an ImageRepository.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from gotk.api import extensions
from gotk.api.image import ImageRepository
from gotk.http.pace import Standing
from gotk.oci import name as names
from gotk.runtime.clock import parse_rfc3339, rfc3339
from image_automation import acts
from image_automation.dashboard import states
from image_automation.dashboard.page import Look, Page, Record, titled
from image_automation.dashboard.states import State

_MOST: Final = 20
_ROUND: Final = 5
#: A scan begins a little after its time: jitter, and turns to wait for.
_GRACE: Final = timedelta(seconds=30)


class Late(Record, frozen=True, kw_only=True):
    """An ImageRepository whose scan is due since a time that has passed."""

    namespace: str
    name: str
    due: str


class Host(Record, frozen=True, kw_only=True):
    """One registry: how many repositories are scanned there, when one was last, and which of them are late.

    `at_once` of `most` conversations are allowed now, `pause` is what lies between two beginnings in seconds; both are
    0 and nothing before the host was asked. Until `closed_until` it wants no requests of (one of) our accounts.
    """

    host: str
    standing: str
    repositories: int
    tags: int = 0
    suspended: int = 0
    scanned: str = ""
    stalest: str = ""
    late: tuple[Late, ...] = ()
    doubted: tuple[State, ...] = ()
    failed: tuple[State, ...] = ()
    most: int = 0
    at_once: int = 0
    waiting: int = 0
    pause: float = 0.0
    closed_until: str = ""


class Registries(Record, frozen=True, kw_only=True):
    """Every host, those with something wrong first. `known` is false where another process does the scans."""

    hosts: tuple[Host, ...] = ()
    known: bool = True


@dataclass(frozen=True, slots=True)
class _Scan:
    """A repository that is to be scanned, when it was last, and when it is due again."""

    obj: ImageRepository
    last: datetime | None
    due: datetime | None


def record(look: Look) -> Registries:
    """Make the record."""
    by_host: dict[str, list[ImageRepository]] = {}
    for each in look.objects.list(ImageRepository):
        by_host.setdefault(_host(each), []).append(each)
    port = look.knows.registries
    asked = port.standing() if port is not None else {}
    hosts = [_registry(host, found, asked.get(host), look.now) for host, found in by_host.items()]
    order = ("broken", "held", "working", "ready")
    return Registries(
        hosts=tuple(sorted(hosts, key=lambda each: (order.index(each.standing), each.host))), known=port is not None
    )


def _host(obj: ImageRepository) -> str:
    try:
        return names.parse(obj.spec.image).registry
    except names.InvalidName:
        return ""


def _registry(host: str, found: Sequence[ImageRepository], asked: Standing | None, now: datetime) -> Host:
    scans = [_scan(each) for each in found if not acts.is_suspended(each)]
    times = [each.last for each in scans if each.last is not None]
    late, doubted, failed = tuple(_late(scans, now)), tuple(_doubted(found)), tuple(_failed(found))
    closed = asked is not None and asked.closed > 0
    slow = asked is not None and (asked.limit < asked.most or asked.pause > 0)
    return Host(
        host=host,
        standing="broken" if closed or failed else "held" if doubted else "working" if late or slow else "ready",
        repositories=len(found),
        tags=sum(each.status.last_scan_result.tag_count for each in found if each.status.last_scan_result is not None),
        suspended=len(found) - len(scans),
        scanned=rfc3339(max(times)) if times else "",
        stalest=rfc3339(min(times)) if times else "",
        late=late,
        doubted=doubted,
        failed=failed,
        most=asked.most if asked is not None else 0,
        at_once=asked.limit if asked is not None else 0,
        waiting=asked.waiting if asked is not None else 0,
        pause=round(asked.pause, 1) if asked is not None else 0.0,
        closed_until=_moment(now, asked.closed) if asked is not None and closed else "",
    )


def _moment(now: datetime, seconds: float) -> str:
    """Word when so many seconds have gone, the same way a moment later."""
    whole = int((now.timestamp() + seconds) / _ROUND + 1) * _ROUND
    return rfc3339(datetime.fromtimestamp(whole, now.tzinfo))


def _scan(obj: ImageRepository) -> _Scan:
    scan = obj.status.last_scan_result
    try:
        last = parse_rfc3339(scan.scan_time) if scan is not None and scan.scan_time else None
    except ValueError:
        last = None
    return _Scan(obj, last, last + timedelta(seconds=obj.spec.interval.seconds) if last is not None else None)


def _late(scans: Iterable[_Scan], now: datetime) -> Iterator[Late]:
    due = [(each.due, each.obj.metadata) for each in scans if each.due is not None and each.due + _GRACE < now]
    for when, meta in sorted(due, key=lambda each: each[0])[:_MOST]:
        yield Late(namespace=meta.namespace, name=meta.name, due=rfc3339(when))


def _doubted(found: Iterable[ImageRepository]) -> Iterator[State]:
    for each in found:
        said = states.condition(each, extensions.TAGS_HELD)
        if said is not None and said.status == "True":
            meta = each.metadata
            yield State(
                kind=each.kind,
                namespace=meta.namespace,
                name=meta.name,
                standing="working",
                reason=said.reason,
                message=said.message,
                since=said.last_transition_time,
            )


def _failed(found: Iterable[ImageRepository]) -> Iterator[State]:
    yield from [state for state in map(states.of, found) if state.standing == "broken"][:_MOST]


PAGE = Page(
    path="/registries", template="registries.html", title=titled("Registries"), kinds=(ImageRepository,), record=record
)
