"""`/changes`: what automations wrote last and where, their open pull requests, and what was taken back and why."""

from collections.abc import Iterable, Iterator

from gotk.api.image import ImageUpdateAutomation
from image_automation import report
from image_automation.dashboard import links, states
from image_automation.dashboard.acting import catalog, offers
from image_automation.dashboard.acting.offers import Offer
from image_automation.dashboard.page import Look, Page, Record, titled
from image_automation.dashboard.states import State


class Value(Record, frozen=True, kw_only=True):
    """A value that was written, by the choice of which policy."""

    path: str
    line: int
    policy: str
    old: str
    new: str


class Proposed(Record, frozen=True, kw_only=True):
    """A pull request that is kept. `url` is empty where it is no address over https."""

    number: int
    title: str
    branch: str
    url: str = ""
    draft: bool = False
    note: str = ""


class Change(Record, frozen=True, kw_only=True):
    """What one automation did last. `left_out` counts the values that its report had no room for.

    `grants` are the people whose word let it through, `recovery` says what fails with it, `answer` what became of the
    last request to take something back.
    """

    state: State
    commit: str = ""
    branch: str = ""
    time: str = ""
    values: tuple[Value, ...] = ()
    left_out: int = 0
    grants: tuple[str, ...] = ()
    pull_requests: tuple[Proposed, ...] = ()
    recovery: str = ""
    answer: str = ""
    acts: tuple[Offer, ...] = ()


class Changes(Record, frozen=True, kw_only=True):
    """Every automation, the one that wrote last first."""

    changes: tuple[Change, ...] = ()


def record(look: Look) -> Changes:
    """Make the record."""
    found = [_change(each, look) for each in look.objects.list(ImageUpdateAutomation)]
    return Changes(changes=tuple(sorted(found, key=lambda change: change.time, reverse=True)))


def _change(automation: ImageUpdateAutomation, look: Look) -> Change:
    found, status = report.read(automation.metadata.annotations), automation.status
    push = found.push if found.push is not None and found.push.commit == status.last_push_commit else None
    recovery = found.recovery
    return Change(
        state=states.of(automation),
        commit=status.last_push_commit,
        branch=push.branch if push is not None else "",
        time=status.last_push_time,
        values=tuple(_values(push.changes)) if push is not None else (),
        left_out=push.left_out if push is not None else 0,
        grants=tuple(map(_grant, push.grants)) if push is not None else (),
        pull_requests=tuple(map(_proposed, found.pull_requests)),
        recovery=": ".join(filter(None, (recovery.failing, recovery.message, recovery.cause))) if recovery else "",
        answer=found.answer.message if found.answer is not None else "",
        acts=tuple(_offers(automation, look)),
    )


def _offers(automation: ImageUpdateAutomation, look: Look) -> Iterator[Offer]:
    namespace = automation.metadata.namespace
    if catalog.ACTS["rollback"].fits(automation) and look.writes(ImageUpdateAutomation, namespace):
        yield offers.rollback(namespace, automation.metadata.name)


def _values(changes: Iterable[report.Changed]) -> Iterator[Value]:
    for each in changes:
        yield Value(path=each.path, line=each.line, policy=each.names.policy, old=each.old, new=each.new)


def _grant(granted: report.Granted) -> str:
    of = f" of {granted.image}" if granted.image else ""
    why = f": {granted.reason}" if granted.reason else ""
    return f"{granted.verdict} {granted.policy} {granted.tag}{of} by {granted.by}{why}"


def _proposed(kept: report.PullRequest) -> Proposed:
    return Proposed(
        number=kept.number,
        title=kept.title,
        branch=kept.branch,
        url=links.outward(kept.url),
        draft=kept.draft,
        note=kept.note,
    )


PAGE = Page(
    path="/changes",
    template="changes.html",
    title=titled("Changes"),
    kinds=(ImageUpdateAutomation,),
    record=record,
    changes=(ImageUpdateAutomation,),
)
