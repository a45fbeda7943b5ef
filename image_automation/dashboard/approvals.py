"""`/approvals`: which versions wait for people, how many have said yes of how many, until when, and who said what.

How many count is asked of the gate that also decides it when an automation writes.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, Literal

from gotk import decisions
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.decisions import Decision
from gotk.runtime.clock import parse_rfc3339, rfc3339
from image_automation import audit, report
from image_automation.dashboard import links
from image_automation.dashboard.acting import offers
from image_automation.dashboard.acting.offers import May, Offer
from image_automation.dashboard.page import Look, Page, Record, titled
from image_automation.gating import approvals
from image_automation.gating.facts import Misread
from image_automation.report import Held
from image_automation.update.proposal import REJECTED

#: What holds for which a person can say something.
KINDS: Final = frozenset({approvals.AWAITING, approvals.OVERDUE, REJECTED})
#: How many of the words that people said lately are listed.
_MOST: Final = 50


class Count(Record, frozen=True, kw_only=True):
    """How many approvals one who asks for them has, of how many, from whom if not from anybody, and until when."""

    needed: int
    given: int
    of: tuple[str, ...] = ()
    deadline: str = ""
    then: Literal["", "remind", "reject"] = ""


class Word(Record, frozen=True, kw_only=True):
    """What somebody said of a version."""

    by: str
    verdict: str
    at: str = ""
    reason: str = ""


class Awaited(Record, frozen=True, kw_only=True):
    """A version that people have to say something about, or that they stopped: what of it is not written, and where."""

    namespace: str
    policy: str
    automation: str
    tag: str
    old: str
    places: tuple[str, ...]
    standing: Literal["waiting", "overdue", "rejected"]
    cause: str
    since: str = ""
    counts: tuple[Count, ...] = ()
    words: tuple[Word, ...] = ()
    acts: tuple[Offer, ...] = ()


class Reviewed(Record, frozen=True, kw_only=True):
    """A pull request whose reviews count: why it is not merged, since when it is proposed, and who said what of it.

    `url` is empty where it is no address over https.
    """

    namespace: str
    automation: str
    number: int
    title: str
    url: str = ""
    note: str = ""
    since: str = ""
    words: tuple[Word, ...] = ()


class Approvals(Record, frozen=True, kw_only=True):
    """What waits for approval, here or at a forge, what was rejected, and what people said lately."""

    waiting: tuple[Awaited, ...] = ()
    reviews: tuple[Reviewed, ...] = ()
    rejected: tuple[Awaited, ...] = ()
    said: tuple[audit.Entry, ...] = ()


def record(look: Look) -> Approvals:
    """Make the record."""
    policies, automations = look.objects.list(ImagePolicy), look.objects.list(ImageUpdateAutomation)
    found = of(automations, policies, look)
    objects: list[ImagePolicy | ImageUpdateAutomation] = [*policies, *automations]
    said = audit.ordered(each for obj in objects for each in _said(obj))
    return Approvals(
        waiting=tuple(each for each in found if each.standing != "rejected"),
        reviews=tuple(each for automation in automations for each in _reviewed(automation)),
        rejected=tuple(each for each in found if each.standing == "rejected"),
        said=tuple(said[::-1][:_MOST]),
    )


def of(automations: Iterable[ImageUpdateAutomation], policies: Iterable[ImagePolicy], look: Look) -> list[Awaited]:
    """Return the versions that people have to say something about, what is late first, then what waits for longest."""
    named = {(each.metadata.namespace, each.metadata.name): each for each in policies}
    found = [each for automation in automations for each in _awaited(automation, named, look)]
    return sorted(found, key=lambda each: (each.standing != "overdue", each.since))


def _awaited(
    automation: ImageUpdateAutomation, policies: Mapping[tuple[str, str], ImagePolicy], look: Look
) -> Iterator[Awaited]:
    held: dict[tuple[str, str], list[Held]] = {}
    for each in report.read(automation.metadata.annotations).held:
        if each.kind in KINDS:
            held.setdefault((each.names.policy, each.new), []).append(each)
    for (name, _), places in held.items():
        policy = policies.get((automation.metadata.namespace, name))
        if policy is not None and policy.status.latest_ref is not None:
            yield _one(automation, policy, places, look)


def _one(automation: ImageUpdateAutomation, policy: ImagePolicy, held: list[Held], look: Look) -> Awaited:
    first, namespace, ref = held[0], automation.metadata.namespace, policy.status.latest_ref
    kinds: Mapping[str, Literal["overdue", "rejected"]] = {approvals.OVERDUE: "overdue", REJECTED: "rejected"}
    since = min((each.since for each in held if each.since), default="")
    return Awaited(
        namespace=namespace,
        policy=policy.metadata.name,
        automation=automation.metadata.name,
        tag=ref.tag if ref is not None else "",
        old=first.old,
        places=tuple(f"{each.path}:{each.line}" for each in held),
        standing=kinds.get(first.kind, "waiting"),
        cause=first.message,
        since=since,
        counts=tuple(_counts(automation, policy, _moment(since, look.now), look.now)),
        words=tuple(_words(policy)),
        acts=tuple(_offers(automation, policy, first, look.writes)),
    )


def _reviewed(automation: ImageUpdateAutomation) -> Iterator[Reviewed]:
    """Yield the open pull requests of an automation whose reviews count."""
    for each in report.read(automation.metadata.annotations).pull_requests:
        if each.number and (each.since or each.voices):
            verdicts = {True: "approve", False: "reject"}
            yield Reviewed(
                namespace=automation.metadata.namespace,
                automation=automation.metadata.name,
                number=each.number,
                title=each.title,
                url=links.outward(each.url),
                note=each.note,
                since=each.since,
                words=tuple(
                    Word(by=", ".join(said.names), verdict=verdicts[said.approves], at=said.at, reason=said.reason)
                    for said in each.voices
                ),
            )


def _offers(automation: ImageUpdateAutomation, policy: ImagePolicy, held: Held, may: May) -> Iterator[Offer]:
    yield from offers.of_hold(held, automation.metadata.namespace, automation.metadata.name, policy, may)


def _counts(automation: ImageUpdateAutomation, policy: ImagePolicy, since: datetime, now: datetime) -> Iterator[Count]:
    try:
        for each in approvals.counts(policy, automation.metadata.annotations, since, now):
            then: Literal["remind", "reject"] = "reject" if each.rejects else "remind"
            yield Count(
                needed=each.needed,
                given=len(each.given),
                of=each.of,
                deadline=rfc3339(each.end) if each.end is not None else "",
                then=then if each.end is not None else "",
            )
    except Misread:
        return  # what is wrong with the annotation is the cause that the gate gave


def _words(policy: ImagePolicy) -> Iterator[Word]:
    ref = policy.status.latest_ref
    try:
        said = decisions.standing(decisions.read(policy.metadata.annotations), ref) if ref is not None else ()
    except ValueError:
        return
    yield from map(_word, said)


def _word(made: Decision) -> Word:
    return Word(by=made.by, verdict=made.verdict, at=made.at, reason=made.reason)


def _said(obj: ImagePolicy | ImageUpdateAutomation) -> Iterator[audit.Entry]:
    """Yield what people said of an object, or of its pull requests; whose word a push had is said by the policy."""
    try:
        found = list(audit.of_policy(obj) if isinstance(obj, ImagePolicy) else audit.of_automation(obj))
    except ValueError:
        return  # the holds page says what is wrong with it
    mine = f"{obj.kind}/{obj.metadata.namespace}/{obj.metadata.name}"
    yield from (each for each in found if each.object == mine)


def _moment(text: str, otherwise: datetime) -> datetime:
    try:
        return parse_rfc3339(text)
    except ValueError:
        return otherwise


PAGE = Page(
    path="/approvals",
    template="approvals.html",
    title=titled("Approvals"),
    kinds=(ImageUpdateAutomation, ImagePolicy),
    record=record,
    changes=(ImageUpdateAutomation, ImagePolicy),
)
