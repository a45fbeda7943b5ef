"""Freezes: nothing is written for a while, because somebody said so.

Of one policy's places, of an automation, of all in a namespace, or of all that an installation writes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from gotk.api import extensions
from gotk.api.image import ImagePolicy
from gotk.runtime.clock import rfc3339
from image_automation.gating.chain import Gate
from image_automation.gating.facts import Around, Cause, Facts, Misread, by_policy, moment, read

FROZEN: Final = "Frozen"
_FORM = '{reason: "why", until: 2026-11-30T08:00:00Z}'


class Freeze(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The annotation: why, until when (RFC 3339; without it until it is taken away), who froze it and when."""

    reason: str
    until: str = ""
    by: str = ""
    at: str = ""

    def __post_init__(self) -> None:
        _ = self.end  # raises ValueError, which makes it misread

    @property
    def end(self) -> datetime | None:
        """When it ends by itself."""
        return moment(self.until, "until") if self.until else None

    def lasts(self, now: datetime) -> bool:
        """Tell whether it is not over."""
        return self.end is None or now < self.end

    @property
    def sentence(self) -> str:
        """Say it to people."""
        return self.with_("")

    def with_(self, words: str) -> str:
        """Say it of what is frozen with something larger."""
        what = f" with {words}" if words else ""
        until = f" until {rfc3339(self.end)}" if self.end else ""
        return f"frozen{what}{until}{f' by {self.by}' if self.by else ''}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Frozen:
    """Why nothing is written, in words, until when if known, and because of whom.

    `scope` is the kind of what is frozen: an ImageUpdateAutomation, a Namespace by its `name`, or an Installation.
    """

    sentence: str
    end: datetime | None
    by: str
    scope: str = "ImageUpdateAutomation"
    name: str = ""

    @property
    def cause(self) -> Cause:
        """Return it as what holds changes."""
        return Cause(kind=FROZEN, message=self.sentence, until=self.end, by=self.by)


def whole(annotations: Mapping[str, str], around: Iterable[Around], now: datetime) -> Frozen | None:
    """Return why an automation writes nothing at all: its own freeze, or that of what it stands in. Raises Misread."""
    own = of(annotations, now)
    if own is not None:
        return Frozen(own.sentence, own.end, own.by)
    for each in around:
        try:
            found = read(each.annotations, each.key, Freeze, _FORM)
        except Misread as error:
            raise Misread(f"Namespace {each.namespace}: {error}") from None
        if found is not None and found.lasts(now):
            return Frozen(found.with_(each.words), found.end, found.by, each.kind, each.namespace)
    return None


def of(annotations: Mapping[str, str], now: datetime) -> Freeze | None:
    """Return the freeze that an object is under; None where there is none or it is over. Raises Misread."""
    found = stated(annotations)
    return found if found is not None and found.lasts(now) else None


def stated(annotations: Mapping[str, str], key: str = extensions.FREEZE) -> Freeze | None:
    """Return the freeze that an object states, be it over. Raises Misread."""
    return read(annotations, key, Freeze, _FORM)


def gate(facts: Facts) -> Gate:
    """Hold what is frozen: everything, or what a frozen policy would change. Raises Misread."""
    everything = whole(facts.automation, facts.around, facts.now)

    def judge(policy: ImagePolicy, _since: datetime) -> Cause | None:
        if everything is not None:
            return everything.cause
        own = of(policy.metadata.annotations, facts.now)
        return Frozen(own.sentence, own.end, own.by).cause if own is not None else None

    return by_policy(facts, judge)
