"""Which tag an ImagePolicy wants: the whole decision, without any I/O.

Answers to `PolicerFromSpec` and `applyPolicy` of Flux's image-reflector-controller. The order of the tags given never
matters: candidates count as if walked in descending byte order, which is the order of Flux's tag database. On that walk
Flux keeps the first of equal versions, the last of equal numbers and the last of tags that extract to one key, and so
do we, always; Flux itself walks a filtered list in random order and may flap.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gotk.api.image import ImagePolicyChoice, ImagePolicySpec
from policies.alphabetical import Alphabetical
from policies.extract import Filter
from policies.numerical import Numerical
from policies.semver import SemVer
from policies.verdict import Refusal, Verdict


class InvalidPolicy(ValueError):
    """The policy itself is wrong; no list of tags can mend it."""


class NothingChosen(ValueError):
    """The policy is fine and no tag suits it."""


class Policer(Protocol):
    """One way to choose among candidates."""

    def latest(self, candidates: Collection[str]) -> str:
        """Return the best of at least one candidate. Raises ValueError where none will do."""
        ...

    def refusal(self, candidate: str) -> Refusal | None:
        """Say why a candidate is out of the question, or None where it is not."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """The tag chosen, and what it was chosen by. The details of every other tag are worked out when asked for."""

    tag: str
    key: str
    policy: ImagePolicySpec
    tags: Sequence[str]

    @property
    def verdicts(self) -> list[Verdict]:
        """How every tag fared."""
        return explain(self.policy, self.tags)

    @property
    def considered(self) -> list[Verdict]:
        """The tag and those it outranked."""
        return [verdict for verdict in self.verdicts if verdict.considered]

    @property
    def rejected(self) -> list[Verdict]:
        """The tags that were out of the question, each with the reason."""
        return [verdict for verdict in self.verdicts if not verdict.considered]


def policer(choice: ImagePolicyChoice) -> Policer:
    """Make the policer of a policy: of several, semver beats alphabetical beats numerical. Raises InvalidPolicy."""
    try:
        if choice.semver is not None:
            return SemVer(choice.semver.range)
        if choice.alphabetical is not None:
            return Alphabetical(descending=_descends(choice.alphabetical.order))
        if choice.numerical is not None:
            return Numerical(descending=_descends(choice.numerical.order))
    except ValueError as error:
        raise InvalidPolicy(f"invalid policy: {error}") from None
    raise InvalidPolicy("invalid policy: given ImagePolicyChoice object is invalid")


def choose(policy: ImagePolicySpec, tags: Sequence[str]) -> Choice:
    """Choose a tag. Raises InvalidPolicy, or NothingChosen, in Flux's words."""
    wanted = policer(policy.policy)
    candidates = _candidates(policy, tags)
    if not candidates:
        raise NothingChosen("version list argument cannot be empty")
    try:
        key = wanted.latest(candidates)
    except ValueError as error:
        raise NothingChosen(str(error)) from None
    return Choice(candidates[key] if isinstance(candidates, Mapping) else key, key, policy, tags)


def explain(policy: ImagePolicySpec, tags: Sequence[str]) -> list[Verdict]:
    """Say of every tag, in the order given, how it fares and why. Raises InvalidPolicy."""
    wanted, filter_ = policer(policy.policy), _filter(policy)
    winners = filter_.apply(tags) if filter_ else {tag: tag for tag in tags}
    chosen: str | None
    try:
        chosen = choose(policy, tags).tag
    except NothingChosen:
        chosen = None
    return [_verdict(tag, filter_.key(tag) if filter_ else tag, wanted, winners, chosen) for tag in tags]


def _verdict(tag: str, key: str | None, wanted: Policer, winners: Mapping[str, str], chosen: str | None) -> Verdict:
    if key is None:
        return Verdict(tag, None, "FilteredOut", "the filter's pattern is not found in it")
    if winners[key] != tag:
        return Verdict(tag, key, "SameExtract", f"extracts to '{key}' as '{winners[key]}' does, which stands for both")
    if refusal := wanted.refusal(key):
        return Verdict(tag, key, refusal.reason, refusal.message)
    if tag == chosen:
        return Verdict(tag, key, "Chosen", "the one that the policy wants")
    if chosen is None:
        return Verdict(tag, key, "Outranked", "would do, but another tag fails the policy")
    return Verdict(tag, key, "Outranked", f"'{chosen}' comes before it")


def _filter(policy: ImagePolicySpec) -> Filter | None:
    if policy.filter_tags is None:
        return None
    try:
        return Filter(policy.filter_tags)
    except ValueError as error:
        raise InvalidPolicy(f"failed to filter tags: {error}") from None


def _candidates(policy: ImagePolicySpec, tags: Sequence[str]) -> Sequence[str] | Mapping[str, str]:
    """Return the tag behind every key, or the tags themselves where none are filtered."""
    filter_ = _filter(policy)
    return tags if filter_ is None else filter_.apply(tags)


def _descends(order: str) -> bool:
    if order.upper() not in {"", "ASC", "DESC"}:
        raise ValueError(f"invalid order argument provided: '{order.upper()}', must be one of: ASC, DESC")
    return order.upper() == "DESC"
