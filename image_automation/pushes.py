"""What was pushed is told in the end: in the status and as an event, however the writes after the push went.

A push cannot be taken back, and whatever comes after it can fail: the API is busy, or the process is killed. So the
commit is recorded in the object's report before it is pushed, and the record is owed to the status until that names
the commit. The next run asks the remote whether it arrived. The event goes out before the status settles it, so a crash
between the two tells twice and never not at all (ADR 0061).
"""

from datetime import UTC, datetime

import msgspec

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation, ImageUpdateAutomationStatus
from gotk.bounded import Bounded
from gotk.runtime import conditions
from gotk.runtime.clock import rfc3339
from gotk.runtime.reconciler import Key, Run
from image_automation import report
from image_automation.report import Push, Report
from image_automation.update.proposal import Proposal
from image_automation.writing.source_manager import PushResult

_REMEMBERED = 10_000

ReportRun = Run[ImageUpdateAutomationStatus]


def untold(before: Report, status: ImageUpdateAutomationStatus) -> Push | None:
    """Return the push that the status does not know of; it may never have arrived."""
    push = before.push
    return push if push is not None and push.is_untold(status.last_push_commit) else None


def recorded(made: PushResult, proposal: Proposal, *, follows: str) -> Push:
    """Make the record of a commit for a branch; `follows` is what the status names as the last one pushed."""
    return Push(
        commit=made.commit,
        branch=made.branch,
        refspec=made.refspec,
        changes=tuple(report.changed(file.path, change) for file, change in proposal.changes),
        grants=tuple(map(report.granted, proposal.grants)),
        follows=follows,
        checked_out=made.checked_out,
        rebuilt=made.rebuilt,
        tree=made.tree,
        parent=made.parent if made.tree else "",
    )


async def record(run: ReportRun, before: Report, push: Push) -> None:
    """Write down what is about to be pushed. Raises APIError; then nothing may be pushed."""
    await run.annotate({extensions.REPORT: report.write(msgspec.structs.replace(before, push=push))})


class Announcer:
    """Tells of pushes, each once as long as this process lives."""

    def __init__(self) -> None:
        self._told: Bounded[Key, str] = Bounded(_REMEMBERED)

    async def tell(self, automation: ImageUpdateAutomation, run: ReportRun, pushed: PushResult) -> None:
        """Tell of a commit that is on its branch: the event first, then the status, which the caller saves."""
        key = Key(automation.metadata.namespace, automation.metadata.name)
        if self._told.get(key) != pushed.commit:
            run.log.info("pushed commit", commit=pushed.commit, branch=pushed.branch)
            await run.tell("Normal", conditions.SUCCEEDED, pushed.summary)
            self._told.put(key, pushed.commit)
        made_at = datetime.fromtimestamp(pushed.made_at, UTC)
        run.update(last_push_commit=pushed.commit, last_push_time=rfc3339(made_at))
