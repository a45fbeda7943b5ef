"""How far the image in use is behind what a policy could choose, and what will be old enough when: for pages.

Only what holds a version back makes one lag: a hold, a pin, a minimum age. A policy without them has chosen the best of
its tags, which costs nothing to know. Answers are kept until the tags, the policy, or the time make others of them.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from gotk.api import extensions
from gotk.api.image import ImagePolicy
from gotk.bounded import Bounded
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import Clock, rfc3339
from image_automation.explanation import Explainer, Known
from policies.age import Ageing

_REMEMBERED: Final = 10_000
_REASONS: Final = (extensions.MINIMUM_AGE, extensions.FIRST_SCAN_TAGS, extensions.PIN, extensions.DECISIONS)


class Lag(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """How many tags are better than the one in use, since when, and which is old enough when (RFC 3339)."""

    newer: int = 0
    since: str = ""
    ageing: str = ""
    eligible: str = ""


class Lags:
    """Tells lags, off the event loop."""

    def __init__(self, *, explainer: Explainer, clock: Clock, limiter: Limiter) -> None:
        self._explainer = explainer
        self._clock = clock
        self._limiter = limiter
        self._known: Bounded[tuple[str, str], tuple[Any, str, Lag]] = Bounded(_REMEMBERED)

    async def of(self, used: Sequence[tuple[ImagePolicy, str]]) -> list[Lag]:
        """Return the lag of each policy behind which this tag is in use; none where its tags cannot be read.

        The store is read here, and worked out is elsewhere what is not known yet.
        """
        now = rfc3339(self._clock.now())
        found = [self._recalled(policy, tag, now) for policy, tag in used]
        asked = [place for place, lag in enumerate(found) if lag is None]
        known = [self._read(used[place][0]) for place in asked]
        tags = [used[place][1] for place in asked]
        lags = await self._limiter.run(_all, known, tags) if asked else []
        for place, lag in zip(asked, lags, strict=True):
            policy, tag = used[place]
            self._known.put(_key(policy), (self._state(policy, tag), lag.eligible, lag))
            found[place] = lag
        return [lag or Lag() for lag in found]

    def _recalled(self, policy: ImagePolicy, tag: str, now: str) -> Lag | None:
        known = self._known.get(_key(policy))
        if known is None or known[0] != self._state(policy, tag) or (known[1] and now >= known[1]):
            return None
        return known[2]

    def _state(self, policy: ImagePolicy, tag: str) -> Any:
        """Return what an answer rests on but for the time."""
        annotations = policy.metadata.annotations
        reasons = tuple(annotations.get(name) for name in _REASONS)
        return self._explainer.serial(policy), policy.spec, policy.status.latest_ref, tag, reasons

    def _read(self, policy: ImagePolicy) -> Known | None:
        try:
            return self._explainer.known(policy)
        except OSError:
            return None  # the policy itself says so


def _key(policy: ImagePolicy) -> tuple[str, str]:
    return policy.metadata.namespace, policy.metadata.name


def _all(known: Sequence[Known | None], used: Sequence[str]) -> list[Lag]:
    return [
        lag(each.newer(tag), each.ageing()) if each is not None else Lag()
        for each, tag in zip(known, used, strict=True)
    ]


def lag(newer: Mapping[str, int], ageing: Ageing | None) -> Lag:
    """Make the record of the better tags, with when each was seen first, and of the one that is too young."""
    first = min(filter(None, newer.values()), default=0)
    return Lag(
        newer=len(newer),
        since=rfc3339(datetime.fromtimestamp(first, UTC)) if first else "",
        ageing=ageing.tag if ageing is not None else "",
        eligible=rfc3339(ageing.eligible) if ageing is not None else "",
    )
