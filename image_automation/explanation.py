"""Why a policy chose its tag: one record of every tag and its reason, for the command line, programs and web pages.

Flux shows the winner only. The record joins what the rooms know: the exclusions of the ImageRepository, the verdicts of
the policy, ages and doubts of the tag store. It is worked out when somebody asks, by the functions that also choose.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from gotk.api.image import ImagePolicy, ImagePolicySpec, ImageRepository
from gotk.runtime.clock import Clock
from gotk.runtime.reconciler import Reader
from policies import age, choose, chooser, pin
from policies.age import Ageing
from policies.pin import Pin
from policies.verdict import Verdict, Veto
from policies.wakes import repository_of
from reflector import exclusion
from reflector.first_seen import FirstSeen
from reflector.store import TagStore

_ORDER = {"chosen": 0, "eligible": 1, "refused": 2}


class UnknownPolicyError(LookupError):
    """There is no such policy, or nothing to choose from yet: the message says which."""


class TagVerdict(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How one tag fared; `key` is what of it was compared, where that is not the tag itself."""

    tag: str
    verdict: Literal["chosen", "eligible", "refused"]
    reason: str
    message: str
    key: str = ""


class Explanation(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The record: the tag chosen, or why none was, and every tag; the chosen one first, then the best first."""

    tags: tuple[TagVerdict, ...]
    chosen: str = ""
    message: str = ""
    policy: str = ""
    image: str = ""
    #: The last tag list is doubtful; tags that it lacked are kept.
    held: bool = False
    #: Until when the policy is pinned, by whom and why.
    pinned: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A policy, tags, the patterns that exclude some of them, and when those that are too young may be chosen."""

    policy: ImagePolicySpec
    tags: Sequence[str]
    exclusions: Sequence[str] = ()
    eligibles: Mapping[str, datetime]
    now: datetime
    spare: str = ""
    pin: Pin | None = None


def explain(case: Case) -> Explanation:
    """Explain a choice. Raises choose.InvalidPolicy and exclusion.InvalidExclusion."""
    excluded = {tag: pattern for tag in case.tags if (pattern := exclusion.excluded_by(case.exclusions, tag))}
    candidates = [tag for tag in case.tags if tag not in excluded]
    vetoes = tuple(_vetoes(case))
    verdicts = choose.explain(case.policy, candidates, vetoes)
    verdicts += [
        Verdict(tag, None, "Excluded", f"the exclusion list's '{pattern}' is found in it")
        for tag, pattern in excluded.items()
    ]
    places = {tag: place for place, tag in enumerate(choose.ranked(case.policy, candidates))}
    records = [_record(verdict) for verdict in verdicts]
    records.sort(key=lambda record: (_ORDER[record.verdict], places.get(record.tag, len(places))))
    chosen = records[0].tag if records and records[0].verdict == "chosen" else ""
    message = "" if chosen else _why_none(case, candidates, vetoes)
    return Explanation(tags=tuple(records), chosen=chosen, message=message)


def _vetoes(case: Case) -> Iterator[Veto]:
    if case.eligibles:
        yield age.veto(case.eligibles, case.now, spare=case.spare)
    if case.pin is not None:
        yield pin.veto(case.pin)


def _record(verdict: Verdict) -> TagVerdict:
    standing: Literal["chosen", "eligible", "refused"] = "refused"
    if verdict.considered:
        standing = "chosen" if verdict.chosen else "eligible"
    key = verdict.key if verdict.key not in {None, verdict.tag} else ""
    return TagVerdict(tag=verdict.tag, verdict=standing, reason=verdict.reason, message=verdict.message, key=key or "")


def _why_none(case: Case, candidates: Sequence[str], vetoes: Sequence[Veto]) -> str:
    try:
        choose.choose(case.policy, pin.only(case.pin, case.policy, candidates), vetoes)
    except choose.NothingChosen as error:
        return str(error)
    return ""


@dataclass(frozen=True, slots=True)
class Known:
    """What a choice rests on, as the store had it: to be worked out elsewhere than the store is read."""

    policy: ImagePolicySpec
    question: chooser.Question
    evidence: chooser.Evidence
    seen: FirstSeen | None

    def ageing(self) -> Ageing | None:
        """Return the tag that would be chosen if it were old enough; None where none is ahead."""
        if self.question.minimum is None or self.question.pin is not None:
            return None
        tags, eligibles = self.evidence.tags, self.evidence.eligibles
        try:
            return age.decide(self.policy, tags, eligibles, self.question.now, spare=self.question.present).ageing
        except age.NoneOldEnough as error:
            return error.ageing
        except ValueError:
            return None  # which the policy itself says

    def newer(self, used: str) -> Mapping[str, int]:
        """Return the tags that rank above one in use, each with when it was seen first, in seconds or 0.

        Of a tag that would not be chosen at all none is above.
        """
        try:
            ranked = choose.ranked(self.policy, self.evidence.tags)
        except ValueError:
            return {}  # as above
        above = frozenset(ranked[: ranked.index(used)] if used in ranked else ())
        if self.seen is None:
            return {}
        return {tag: when for tag, when in zip(self.seen.names, self.seen.first, strict=True) if tag in above}


class Explainer:
    """Explains the policies of a cluster from what the service knows; it asks no registry."""

    def __init__(self, *, objects: Reader, tags: TagStore, clock: Clock) -> None:
        self._objects = objects
        self._tags = tags
        self._clock = clock

    def explain(
        self, namespace: str, name: str, change: Callable[[ImagePolicy], ImagePolicy] | None = None
    ) -> Explanation:
        """Explain a policy, or what it would choose if it were changed so; `change` may raise ValueError.

        Raises UnknownPolicyError, choose.InvalidPolicy, ValueError and OSError.
        """
        policy = self._objects.get(ImagePolicy, namespace, name)
        if policy is None:
            raise UnknownPolicyError(f"there is no ImagePolicy {namespace}/{name}")
        ref = repository_of(policy)
        repository = self._objects.get(ImageRepository, *ref)
        if repository is None:
            raise UnknownPolicyError(f"ImagePolicy {namespace}/{name} refers to ImageRepository {ref}: there is none")
        return self._explain(change(policy) if change is not None else policy, repository)

    def ageing(self, policy: ImagePolicy) -> Ageing | None:
        """Return the tag that a policy would choose if it were old enough; None where none is ahead. Raises OSError."""
        known = self.known(policy)
        return known.ageing() if known is not None else None

    def known(self, policy: ImagePolicy) -> "Known | None":
        """Return what is known of a policy's tags; None where there are none, or it is misread. Raises OSError."""
        repository = self._objects.get(ImageRepository, *repository_of(policy))
        if repository is None:
            return None
        try:
            question = self._question(policy, repository)
        except ValueError:
            return None  # which the policy itself says
        evidence = chooser.gather(self._tags, question)
        return Known(policy.spec, question, evidence, self._tags.first_seen(question.name))

    def serial(self, policy: ImagePolicy) -> tuple[str, int]:
        """Name the tags that a policy chooses from: another name, other tags."""
        repository = self._objects.get(ImageRepository, *repository_of(policy))
        image = repository.status.canonical_image_name if repository is not None else ""
        return image, self._tags.generation(image).serial

    def _question(self, policy: ImagePolicy, repository: ImageRepository) -> chooser.Question:
        stored, now = policy.status.latest_ref, self._clock.now()
        return chooser.Question(
            name=repository.status.canonical_image_name,
            policy=policy.spec,
            minimum=age.wanted(policy.metadata.annotations, repository.spec.image),
            present=stored.tag if stored is not None and stored.name == repository.spec.image else "",
            now=now,
            pin=pin.wanted(policy.metadata.annotations, now),
        )

    def _explain(self, policy: ImagePolicy, repository: ImageRepository) -> Explanation:
        image, question = repository.status.canonical_image_name, self._question(policy, repository)
        evidence = chooser.gather(self._tags, question)
        known = self._tags.first_seen(image)
        taken = frozenset(evidence.tags)
        left_out = [tag for tag in known.names if tag not in taken] if known is not None else []
        found = explain(
            Case(
                policy=policy.spec,
                tags=[*evidence.tags, *left_out],
                exclusions=repository.spec.exclusion_list,
                eligibles=evidence.eligibles,
                now=question.now,
                spare=question.present,
                pin=question.pin,
            )
        )
        return msgspec.structs.replace(
            found,
            policy=f"{policy.metadata.namespace}/{policy.metadata.name}",
            image=repository.spec.image,
            held=evidence.doubtful,
            pinned=str(question.pin or ""),
            message=found.message or ("" if evidence.tags else "no tags in database"),
        )
