"""From the store's tags to a decision, with no more work than a change costs.

Tags and policy unchanged: nothing is read. A few tags more: they are weighed against the tag chosen before, which is
what the order of versions, texts and numbers allows; under a minimum age they wait beside it. Anything else is chosen
anew, off the event loop where the tags are many. Where the last list is doubtful the tag in use counts as listed, so
that bad data never moves a policy down.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gotk.api.image import ImagePolicySpec
from gotk.runtime.blocking import Limiter
from gotk.runtime.reconciler import Key
from policies import age, choose, pin
from policies.age import Decision, Minimum
from policies.pin import Pin
from policies.ports import Change, TagStore

#: More tags than this are not chosen from on the event loop; a pattern costs several times as much as the choice.
_MANY, _MANY_FILTERED = 5000, 1000


class NoTags(ValueError):
    """No scan has found any tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: of which image's tags, by what policy, pinned to what, with which tag in use, and when.

    With `fresh` nothing is taken from memory.
    """

    name: str
    policy: ImagePolicySpec
    minimum: Minimum | None
    present: str
    now: datetime
    pin: Pin | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a decision rests on: the tags, and when those that are too young may be chosen."""

    tags: Sequence[str]
    eligibles: Mapping[str, datetime]
    #: The tags that are too young because they moved to another digest, and since when.
    moved: Mapping[str, datetime] = field(default_factory=dict)
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class _Known:
    """A decision, the question that it answers, and the serial number of the list that it was made from."""

    question: Question
    #: None where the list is doubtful: such a decision is not kept.
    serial: int | None
    decision: Decision
    #: Whether the policy ranks all tags of the list in one order.
    is_total: bool
    moved: Mapping[str, datetime] = field(default_factory=dict)

    def holds(self, question: Question, serial: int) -> bool:
        """Tell whether the decision answers the question from the list of a serial number, as the clock stands."""
        again = self.decision.again
        return self.answers(question) and self.serial == serial and (again is None or question.now < again)

    def answers(self, question: Question) -> bool:
        """Tell whether the question is the one that was asked, but for the list of tags and the time."""
        old, new = self.question, question
        return not new.fresh and _terms(old) == _terms(new)


def gather(tags: TagStore, question: Question) -> Evidence:
    """Read what a decision rests on. Raises OSError."""
    listed, doubtful = tags.tags(question.name), tags.generation(question.name).doubtful
    if doubtful and listed and question.present and question.present not in listed:
        listed = [*listed, question.present]
    minimum = question.minimum
    eligibles: Mapping[str, datetime] = {}
    moved: Mapping[str, datetime] = {}
    if minimum is not None:
        since = question.now - minimum.age
        eligibles = age.eligibles(
            tags.young(question.name, since, first_scan_is_old=minimum.first_scan_is_old), minimum
        )
        moved = tags.moved(question.name, since)
    return Evidence(listed, eligibles, moved, doubtful)


class Chooser:
    """Chooses for every policy, and remembers."""

    def __init__(self, *, tags: TagStore, limiter: Limiter) -> None:
        self._tags = tags
        self._limiter = limiter
        self._known: dict[Key, _Known] = {}

    def forget(self, key: Key) -> None:
        """Forget a policy."""
        self._known.pop(key, None)

    async def decide(self, key: Key, question: Question) -> Decision:
        """Decide. Raises what `choose` raises, NoneOldEnough, NoTags, and OSError."""
        known = self._known.pop(key, None)
        if known is None or not known.holds(question, self._tags.generation(question.name).serial):
            known = (known and self._carried(known, question)) or await self._anew(question)
        if known.serial is not None:
            self._known[key] = known
        return known.decision

    def _carried(self, known: _Known, question: Question) -> _Known | None:
        """Weigh what came against the tag chosen before; None where that does not decide it, as with a pin."""
        if question.pin is not None or not known.is_total or not known.answers(question):
            return None
        if known.serial is None or self._tags.generation(question.name).doubtful:
            return None
        change, chosen = self._tags.changes(question.name, known.serial), known.decision.tag
        if change is None or chosen in change.gone:
            return None
        if question.minimum is not None:
            return self._aged(known, question, question.minimum, change)
        choice = choose.choose(question.policy, [chosen, *change.added])
        return _Known(question, change.serial, Decision(choice.tag), choice.is_total)

    def _aged(self, known: _Known, question: Question, minimum: Minimum, change: Change) -> _Known | None:
        """Put what came, all of it too young, beside the decision made before; None where that does not decide it."""
        old, moment = known.decision, change.since and change.since + minimum.age
        if (moment is None and change.added) or (moment is not None and moment <= question.now):
            return None
        if (old.again is not None and old.again <= question.now) or (change.gone and old.ageing):
            return None
        # The tag in use is spared; another one than before is no matter where it is the one chosen.
        if question.present not in {known.question.present, old.tag} or minimum.allowed & {*change.added}:
            return None
        moved = self._tags.moved(question.name, question.now - minimum.age)
        if not moved.items() <= known.moved.items():
            return None
        try:
            decision = old if moment is None else age.carried(question.policy, old, change.added, moment)
            is_total = choose.choose(question.policy, [old.tag, *change.added]).is_total
        except choose.NothingChosen:
            return None
        return _Known(question, change.serial, decision, is_total, moved) if is_total else None

    async def _anew(self, question: Question) -> _Known:
        serial = self._tags.generation(question.name).serial
        evidence = gather(self._tags, question)
        if not evidence.tags:
            raise NoTags
        many = _MANY_FILTERED if question.policy.filter_tags is not None else _MANY
        if len(evidence.tags) > many:
            return await self._limiter.run(_decide, question, evidence, serial)
        return _decide(question, evidence, serial)


def _decide(question: Question, evidence: Evidence, serial: int) -> _Known:
    based_on = None if evidence.doubtful else serial
    tags = pin.only(question.pin, question.policy, evidence.tags)
    if question.minimum is None:
        choice = choose.choose(question.policy, tags)
        return _Known(question, based_on, Decision(choice.tag), choice.is_total)
    decision = age.decide(question.policy, tags, evidence.eligibles, question.now, spare=question.present)
    return _Known(question, based_on, decision, decision.is_total, evidence.moved)


def _terms(question: Question) -> tuple[object, ...]:
    """Return what a decision depends on besides the list of tags and the time."""
    return (question.name, question.policy, question.minimum, question.pin)
