"""How much of a tag list is believed: the one decision that keeps bad data from becoming a downgrade. Pure.

Flux believes every list, and a registry that restarts empty, loses a shard or answers from a stale replica moves its
policies to older tags. Here new tags count at once, but a tag that a list lacks is kept until so many scans in a row,
an interval apart, have lacked it. A list is doubtful, and the user is told, when it lacks more than half of the known
tags, or when it is the first one since the store was lost and has less than half of the tags of the status. Asking for
a scan is no consent: it counts as any other. Consent names the loss, by the number of its tags and a digest that no
other loss has, and so holds once.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gotk.api import extensions
from reflector.first_seen import MOST_SCANS, FirstSeen

#: Scans that must miss a tag before it is gone, unless the annotation says otherwise.
DEFAULT_SCANS = 2

EMPTY = "TagListEmpty"
SHRUNK = "TagListShrunk"
CUT = "TagListCut"
UNREADABLE = "TagListUnreadable"
UNAVAILABLE = "TagListUnavailable"

#: Scans of an interval seldom are exactly so far apart.
_SLACK = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What decides about a list besides the first-seen records.

    `now` is in seconds since 1970. `needed` scans must miss a tag; scans count once per `interval`, whoever asked for
    them. `expected` tags were `listed` at the last scan, should the store know nothing of it. `accepted` names the loss
    that the user accepts; with `agreed` another replica has published this very list, and has seen more than we.
    """

    now: int
    needed: int
    interval: float
    expected: int = 0
    listed: int = 0
    accepted: str = ""
    agreed: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a list is doubtful: a word for programs, a sentence for people."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What is believed after a scan, which tags that added and removed, and why the list is doubtful, if it is."""

    first_seen: FirstSeen
    added: Sequence[str] = ()
    gone: Sequence[str] = ()
    doubt: Doubt | None = None
    #: How many tags are kept although the list lacks them.
    kept: int = 0
    #: The name by which the loss can be accepted; empty where nothing is kept.
    loss: str = ""
    #: Whether the loss was accepted by its name.
    accepted: bool = False


@dataclass(slots=True)
class _Losses:
    """The tags that a list lacks: those that are kept, by the scans that missed them, and those given up."""

    kept: dict[str, int] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    is_new: bool = False

    def give_up(self) -> None:
        """Believe that what is kept is gone."""
        self.gone.extend(self.kept)
        self.kept.clear()


def needed(annotations: Mapping[str, str]) -> int:
    """Return how many scans must miss a tag. Raises ValueError for an annotation that is no such number."""
    text = annotations.get(extensions.BELIEVE_LOSS_AFTER)
    if text is None:
        return DEFAULT_SCANS
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and 1 <= int(text) <= MOST_SCANS):
        raise ValueError(
            f"annotation {extensions.BELIEVE_LOSS_AFTER}: '{text[:64]}' is not a number of scans from 1 to {MOST_SCANS}"
        )
    return int(text)


def assess(known: FirstSeen | None, tags: Sequence[str], case: Circumstances) -> Assessment:
    """Weigh a whole list of tags, in the order of the store, against the first-seen records of the image."""
    if known is None:
        return _begin(tags, case)
    counting = not 0 <= case.now - known.counted < _SLACK * case.interval
    losses = _losses(known, frozenset(tags), case, counting=counting)
    is_accepted = _accept(known, tags, losses, case)
    if case.agreed:
        losses.give_up()
    seen = dict(zip(known.names, known.first, strict=True))
    names = sorted([*tags, *losses.kept], reverse=True) if losses.kept else list(tags)
    doubts, expected = (0, 0) if is_accepted or case.agreed else _expectation(known, case, counting=counting)
    # A tag that went just now is given its whole time, whenever the last scan counted.
    counted = case.now if counting or losses.is_new else known.counted
    first_seen = FirstSeen(
        names=names,
        first=[seen.get(name, case.now) for name in names],
        missing=bytes([losses.kept.get(name, 0) for name in names]) if losses.kept else bytes(len(names)),
        began=known.began,
        counted=counted if losses.kept or losses.gone or expected else known.counted,
        expected=expected,
        doubts=doubts,
    )
    return Assessment(
        first_seen=first_seen,
        added=[name for name in tags if name not in seen],
        gone=losses.gone,
        loss=_loss_of(first_seen, tags, losses),
        accepted=is_accepted,
        doubt=_doubt(known, tags, losses, first_seen, case),
        kept=len(losses.kept),
    )


def _begin(tags: Sequence[str], case: Circumstances) -> Assessment:
    """Take the first list of an image, unless it should be far longer."""
    doubtful = 2 * case.listed < case.expected and case.needed > 1
    first_seen = FirstSeen(
        names=tags,
        first=[case.now] * len(tags),
        missing=bytes(len(tags)),
        began=case.now,
        counted=case.now if doubtful else 0,
        expected=case.expected if doubtful else 0,
        doubts=int(doubtful),
    )
    loss = _loss_of(first_seen, tags, _Losses())
    doubt = _short(first_seen, case, loss) if doubtful else None
    return Assessment(first_seen=first_seen, added=tags, doubt=doubt, loss=loss)


def _losses(known: FirstSeen, listed: frozenset[str], case: Circumstances, *, counting: bool) -> _Losses:
    losses = _Losses()
    if listed.issuperset(known.names):
        return losses
    for name, scans in zip(known.names, known.missing, strict=True):
        if name in listed:
            continue
        missed = min(scans + 1, MOST_SCANS) if counting or not scans else scans
        losses.is_new |= not scans
        if missed >= case.needed:
            losses.gone.append(name)
        else:
            losses.kept[name] = missed
    return losses


def _accept(known: FirstSeen, tags: Sequence[str], losses: _Losses, case: Circumstances) -> bool:
    """Give up what is kept where the user has named this very loss, which an earlier scan has told of."""
    if not case.accepted or losses.is_new or case.accepted != _loss_of(known, tags, losses):
        return False
    losses.give_up()
    return True


def _loss_of(known: FirstSeen, tags: Sequence[str], losses: _Losses) -> str:
    """Name a loss by what is lost and since when it counts: the same tags lost another time are another loss."""
    if known.expected:
        count, what = max(known.expected - len(tags), 0), f"{known.expected}\n" + "\n".join(tags)
    elif losses.kept:
        count, what = len(losses.kept), "\n".join(sorted(losses.kept))
    else:
        return ""
    digest = hashlib.blake2b(f"{known.counted}\n{what}".encode(), digest_size=4).hexdigest()
    return f"{count}-{digest}"


def _how_to_accept(loss: str) -> str:
    """Word what a message about a loss ends with."""
    return f"; to accept the loss now, annotate {extensions.ACCEPT_LOSS}={loss}"


def _expectation(known: FirstSeen, case: Circumstances, *, counting: bool) -> tuple[int, int]:
    """Carry on the doubt about a list that is shorter than the one before the store was lost, or give it up."""
    doubts = known.doubts + counting
    if not known.expected or 2 * case.listed >= known.expected or doubts >= case.needed:
        return 0, 0
    return doubts, known.expected


def _doubt(
    known: FirstSeen, tags: Sequence[str], losses: _Losses, first_seen: FirstSeen, case: Circumstances
) -> Doubt | None:
    loss = _loss_of(first_seen, tags, losses)
    if first_seen.expected:
        return _short(first_seen, case, loss)
    there = len(known.names) - len(losses.gone)
    left = there - len(losses.kept)
    if not losses.kept or 2 * left >= there:
        return None
    rest = (
        f"kept until {case.needed} scans in a row miss them, so far {max(losses.kept.values())}{_how_to_accept(loss)}"
    )
    if not tags:
        return Doubt(EMPTY, f"the registry lists no tags; the {len(losses.kept)} known ones are {rest}")
    message = f"the registry lists {left} of {there} known tags; the other {len(losses.kept)} are {rest}"
    return Doubt(SHRUNK, message)


def _short(first_seen: FirstSeen, case: Circumstances, loss: str) -> Doubt:
    message = (
        f"the registry lists {case.listed} tags where there were {first_seen.expected}, and the tag store was lost; "
        f"policies keep their tags until {case.needed} scans in a row say the same, so far {first_seen.doubts}"
        f"{_how_to_accept(loss)}"
    )
    return Doubt(SHRUNK if case.listed else EMPTY, message)
