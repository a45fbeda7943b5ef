"""Taking back by pull requests: what is decided of it (`recovery`) and how that is proposed (`returning`), joined."""

from collections.abc import Collection
from dataclasses import dataclass

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomationStatus
from gotk.api.meta import Object
from gotk.api.source import GitRepository
from gotk.git import errors as git
from gotk.runtime.blocking import Limiter
from gotk.runtime.errors import Retry
from gotk.runtime.reconciler import Reader, Run
from image_automation import recovery, report
from image_automation.pull_requests.deciding import Pause, Withdrawal
from image_automation.pull_requests.drafting import Drafting
from image_automation.pull_requests.keeping import PullRequests
from image_automation.pull_requests.returning import Fate, RefusedError, Return, Returning
from image_automation.recovery import Draft, Reading, Wanted
from image_automation.report import Report
from image_automation.writing.source_manager import SourceManager


@dataclass(frozen=True, slots=True)
class Taken:
    """The report with what is said of it, and when it is worth to look again, in seconds."""

    report: Report
    again: float | None = None


class Returns:
    """Proposes what is to be taken back, and looks after what is proposed."""

    def __init__(
        self,
        *,
        objects: Reader,
        deployers: Collection[type[Object]],
        reading: Reading,
        limiter: Limiter,
        pull_requests: PullRequests,
    ) -> None:
        self._objects = objects
        self._deployers = deployers
        self._reading = reading
        self._limiter = limiter
        self._pull_requests = pull_requests

    async def take(
        self,
        drafting: Drafting,
        manager: SourceManager,
        source: GitRepository,
        run: Run[ImageUpdateAutomationStatus],
        before: Report,
    ) -> Taken:
        """Take a turn. Raises Stalled, Retry, Conflict and APIError."""
        automation, selected, now = manager.automation, drafting.selected, run.now()
        wanted = recovery.wanted(
            automation, source, selected, now, objects=self._objects, seen=self._deployers, reading=self._reading
        )
        if wanted is None and not any(each.takes_back for each in before.pull_requests):
            return Taken(await recovery.ended(run, before))
        returning = await self._pull_requests.returning(drafting, source, run, before)
        draft = Draft()
        if wanted is not None:
            draft = await self._limiter.run(recovery.draft, manager, wanted, now, proposing=True)
        back = _return(draft, wanted)
        await returning.look(self._fate(drafting, source, run))
        if back is not None:
            draft = await _proposed(returning, draft, back)
        if wanted is None:
            told = await recovery.ended(run, returning.written)
        else:
            told = await recovery.told(run, returning.written, wanted, draft)
        return Taken(told, min(returning.agains, default=None))

    def _fate(self, drafting: Drafting, source: GitRepository, run: Run[ImageUpdateAutomationStatus]) -> Fate:
        """Tell of one that is open whether it still has a reason, and whether it has to wait."""
        automation = drafting.manager.automation
        deploys = {each.name: each for each in recovery.deploys(source, self._objects, self._deployers)}
        frozen = recovery.frozen(automation, drafting.selected, run.now())
        always = automation.metadata.annotations.get(extensions.ON_FAILURE) == recovery.REVERT_ALWAYS

        def of(pull: report.PullRequest) -> Pause | Withdrawal | None:
            if pull.recovers and ((known := deploys.get(pull.takes_back)) is None or known.standing == "ready"):
                what = "is ready again" if known is not None else "is there no more"
                return Withdrawal(f"{pull.takes_back} {what}.")
            stopped = next((each for each in ("", *pull.policies) if each in frozen), None)
            if stopped is not None and not (always if pull.recovers else pull.during_freeze):
                what = f"policy {stopped}" if stopped else "the automation"
                return Pause(f"{what} is {frozen[stopped]}", held=True)
            return None

        return of


def _return(draft: Draft, wanted: Wanted | None) -> Return | None:
    if draft.proposal is None or draft.taking is None or draft.checked_out is None:
        return None
    asked = wanted.request if wanted is not None else None
    return Return(
        base=draft.checked_out.commit,
        proposal=draft.proposal,
        taking=draft.taking,
        message=draft.message,
        during_freeze=asked is not None and asked.during_freeze,
    )


async def _proposed(returning: Returning, draft: Draft, back: Return) -> Draft:
    try:
        return draft.proposed(await returning.propose(back))
    except RefusedError as error:
        return draft.refused(str(error))
    except Retry as error:
        if not isinstance(error.__cause__, git.Rejected):
            raise
        return draft.refused(error.message)
