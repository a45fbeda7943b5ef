"""Gates around a run: asked when it decides, and again right before it pushes, when time and people have gone on.

The gates themselves are pure (`gating`). Here they get what they decide by, and what they say becomes the runtime's
errors, and the time of the next run.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.runtime.errors import Conflict, Stalled
from gotk.runtime.reconciler import Run
from image_automation.gating import chain, freeze
from image_automation.gating.chain import Gate
from image_automation.gating.facts import INVALID, Facts, Misread
from image_automation.gating.gates import gates
from image_automation.report import Report
from image_automation.selection import Selection
from image_automation.update.proposal import Proposal

_SOONEST: Final = 1.0  # times are written in whole seconds: not again and again within the last one
_NONE: Final[Mapping[str, str]] = {}


def of(automation: ImageUpdateAutomation | None, namespace: str, selected: Selection, now: datetime) -> list[Gate]:
    """Return the gates of an automation, or of policies that none follows yet. Raises Stalled for its annotations."""
    policies = {f"{namespace}:{name}": policy for name, policy in selected.policies.items()}
    try:
        return gates(
            Facts(now=now, automation=automation.metadata.annotations if automation else _NONE, policies=policies)
        )
    except Misread as error:
        raise Stalled(INVALID, str(error)) from None


def show(automation: ImageUpdateAutomation, run: Run[Any]) -> str:
    """Say in a condition, and return, that an automation is frozen, whether something waits or not. Raises Stalled."""
    try:
        found = freeze.of(automation.metadata.annotations, run.now())
    except Misread as error:
        raise Stalled(INVALID, str(error)) from None
    if found is None:
        run.conditions.delete(extensions.FROZEN)
        return ""
    run.conditions.mark_true(extensions.FROZEN, freeze.FROZEN, found.sentence)
    return found.sentence


def confirm(automation: ImageUpdateAutomation, selected: Selection, proposal: Proposal, now: datetime) -> None:
    """See that no gate has closed on what is about to be pushed. Raises Conflict where one has, and Stalled."""
    changes = ((file.path, change) for file, change in proposal.changes)
    for hold in chain.found(changes, of(automation, automation.metadata.namespace, selected, now)):
        raise Conflict(f"'{hold.path}' may not be written any more: {hold.message}")


def again(interval: float, found: Report, now: datetime) -> float:
    """Return in how many seconds to run again: after the interval, or when the first of the gates opens by itself."""
    ends = [(datetime.fromisoformat(held.until) - now).total_seconds() for held in found.held if held.until]
    return min([interval, *(max(each, _SOONEST) for each in ends)])
