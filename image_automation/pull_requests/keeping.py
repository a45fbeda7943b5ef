"""The pull requests of an automation, kept: what takes the place of a push to the branch where they are asked for.

One run looks at the remote once, and at the forge where there is something to propose or to take back. Which pull
requests are open stands in the object's report.
"""

from dataclasses import dataclass, replace

from gotk.api.image import ImageUpdateAutomationStatus
from gotk.api.source import GitRepository
from gotk.forge.choosing import Forge
from gotk.runtime.blocking import Limiter
from gotk.runtime.errors import ReconcileError
from gotk.runtime.reconciler import Run
from image_automation import ports, pushes, report
from image_automation.pull_requests import notes
from image_automation.pull_requests.access import Access, Asker, Way
from image_automation.pull_requests.carrying import Desk
from image_automation.pull_requests.drafting import Drafting
from image_automation.pull_requests.returning import Returning
from image_automation.pull_requests.turn import Turn
from image_automation.report import Push, Report
from image_automation.update.proposal import Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a run came to: the whole proposal, the last push, and the pull requests that there are.

    `failure` is the first one of a scope; `again` is when it is worth to look again, in seconds.
    """

    revision: str
    proposal: Proposal
    push: Push | None
    pull_requests: tuple[report.PullRequest, ...] = ()
    again: float | None = None
    failure: ReconcileError | None = None


class PullRequests:
    """Keeps the pull requests of automations."""

    def __init__(
        self, *, client: ports.Policies, access: Access, limiter: Limiter, announcer: pushes.Announcer
    ) -> None:
        self._client = client
        self._access = access
        self._limiter = limiter
        self._announcer = announcer

    async def returning(
        self, drafting: Drafting, source: GitRepository, run: Run[ImageUpdateAutomationStatus], before: Report
    ) -> Returning:
        """Return what looks after those that take something back. Raises Stalled and Retry."""
        forge, asker = await self._access.open(drafting.settings, drafting.manager.automation, source)
        return Returning(
            desk=Desk(forge=forge, asker=asker),
            drafting=drafting,
            limiter=self._limiter,
            announcer=self._announcer,
            run=run,
            written=before,
        )

    def _notes(self, drafting: Drafting, forge: Forge, asker: Asker) -> notes.Reader:
        return notes.Reader(
            forge=forge, asker=asker, stranger=lambda: self._access.connect(Way()), labels=drafting.origins
        )

    async def keep(
        self, drafting: Drafting, source: GitRepository, run: Run[ImageUpdateAutomationStatus], before: Report
    ) -> Kept:
        """Bring the pull requests to what the policies chose. Raises Stalled, Retry, Conflict and APIError."""
        draft = await self._limiter.run(drafting.draft)
        kept = Kept(revision=draft.revision, proposal=draft.proposal, push=before.push)
        if not draft.parts and not before.pull_requests:
            return kept
        forge, asker = await self._access.open(drafting.settings, drafting.manager.automation, source)
        turn = Turn(
            client=self._client,
            limiter=self._limiter,
            announcer=self._announcer,
            desk=Desk(forge=forge, asker=asker),
            drafting=drafting,
            draft=draft,
            run=run,
            before=before,
            notes=self._notes(drafting, forge, asker) if drafting.settings.release_notes else None,
        )
        await turn.take()
        return replace(
            kept,
            proposal=replace(draft.proposal, holds=(*draft.proposal.holds, *turn.refused)),
            push=turn.push or before.push,
            pull_requests=tuple(turn.now.values()),
            again=min(turn.agains, default=None),
            failure=turn.failure,
        )
