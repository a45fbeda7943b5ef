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
from policies.verdict import Refusal, Verdict, Veto


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

    def ranked(self, candidates: Collection[str]) -> list[str]:
        """Return the candidates that are not out of the question, the best first."""
        ...

    def is_total(self, candidates: Collection[str]) -> bool:
        """Tell whether the order of the candidates is total: a new tag need then be compared with the winner alone."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """The tag chosen, and what it was chosen by. The details of every other tag are worked out when asked for."""

    tag: str
    key: str
    policy: ImagePolicySpec
    tags: Sequence[str]
    vetoes: Sequence[Veto] = ()
    #: Whether the candidates have a total order, so that a new tag need only be compared with this one.
    is_total: bool = False

    @property
    def verdicts(self) -> list[Verdict]:
        """How every tag fared."""
        return explain(self.policy, self.tags, self.vetoes)

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


def choose(policy: ImagePolicySpec, tags: Sequence[str], vetoes: Sequence[Veto] = ()) -> Choice:
    """Choose a tag that no veto hits. Raises InvalidPolicy, or NothingChosen, in Flux's words."""
    wanted = policer(policy.policy)
    candidates = _candidates(policy, _admitted(tags, vetoes))
    if not candidates:
        raise NothingChosen("version list argument cannot be empty")
    try:
        key = wanted.latest(candidates)
    except ValueError as error:
        raise NothingChosen(str(error)) from None
    tag = candidates[key] if isinstance(candidates, Mapping) else key
    return Choice(tag, key, policy, tags, vetoes, is_total=wanted.is_total(candidates))


def ranked(policy: ImagePolicySpec, tags: Sequence[str]) -> list[str]:
    """Return the tags that the policy could choose, the best first. Raises InvalidPolicy."""
    candidates = _candidates(policy, tags)
    keys = policer(policy.policy).ranked(candidates)
    return [candidates[key] for key in keys] if isinstance(candidates, Mapping) else keys


def explain(policy: ImagePolicySpec, tags: Sequence[str], vetoes: Sequence[Veto] = ()) -> list[Verdict]:
    """Say of every tag, in the order given, how it fares and why. Raises InvalidPolicy."""
    wanted, filter_ = policer(policy.policy), _filter(policy)
    admitted = _admitted(tags, vetoes)
    winners = filter_.apply(admitted) if filter_ else {tag: tag for tag in admitted}
    chosen: str | None
    try:
        chosen = choose(policy, tags, vetoes).tag
    except NothingChosen:
        chosen = None
    field = _Field(wanted, winners, vetoes, chosen)
    return [field.verdict(tag, filter_.key(tag) if filter_ else tag) for tag in tags]


@dataclass(frozen=True, slots=True)
class _Field:
    """Everything that a tag is measured by."""

    wanted: Policer
    #: The tag that stands for a key.
    winners: Mapping[str, str]
    vetoes: Sequence[Veto]
    chosen: str | None

    def verdict(self, tag: str, key: str | None) -> Verdict:
        if key is None:
            return Verdict(tag, None, "FilteredOut", "the filter's pattern is not found in it")
        if refusal := self.wanted.refusal(key) or _refused(tag, self.vetoes):
            return Verdict(tag, key, refusal.reason, refusal.message)
        if (winner := self.winners[key]) != tag:
            return Verdict(tag, key, "SameExtract", f"extracts to '{key}' as '{winner}' does, which stands for both")
        if tag == self.chosen:
            return Verdict(tag, key, "Chosen", "the one that the policy wants")
        if self.chosen is None:
            return Verdict(tag, key, "Outranked", "would do, but another tag fails the policy")
        return Verdict(tag, key, "Outranked", f"'{self.chosen}' comes before it")


def _admitted(tags: Sequence[str], vetoes: Sequence[Veto]) -> Sequence[str]:
    """Return the tags that no veto hits."""
    return [tag for tag in tags if _refused(tag, vetoes) is None] if vetoes else tags


def _refused(tag: str, vetoes: Sequence[Veto]) -> Refusal | None:
    return next((refusal for veto in vetoes if (refusal := veto(tag)) is not None), None)


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
