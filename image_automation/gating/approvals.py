"""Approvals: a version is written once enough people said so, and not at all once one of them said no.

How many, who may, and until when, an annotation says: on a policy for its places, on an automation for all; where both
do, both have to be content. A rejection counts where nobody asked for approvals, too: a no needs no preparation. What a
person said last counts, one person counts once, and `allow` is an approval as well.

Where updates are pull requests and a rule has `reviews`, those at the forge count besides. The version is then proposed
at once, and what the rule lacks keeps it from being merged.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec

from gotk import decisions
from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageRef
from gotk.decisions import Decision
from gotk.duration import Duration
from gotk.runtime.clock import rfc3339
from image_automation.gating.chain import Gate
from image_automation.gating.facts import Cause, Facts, Misread, by_policy, moment, read
from image_automation.gating.voices import Voice, Voices
from image_automation.update.proposal import REJECTED, Grant

AWAITING: Final = "AwaitingApproval"
OVERDUE: Final = "ApprovalOverdue"
_FORM = '"2", or {needed: 2, of: [jane, "group:sre"], reviews: {jane-dev: jane}, deadline: 48h, then: reject}'
_GROUP = "group:"
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


class _Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The annotation: how many approvals, of whom (anybody without), how soon, and what follows when they are late.

    `reviews` are logins at the forge whose reviews count, with the names that these people have here.
    """

    needed: Annotated[int, msgspec.Meta(ge=1, le=50)]
    of: tuple[str, ...] = ()
    reviews: tuple[str, ...] | dict[str, str] = ()
    deadline: str = ""
    then: Literal["remind", "reject"] = "remind"

    def __post_init__(self) -> None:
        if self.span is not None and self.span <= timedelta():
            raise ValueError(f"deadline '{self.deadline}' leaves no time")

    @property
    def span(self) -> timedelta | None:
        """How long there is time. Raises ValueError."""
        return timedelta(seconds=Duration.parse(self.deadline).seconds) if self.deadline else None

    def may(self, decision: Decision) -> bool:
        """Tell whether a decision is by somebody who is asked."""
        return not self.of or decision.by in self.of or any(f"{_GROUP}{group}" in self.of for group in decision.groups)

    def heard(self, voices: Iterable[Voice], tag: str) -> Iterator[Decision]:
        """Yield the reviews that count, as decisions of those who gave them."""
        named = self.reviews if isinstance(self.reviews, dict) else dict(zip(self.reviews, self.reviews, strict=True))
        people = {login.casefold(): name for login, name in named.items()}
        for voice in voices:
            by = next((people[each.casefold()] for each in voice.names if each.casefold() in people), "")
            if by:
                verdict: Literal["approve", "reject"] = decisions.APPROVE if voice.approves else decisions.REJECT
                yield Decision(tag=tag, verdict=verdict, by=by, at=voice.at, reason=voice.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How far one who asks for approvals has them: whose count, of how many, by whom if not anybody, and until when.

    `rejects` says whether the version is given up when the time is over.
    """

    needed: int
    of: tuple[str, ...]
    given: tuple[Decision, ...]
    end: datetime | None
    rejects: bool

    @property
    def is_enough(self) -> bool:
        """Whether there are as many as are needed."""
        return len(self.given) >= self.needed

    @property
    def words(self) -> str:
        """Say how many there are, and of whom."""
        names = f" ({', '.join(each.by for each in self.given)})" if self.given else ""
        return f"{len(self.given)} of {self.needed} approvals{names}"


def counts(policy: ImagePolicy, automation: Mapping[str, str], since: datetime, now: datetime) -> Iterator[Count]:
    """Yield how far the policy, and then the automation, has its approvals of what is chosen. Raises Misread."""
    ref = policy.status.latest_ref
    said = _said(policy, ref) if ref is not None else ()
    for annotations in (policy.metadata.annotations, automation):
        rule = _asked(annotations)
        if rule is not None:
            yield _count(rule, filter(rule.may, said), since, now)


def groups_asked(annotations: Mapping[str, str]) -> frozenset[str]:
    """Return the groups whose members an object asks for approval. Raises Misread."""
    asked = _asked(annotations)
    return frozenset(each.removeprefix(_GROUP) for each in (asked.of if asked else ()) if each.startswith(_GROUP))


def asks(annotations: Mapping[str, str], decision: Decision) -> bool:
    """Tell whether an object asks for the word of whoever decided, or of anybody. Raises Misread."""
    asked = _asked(annotations)
    return asked is None or asked.may(decision)


def gate(facts: Facts) -> Gate:
    """Hold what is rejected, and what not enough people approved yet. Raises Misread."""
    everywhere = _asked(facts.automation)

    def judge(policy: ImagePolicy, since: datetime) -> Cause | None:
        ref = policy.status.latest_ref
        if ref is None:
            return None
        said = _said(policy, ref)
        rules = [each for each in (_asked(policy.metadata.annotations), everywhere) if each is not None]
        rejected = [each for each in said if each.verdict == decisions.REJECT and all(rule.may(each) for rule in rules)]
        if rejected:
            return Cause(kind=REJECTED, message=f"rejected by {rejected[-1].words}", by=rejected[-1].by)
        proposed = extensions.PULL_REQUEST in facts.automation
        causes = (_short(rule, said, since, facts.now) for rule in rules if not (proposed and rule.reviews))
        return next((cause for cause in causes if cause is not None), None)

    return by_policy(facts, judge)


def granting(policy: ImagePolicy, facts: Facts) -> list[Decision]:
    """Return whose word lets a policy's version through, where it has passed: what is wrong has been said."""
    ref = policy.status.latest_ref
    try:
        rules = [each for each in (_asked(policy.metadata.annotations), _asked(facts.automation)) if each is not None]
        said = _said(policy, ref) if ref is not None else ()
    except Misread:
        return []
    return [
        each
        for each in said
        if each.verdict == decisions.ALLOW
        or (each.verdict == decisions.APPROVE and (not rules or any(rule.may(each) for rule in rules)))
    ]


def reviewers(facts: Facts) -> frozenset[str]:
    """Return the logins, in small letters, whose reviews count for one of the policies; for what is misread none do."""
    try:
        rules = [rule for policy in facts.policies.values() for rule in _reviewed(policy, facts)]
    except Misread:
        return frozenset()
    return frozenset(login.casefold() for rule in rules for login in rule.reviews)


def unmerged(facts: Facts, voices: Voices, since: datetime) -> Cause | None:
    """Say what keeps a pull request from being merged whose reviews count; None where nothing does. Raises Misread."""
    for policy in facts.policies.values():
        ref = policy.status.latest_ref
        for rule in _reviewed(policy, facts) if ref is not None else ():
            said = _together(rule, policy, voices)
            objecting = next((each for each in said if each.verdict == decisions.REJECT), None)
            if objecting is not None:
                return Cause(kind=REJECTED, message=f"rejected by {objecting.words}", by=objecting.by)
            if (cause := _enough(rule, said, since, facts.now)) is not None:
                return cause
    return None


def merging(facts: Facts, voices: Voices) -> tuple[Grant, ...]:
    """Return whose word lets a pull request be merged whose reviews count."""
    found: dict[Grant, None] = {}
    for policy in facts.policies.values():
        ref, name = policy.status.latest_ref, policy.metadata.name
        for rule in _reviewed(policy, facts) if ref is not None else ():
            for each in _together(rule, policy, voices):
                word = {field: getattr(each, field) for field in ("tag", "verdict", "by", "at", "reason")}
                if ref is not None and each.verdict != decisions.REJECT:
                    found[Grant(policy=name, image=ref.name, **word)] = None
    return tuple(found)


def _reviewed(policy: ImagePolicy, facts: Facts) -> list[_Asked]:
    rules = (_asked(policy.metadata.annotations), _asked(facts.automation))
    return [rule for rule in rules if rule is not None and rule.reviews]


def _together(rule: _Asked, policy: ImagePolicy, voices: Voices) -> list[Decision]:
    """Return each person's last word, here or at the forge; without a time a no is the last, and a yes is not."""
    ref = policy.status.latest_ref
    if ref is None:
        return []
    here = (each for each in _said(policy, ref) if rule.may(each))
    there = rule.heard(voices.get(policy.metadata.name, ()), ref.tag)
    last: dict[str, Decision] = {}
    for each in sorted((*here, *there), key=_when):
        last.pop(each.by, None)
        last[each.by] = each
    return list(last.values())


def _when(decision: Decision) -> datetime:
    try:
        return moment(decision.at, "at")
    except ValueError:
        return _LAST if decision.verdict == decisions.REJECT else _FIRST


def _said(policy: ImagePolicy, ref: ImageRef) -> Sequence[Decision]:
    try:
        return decisions.standing(decisions.read(policy.metadata.annotations), ref)
    except ValueError as error:
        raise Misread(str(error)) from None


def _short(rule: _Asked, said: Sequence[Decision], since: datetime, now: datetime) -> Cause | None:
    """Say what a version lacks by what people decided here; None where it has enough."""
    return _enough(rule, [each for each in said if rule.may(each)], since, now)


def _count(rule: _Asked, said: Iterable[Decision], since: datetime, now: datetime) -> Count:
    """Count what those said who are asked; before the deadline that is in time, whatever clock dated it."""
    end = since + rule.span if rule.span is not None else None
    rejects = end is not None and rule.then == "reject"
    strict = end if end is not None and rejects and now >= end else None
    yes = (each for each in said if each.verdict != decisions.REJECT and _in_time(each, strict))
    return Count(needed=rule.needed, of=rule.of, given=tuple(yes), end=end, rejects=rejects)


def _enough(rule: _Asked, said: Sequence[Decision], since: datetime, now: datetime) -> Cause | None:
    """Say how many approvals a version lacks, and what the deadline makes of that; None where it has enough."""
    count = _count(rule, said, since, now)
    if count.is_enough:
        return None
    end, words = count.end, count.words
    if end is None:
        return Cause(kind=AWAITING, message=f"awaiting approval: {words}")
    if now < end:
        what = "rejected" if count.rejects else "overdue"
        return Cause(kind=AWAITING, message=f"awaiting approval: {words}, {what} at {rfc3339(end)}", until=end)
    if count.rejects:
        return Cause(kind=REJECTED, message=f"rejected at {rfc3339(end)}: {words} in time")
    return Cause(kind=OVERDUE, message=f"awaiting approval: {words}, overdue since {rfc3339(end)}")


def _in_time(decision: Decision, end: datetime | None) -> bool:
    try:
        return end is None or not decision.at or moment(decision.at, "at") <= end
    except ValueError:
        return False


def _asked(annotations: Mapping[str, str]) -> _Asked | None:
    plain = annotations.get(extensions.APPROVALS, "").strip()
    if plain.isdecimal():
        annotations = {extensions.APPROVALS: f"{{needed: {plain}}}"}
    return read(annotations, extensions.APPROVALS, _Asked, _FORM)
