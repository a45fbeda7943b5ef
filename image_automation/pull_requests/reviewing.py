"""Reviews of a pull request as votes: which of them stand, and which choices each of them was about.

One that names the commit it is of counts for what we had there. One that does not counts for what was proposed when it
was seen first. Both are kept in the report: a branch that is made anew with the same choices keeps its approvals, one
with newer choices does not.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from gotk.api.image import ImageUpdateAutomation
from gotk.forge.pull_request import Opinion, PullRequest, Review
from gotk.git import errors as git
from gotk.runtime.clock import parse_rfc3339, rfc3339
from gotk.runtime.errors import Conflict
from image_automation import report
from image_automation.gatekeeping import Ballot
from image_automation.gating.voices import Voice
from image_automation.pull_requests import refusals
from image_automation.pull_requests.drafting import Part
from image_automation.update.proposal import Grant

_MOST: Final = 50
_WORDS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What a pull request proposes, since when, and what people said of it."""

    choices: Mapping[str, str]
    since: datetime
    voices: tuple[Voice, ...] = ()

    def written(self, record: report.PullRequest) -> report.PullRequest:
        """Write it down in a pull request's record; what was said of another one is not said of this one."""
        return msgspec.structs.replace(
            record, choices=tuple(self.choices.values()), since=rfc3339(self.since), voices=self.voices
        )

    def lacks(self, automation: ImageUpdateAutomation, part: Part, now: datetime) -> str:
        """Say what keeps it from being merged; nothing where it may be. Raises Stalled."""
        cause = self._ballot.unmerged(automation, part.selected, part.proposal, now)
        return cause.message if cause is not None else ""

    def confirm(self, automation: ImageUpdateAutomation, part: Part, now: datetime) -> tuple[Grant, ...]:
        """Return whose word lets it be merged. Raises Conflict where that is not enough any more, and Stalled."""
        if lacks := self.lacks(automation, part, now):
            raise Conflict(f"pull request for '{part.scope.name}' may not be merged any more: {lacks}")
        return self._ballot.grants(automation, part.selected, part.proposal, now)

    @property
    def _ballot(self) -> Ballot:
        about = {name: [each for each in self.voices if choice in each.about] for name, choice in self.choices.items()}
        return Ballot(voices=about, since=self.since)


def hear(
    known: report.PullRequest | None,
    there: PullRequest | None,
    reviews: Iterable[Review],
    part: Part,
    now: datetime,
    *,
    asked: Collection[str],
    current: str = "",
) -> Hearing:
    """Say what stands; `known` is what was written down of it, `part` is what it proposes from now on.

    `asked` are the logins that count, in small letters; `current` is the branch's commit, if that is what is proposed.
    """
    choices = refusals.choices(part.proposal, part.selected.images)
    if there is None:
        return Hearing(choices=choices, since=now)
    if known is None or known.number != there.number:
        known = report.PullRequest(branch=part.branch, scope=part.scope.name, number=there.number)
    proposed = tuple(choices.values())
    since = parse_rfc3339(known.since) if known.choices == proposed and known.since else now
    shown = {known.head: known.choices, current: proposed}
    found = voices(known, there.author, reviews, rfc3339(now), shown)
    return Hearing(choices=choices, since=since, voices=most(list(found), asked))


def most(found: Sequence[Voice], asked: Collection[str]) -> tuple[Voice, ...]:
    """Return as many as are kept: what strangers say in great number takes no room from those who are asked.

    Of these a no comes before a yes, for it is the one that must not be lost.
    """
    heard = [msgspec.structs.replace(each, stranger=_is_stranger(each, asked)) for each in found]
    if len(heard) > _MOST:
        heard = sorted(heard, key=lambda voice: (voice.stranger, voice.approves))[:_MOST]
    return tuple(heard)


def _is_stranger(voice: Voice, asked: Collection[str]) -> bool:
    return not any(name.casefold() in asked for name in voice.names)


def voices(
    known: report.PullRequest,
    author: str,
    reviews: Iterable[Review],
    seen: str,
    shown: Mapping[str, tuple[str, ...]],
) -> Iterator[Voice]:
    """Yield what stands of reviews, but for those of who opened it, and where what they are of is not known.

    `seen` is now, for those without a time, `shown` are the choices that commits of ours have.
    """
    for review in reviews:
        if author in review.known_as:
            continue
        before = next((each for each in known.voices if _is_same(each, review)), None)
        if before is not None:
            yield before
        elif about := shown.get(review.sha, ()) if review.sha else known.choices:
            said = f": {review.text}" if review.text.strip() else ""
            yield Voice(
                names=review.known_as,
                approves=review.opinion is Opinion.APPROVED,
                at=review.at or seen,
                sha=review.sha,
                reason=git.printable(f"review of #{known.number}{said}")[:_WORDS],
                about=about,
            )


def _is_same(voice: Voice, review: Review) -> bool:
    """Tell whether a review is the one that was heard before; one without a time is, while it stands."""
    said = (voice.names, voice.approves, voice.sha) == (
        review.known_as,
        review.opinion is Opinion.APPROVED,
        review.sha,
    )
    return said and (not review.at or voice.at == review.at)
