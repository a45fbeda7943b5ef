"""Gates around a run: asked when it decides, and again right before it pushes, when time and people have gone on.

The gates themselves are pure (`gating`). Here they get what they decide by, and what they say becomes the runtime's
errors, and the time of the next run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.git import errors as git
from gotk.runtime.clock import parse_rfc3339, rfc3339
from gotk.runtime.errors import Conflict, Stalled
from gotk.runtime.reconciler import Run
from image_automation import report
from image_automation.gating import approvals, chain, freeze, windows
from image_automation.gating.chain import Gate
from image_automation.gating.facts import INVALID, Cause, Facts, Misread
from image_automation.gating.freeze import Frozen
from image_automation.gating.gates import gates, grants
from image_automation.gating.voices import Voices
from image_automation.report import Report, Stop
from image_automation.selection import Selection
from image_automation.update.proposal import Grant, Proposal

_SOONEST: Final = 1.0  # times are written in whole seconds: not again and again within the last one
_NONE: Final[Mapping[str, str]] = {}


def of(automation: ImageUpdateAutomation | None, namespace: str, selected: Selection, now: datetime) -> list[Gate]:
    """Return the gates of an automation, or of policies that none follows yet. Raises Stalled for its annotations."""
    try:
        return gates(_facts(automation, namespace, selected, now))
    except Misread as error:
        raise Stalled(INVALID, str(error)) from None


def granted(
    automation: ImageUpdateAutomation | None, namespace: str, selected: Selection, proposal: Proposal, now: datetime
) -> Proposal:
    """Return a proposal with those whose word lets its changes through."""
    facts = _facts(automation, namespace, selected, now)
    return replace(proposal, grants=grants((change for _, change in proposal.changes), facts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """The reviews of a pull request that count, by policy, and since when what it proposes is proposed."""

    voices: Voices
    since: datetime

    def unmerged(
        self, automation: ImageUpdateAutomation, selected: Selection, proposal: Proposal, now: datetime
    ) -> Cause | None:
        """Say what keeps it from being merged; None where nothing does. Raises Stalled."""
        facts = _facts(automation, automation.metadata.namespace, _written(selected, proposal), now)
        try:
            return approvals.unmerged(facts, self.voices, self.since)
        except Misread as error:
            raise Stalled(INVALID, str(error)) from None

    def grants(
        self, automation: ImageUpdateAutomation, selected: Selection, proposal: Proposal, now: datetime
    ) -> tuple[Grant, ...]:
        """Return whose word lets it be merged."""
        facts = _facts(automation, automation.metadata.namespace, _written(selected, proposal), now)
        return approvals.merging(facts, self.voices)


def reviewers(
    automation: ImageUpdateAutomation, selected: Selection, proposal: Proposal, now: datetime
) -> frozenset[str]:
    """Return whose reviews count for a pull request, as logins in small letters."""
    facts = _facts(automation, automation.metadata.namespace, _written(selected, proposal), now)
    return approvals.reviewers(facts)


def until_closing(
    automation: ImageUpdateAutomation, selected: Selection, proposal: Proposal, now: datetime
) -> float | None:
    """Return for how many seconds what is proposed may be written; None where no window ends."""
    facts = _facts(automation, automation.metadata.namespace, _written(selected, proposal), now)
    try:
        closing = windows.closing(facts)
    except Misread:
        return None  # it is held for that
    return max((closing - now).total_seconds(), _SOONEST) if closing is not None else None


def _written(selected: Selection, proposal: Proposal) -> Selection:
    """Leave out the policies for which nothing is written."""
    names = {change.names.policy for _, change in proposal.changes}
    return replace(selected, policies={name: each for name, each in selected.policies.items() if name in names})


def _facts(automation: ImageUpdateAutomation | None, namespace: str, selected: Selection, now: datetime) -> Facts:
    annotations = automation.metadata.annotations if automation is not None else _NONE
    return Facts(
        now=now,
        around=selected.around,
        automation=annotations,
        policies={f"{namespace}:{name}": policy for name, policy in selected.policies.items()},
        since=report.waiting_since(report.read(annotations)),
    )


def show(automation: ImageUpdateAutomation, selected: Selection, run: Run[Any]) -> Stop | None:
    """Say in a condition, and return, that an automation is frozen, whether something waits or not.

    Raises Stalled where one of its annotations cannot be read, be there something to write or not.
    """
    try:
        gates(Facts(now=run.now(), automation=automation.metadata.annotations))
        found = freeze.whole(automation.metadata.annotations, selected.around, run.now())
    except Misread as error:
        raise Stalled(INVALID, str(error)) from None
    if found is None:
        run.conditions.delete(extensions.FROZEN)
        return None
    run.conditions.mark_true(extensions.FROZEN, freeze.FROZEN, found.sentence)
    return stopped(automation, found)


def stopped(automation: ImageUpdateAutomation, found: Frozen) -> Stop:
    """Make the record of a freeze of all that an automation writes."""
    return Stop(
        scope=found.scope,
        name=found.name or automation.metadata.name,
        message=git.printable(found.sentence),
        until=rfc3339(found.end) if found.end else "",
        by=git.printable(found.by),
    )


def confirm(automation: ImageUpdateAutomation, selected: Selection, proposal: Proposal, now: datetime) -> None:
    """See that no gate has closed on what is about to be pushed. Raises Conflict where one has, and Stalled."""
    changes = ((file.path, change) for file, change in proposal.changes)
    for hold in chain.found(changes, of(automation, automation.metadata.namespace, selected, now)):
        raise Conflict(f"'{hold.path}' may not be written any more: {hold.message}")


def again(interval: float, found: Report, now: datetime) -> float:
    """Return in how many seconds to run again: after the interval, or when the first of the gates opens by itself."""
    ends = [(parse_rfc3339(held.until) - now).total_seconds() for held in found.held if held.until]
    return min([interval, *(max(each, _SOONEST) for each in ends)])
