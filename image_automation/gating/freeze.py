"""Freezes: nothing is written for a while, because somebody said so. On an automation, or on one policy's places."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from gotk.api import extensions
from gotk.api.image import ImagePolicy
from gotk.runtime.clock import rfc3339
from image_automation.gating.chain import Gate
from image_automation.gating.facts import Cause, Facts, by_policy, moment, read

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

    @property
    def sentence(self) -> str:
        """Say it to people."""
        until = f" until {rfc3339(self.end)}" if self.end else ""
        return f"frozen{until}{f' by {self.by}' if self.by else ''}: {self.reason}"


def of(annotations: Mapping[str, str], now: datetime) -> Freeze | None:
    """Return the freeze that an object is under; None where there is none or it is over. Raises Misread."""
    found = stated(annotations)
    return found if found is not None and (found.end is None or now < found.end) else None


def stated(annotations: Mapping[str, str]) -> Freeze | None:
    """Return the freeze that an object states, be it over. Raises Misread."""
    return read(annotations, extensions.FREEZE, Freeze, _FORM)


def gate(facts: Facts) -> Gate:
    """Hold what is frozen: everything, or what a frozen policy would change. Raises Misread."""
    everything = _cause(of(facts.automation, facts.now))

    def judge(policy: ImagePolicy, _since: datetime) -> Cause | None:
        return everything or _cause(of(policy.metadata.annotations, facts.now))

    return by_policy(facts, judge)


def _cause(found: Freeze | None) -> Cause | None:
    if found is None:
        return None
    return Cause(kind=FROZEN, message=found.sentence, until=found.end, by=found.by)
