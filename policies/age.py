"""The minimum age: a tag is not chosen before it has been known for so long, by our own clock. Pure.

Flux takes a tag the moment it appears, and a release that turns out bad or hostile is deployed before anybody has
looked. Tools that ask for an age trust the date that the publisher wrote. Here it counts from when a scan saw the tag
first, and from when the digest behind it changed, where digests are known.
"""

import bisect
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gotk import decisions
from gotk.api import extensions
from gotk.api.image import ImagePolicySpec
from gotk.duration import Duration
from gotk.runtime.clock import rfc3339
from policies import choose
from policies.verdict import Refusal, Veto

TOO_YOUNG = "TooYoung"
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Minimum:
    """What a policy asks for: the age, whether tags of the first scan count as old, and which tags need none.

    Those are `allowed`: somebody lets them past what makes others wait, for a fix that cannot.
    """

    age: timedelta
    first_scan_is_old: bool = True
    allowed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ageing:
    """The tag that the policy would choose if it were old enough, and when it is."""

    tag: str
    eligible: datetime

    def message(self, now: datetime) -> str:
        """Say how long it still takes."""
        return f"{self.tag} is too young: {eligible(self.eligible, now)}"


@dataclass(frozen=True, slots=True)
class Decision:
    """The tag to use; the better one that is too young, and when to look again.

    `is_total` tells whether the policy ranks all the tags in one order.
    """

    tag: str
    ageing: Ageing | None = None
    again: datetime | None = None
    is_total: bool = field(default=False, compare=False)


class NoneOldEnough(ValueError):
    """Tags suit the policy, but all of them are too young."""

    def __init__(self, ageing: Ageing, again: datetime) -> None:
        super().__init__(ageing.tag)
        self.ageing = ageing
        self.again = again


def wanted(annotations: Mapping[str, str], image: str = "") -> Minimum | None:
    """Read the annotations of a policy; None where it asks for no age. Raises ValueError.

    What somebody let past it counts for the `image` that it was said of.
    """
    first = annotations.get(extensions.FIRST_SCAN_TAGS, "old")
    if first not in {"old", "new"}:
        raise ValueError(f"annotation {extensions.FIRST_SCAN_TAGS}: '{first[:64]}' is neither old nor new")
    text = annotations.get(extensions.MINIMUM_AGE)
    if text is None:
        return None
    try:
        age = Duration.parse(text)
    except ValueError as error:
        raise ValueError(f"annotation {extensions.MINIMUM_AGE}: {str(error)[:96]}; write it as 72h or 90m") from None
    if age.nanoseconds < 0:
        raise ValueError(f"annotation {extensions.MINIMUM_AGE}: '{text[:64]}' is less than no age at all")
    if not age:
        return None
    allowed = decisions.allowed(annotations, image)
    return Minimum(timedelta(seconds=age.seconds), first_scan_is_old=first == "old", allowed=allowed)


def span(seconds: float) -> str:
    """Print a span for people: the two greatest units, rounded up, such as `2d 4h` or `45s`."""
    left = max(math.ceil(seconds), 1)
    for (size, name), (smaller, small) in itertools.pairwise(_UNITS):
        if left >= size:
            rounded = -(-left // smaller) * smaller
            count, rest = divmod(rounded, size)
            text = f"{count}{name} {rest // smaller}{small}" if rest else f"{count}{name}"
            return text if rounded == left else span(rounded)
    return f"{left}s"


def eligible(moment: datetime, now: datetime) -> str:
    """Say when a tag may be chosen: `eligible in 2d 4h`."""
    return f"eligible in {span((moment - now).total_seconds())}"


def veto(eligibles: Mapping[str, datetime], now: datetime, *, spare: str = "") -> Veto:
    """Make the refusal of tags that are not eligible yet; `spare` is in use already and stays."""

    def refuse(tag: str) -> Refusal | None:
        moment = eligibles.get(tag)
        if moment is None or tag == spare or moment <= now:
            return None
        return Refusal(TOO_YOUNG, f"too young: {eligible(moment, now)}, at {rfc3339(moment)}")

    return refuse


def eligibles(young: Mapping[str, datetime], minimum: Minimum) -> dict[str, datetime]:
    """Turn when tags were seen into when they may be chosen."""
    return {tag: seen + minimum.age for tag, seen in young.items() if tag not in minimum.allowed}


def decide(
    policy: ImagePolicySpec, tags: Sequence[str], eligibles: Mapping[str, datetime], now: datetime, *, spare: str = ""
) -> Decision:
    """Choose the newest tag that is old enough. Raises what `choose` raises, and NoneOldEnough."""
    refuse = veto(eligibles, now, spare=spare)
    best = _latest(policy, tags)
    is_total = best is not None and best.is_total
    if best is not None and refuse(best.tag) is None:
        return Decision(best.tag, is_total=is_total)
    young = choose.ranked(policy, [tag for tag in tags if refuse(tag) is not None])
    latest = _latest(policy, tags, (refuse,))
    if latest is None and best is None:
        choose.choose(policy, tags)  # raises what is wrong
    chosen = None if latest is None else latest.tag
    ahead = _ahead(policy, young, chosen)
    if not is_total and chosen is not None:
        # Without one order for all, any tag that comes of age may change the choice.
        again = min(moment for tag in tags if (moment := eligibles.get(tag)) is not None and moment > now)
        return Decision(chosen, Ageing(ahead[0], eligibles[ahead[0]]) if ahead else None, again)
    if not ahead:
        assert chosen is not None
        return Decision(chosen, is_total=is_total)
    ageing, again = Ageing(ahead[0], eligibles[ahead[0]]), min(eligibles[tag] for tag in ahead)
    if chosen is None:
        raise NoneOldEnough(ageing, again)
    return Decision(chosen, ageing, again, is_total)


def carried(policy: ImagePolicySpec, decision: Decision, added: Sequence[str], moment: datetime) -> Decision:
    """Return the decision after tags have come of which none may be chosen before a moment. Raises what `choose` does.

    For what is ranked in one order. It may say to look again earlier than `decide` would, never later.
    """
    ahead = [tag for tag in added if choose.choose(policy, (decision.tag, tag)).tag == tag]
    if not ahead:
        return decision
    known = decision.ageing
    best = choose.choose(policy, ahead if known is None else (known.tag, *ahead)).tag
    ageing = known if known is not None and best == known.tag else Ageing(best, moment)
    return replace(decision, ageing=ageing, again=min(decision.again or moment, moment))


def _latest(policy: ImagePolicySpec, tags: Sequence[str], vetoes: Sequence[Veto] = ()) -> choose.Choice | None:
    try:
        return choose.choose(policy, tags, vetoes)
    except choose.NothingChosen:
        return None


def _ahead(policy: ImagePolicySpec, ranking: Sequence[str], chosen: str | None) -> Sequence[str]:
    """Cut a ranking, best first, behind the last tag that would be chosen in place of another."""
    if chosen is None:
        return ranking
    behind = bisect.bisect_left(ranking, 1, key=lambda tag: 0 if choose.choose(policy, (chosen, tag)).tag == tag else 1)
    return ranking[:behind]
