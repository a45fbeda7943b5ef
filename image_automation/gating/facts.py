"""What gates are told, and the one shape of most of them: a verdict on a policy holds all of its places."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

import msgspec

from gotk import documents
from gotk.api.image import ImagePolicy
from image_automation.gating.chain import Gate, Pending
from image_automation.update.proposal import Hold
from image_automation.update.result import Change

T = TypeVar("T")

#: The annotation of a policy cannot be read: what it asks for is not known, so nothing is written.
INVALID: Final = "InvalidAnnotation"
_LIMIT = 16 << 10


class Misread(ValueError):
    """An annotation that says nothing we understand: the message names it, the cause, and how it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """A Namespace that an automation stands in, or by its `key` the installation that it is of, and its annotations."""

    namespace: str
    key: str
    kind: str
    words: str
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The time by the service's clock, the automation's annotations, and its policies as setters name them.

    `around` is what is said of everything in its namespace, and of everything.
    """

    now: datetime
    around: Sequence[Around] = ()
    automation: Mapping[str, str] = field(default_factory=dict)
    policies: Mapping[str, ImagePolicy] = field(default_factory=dict)
    #: Since when a new value of a policy waits, where it has done so before.
    since: Mapping[tuple[str, str], datetime] = field(default_factory=dict)

    def first(self, change: Change) -> datetime:
        """Return since when a change waits, which is now for one that did not before."""
        return self.since.get((change.names.key, change.new), self.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a change waits: the word for programs, a sentence for people, how long if known, and because of whom."""

    kind: str
    message: str
    until: datetime | None = None
    by: str = ""

    def hold(self, path: str, change: Change) -> Hold:
        """Return the record of a change that waits for this."""
        return Hold(path, change, by=self.by, kind=self.kind, message=self.message, until=self.until)


def by_policy(facts: Facts, judge: Callable[[ImagePolicy, datetime], Cause | None]) -> Gate:
    """Make a gate of a verdict on policies, and on since when their versions wait.

    A policy whose annotation is misread waits until that is mended.
    """

    def verdict(policy: ImagePolicy, since: datetime) -> Cause | None:
        try:
            return judge(policy, since)
        except Misread as error:
            return Cause(kind=INVALID, message=f"ImagePolicy {policy.metadata.name}: {error}")

    def gate(pending: Pending) -> Iterable[Hold]:
        verdicts: dict[str, Cause | None] = {}
        for path, change in pending.changes:
            name = change.names.key
            if name not in verdicts:
                policy = facts.policies.get(name)
                verdicts[name] = verdict(policy, facts.first(change)) if policy is not None else None
            if (cause := verdicts[name]) is not None:
                yield cause.hold(path, change)

    return gate


def read(annotations: Mapping[str, str], name: str, type_: type[T], form: str) -> T | None:
    """Read an annotation strictly; None where there is none. `form` shows how it is written. Raises Misread."""
    text = annotations.get(name)
    if text is None:
        return None
    if len(text) > _LIMIT:
        raise Misread(f"annotation {name} is longer than {_LIMIT} characters")
    try:
        found = documents.load(text)
        return msgspec.convert(found[0] if len(found) == 1 else None, type_)
    except ValueError as error:
        raise Misread(f"annotation {name}: {str(error)[:200]}; write it as {form}") from None


def moment(text: str, what: str) -> datetime:
    """Read a time that names its offset from UTC. Raises ValueError that says what it is of."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{what} '{text[:64]}' is no time such as 2026-11-30T08:00:00Z") from None
    if found.tzinfo is None:
        raise ValueError(f"{what} '{text[:64]}' lacks the offset from UTC, such as Z or +01:00")
    return found
