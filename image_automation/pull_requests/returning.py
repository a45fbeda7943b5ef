"""What is taken back where updates are pull requests: proposed as one as well, of exactly that edit.

Its branch is named for what it takes back, so that it is found again and never doubled. A failure is judged anew in
each run: while it lasts the branch follows the base, once it is over the pull request is closed. What a person asked
for is proposed once and stays as it is. One that a person closes is an answer: it is not opened again.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from gotk.api.image import ImageUpdateAutomation, ImageUpdateAutomationStatus
from gotk.forge.pull_request import PullRequest, State
from gotk.git import errors as git
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import rfc3339
from gotk.runtime.errors import Conflict
from gotk.runtime.reconciler import Run
from image_automation import pushes, report
from image_automation.pull_requests import deciding, section, telling
from image_automation.pull_requests.carrying import Carried, Carrier, Desk, Text
from image_automation.pull_requests.deciding import Pause, Wish, Withdrawal
from image_automation.pull_requests.drafting import Draft, Drafting, Place, on_base
from image_automation.pull_requests.section import Note
from image_automation.report import Push, Report
from image_automation.update.proposal import Grant, Proposal
from image_automation.writing import checkout
from image_automation.writing.provenance import TakingBack

#: What is to become of one that is open; None lets it go on.
Fate = Callable[[report.PullRequest], Pause | Withdrawal | None]
_NOTHING = Proposal(())
_LONG = 12


class RefusedError(Exception):
    """It is not proposed: the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """What is to be taken back on top of a commit, as whose wish, and under which message."""

    base: str
    proposal: Proposal
    taking: TakingBack
    message: str
    during_freeze: bool = False

    def branch(self, automation: ImageUpdateAutomation) -> str:
        """Name the branch: another one for each request, and for each failure with other edits."""
        what = "\n".join([self.taking.request, self.taking.recovers, *self.taking.commits])
        name = hashlib.sha256(what.encode()).hexdigest()[:_LONG]
        return f"image-rollbacks/{automation.metadata.namespace}/{automation.metadata.name}/{name}"

    def text(self, mark: str, scope: str) -> Text:
        """Word it by the commit's message, whose last lines are read again where it is squashed under this text."""
        title, _, said = self.message.partition("\n")
        said = said.strip("\n")
        fence = "`" * max(3, *(len(each) + 1 for each in ["", *re.findall("`+", said)]))
        text = f"Takes back what the automation wrote: a commit of exactly that edit.\n\n{fence}\n{said}\n{fence}"
        note = Note(automation=mark, scope=scope, title=section.digest(title), text=section.digest(text))
        return Text(title=title, text=text, note=note)


@dataclass(slots=True, kw_only=True)
class Returning:
    """The pull requests of one automation that take something back. `written` is the report with them."""

    desk: Desk
    drafting: Drafting
    limiter: Limiter
    announcer: pushes.Announcer
    run: Run[ImageUpdateAutomationStatus]
    written: Report
    draft: Draft | None = None
    agains: list[float] = field(default_factory=list)

    async def propose(self, wanted: Return) -> report.PullRequest:
        """Open it, or bring it up to date. Raises RefusedError, Retry, Stalled and Conflict."""
        branch, scope = wanted.branch(self.drafting.manager.automation), _scope(wanted.taking)
        pulls = await self._find(branch)
        await self._see_that_nobody_refused(pulls)
        place = await self._place(branch, wanted.proposal)
        if place.checked_out.commit != wanted.base:
            raise Conflict(f"branch '{self._base}' moved meanwhile")
        text = wanted.text(self.drafting.mark, scope)
        wish = self._wish(text.note)
        known = _known(self.written, branch)
        carried = await self._carry_out(place, pulls, wish, known, wanted=wanted, text=text)
        found = _after(_planned(wanted, branch, carried.head), carried)
        if found.number and (known is None or not known.number):
            await telling.opened(self.run, found)
        self._remember(branch, found)
        return found

    async def look(self, fate: Fate) -> None:
        """Look at those that were open: what became of them is told, others go on, wait or are closed."""
        for each in [pull for pull in self.written.pull_requests if pull.takes_back]:
            pulls = await self._find(each.branch)
            open_ = next((pull for pull in pulls if pull.state is State.OPEN), None)
            if open_ is None and not each.number:  # whoever was about to open it died: it is decided anew
                self._remember(each.branch, None)
                continue
            place = await self._place(each.branch, _NOTHING)
            wish = fate(each) or self._onwards(open_, place)
            if open_ is None:
                wish = Withdrawal("")
            carried = await self._carry_out(place, pulls, wish, each)
            if open_ is None or isinstance(wish, Withdrawal):
                await telling.ended(self.run, self.desk, each, pulls)
                self._remember(each.branch, None)
                self._count(each, pulls)
            else:
                self._remember(each.branch, _after(each, carried))

    # One of them.

    async def _find(self, branch: str) -> tuple[PullRequest, ...]:
        return await self.desk.ask(self.desk.forge.find_pull_requests(head=branch))

    async def _see_that_nobody_refused(self, pulls: Sequence[PullRequest]) -> None:
        if any(pull.state is State.OPEN for pull in pulls):
            return
        for pull in pulls:
            note = section.read(pull.body)
            if pull.state is State.CLOSED and note is not None and not note.withdrawn:
                by = await self.desk.ask(self.desk.forge.who_closed(pull.number)) or "somebody"
                raise RefusedError(
                    f"pull request #{pull.number}, which takes it back, was closed by {git.printable(by)}"
                )

    async def _place(self, branch: str, proposal: Proposal) -> Place:
        return await self.limiter.run(self._placed, branch, proposal)

    def _placed(self, branch: str, proposal: Proposal) -> Place:
        if self.draft is None:
            self.draft = self._drafted()
        place = self.drafting.place(branch, self.draft, proposal)
        if proposal is _NOTHING:  # it is not to be pushed
            place = replace(place, branch=replace(place.branch, current=True))
        return place

    def _drafted(self) -> Draft:
        manager = on_base(self.drafting.manager, self.drafting.settings)
        try:
            listed = manager.repository.references().commits
        except git.Error as error:
            raise checkout.failed(error.message) from error
        commit = listed.get(manager.target.reference, "")
        return Draft(listed=listed, base=manager.target.branch, commit=commit, revision="", below="", proposal=_NOTHING)

    @property
    def _base(self) -> str:
        return self.draft.base if self.draft is not None else ""

    def _wish(self, note: Note) -> Wish:
        return Wish(title=note.title, text=note.text, base=self._base, merge=self.drafting.settings.merge)

    def _onwards(self, open_: PullRequest | None, place: Place) -> Wish | Pause:
        """Wish for one as it is: all that is left to do is to merge it, where that is ours to do."""
        note = section.read(open_.body) if open_ is not None else None
        if note is None or place.branch.tip is None:
            return Pause("its description, or its branch, is not ours any more: merge or close it")
        return self._wish(note)

    async def _carry_out(
        self,
        place: Place,
        pulls: Sequence[PullRequest],
        wish: Wish | Pause | Withdrawal,
        known: report.PullRequest | None,
        *,
        wanted: Return | None = None,
        text: Text | None = None,
    ) -> Carried:
        async def push() -> str:
            assert wanted is not None
            return await self._push(place, wanted)

        async def nothing() -> str:
            return ""

        async def confirm() -> tuple[Grant, ...]:
            """A freeze has been asked for in this run; windows say when to go on, and not when to go back."""
            return ()

        scheduled = known.scheduled if known is not None else ""
        numbers = frozenset({known.number} if known is not None and known.number else ())
        decision = deciding.decide(
            place.branch, pulls, wish, mark=self.drafting.mark, known=numbers, scheduled=scheduled
        )
        carrier = Carrier(
            desk=self.desk,
            limiter=self.limiter,
            settings=self.drafting.settings,
            place=place,
            base=self._base,
            push=push,
            more=nothing,
            confirm=confirm,
        )
        carried = await carrier.carry_out(decision, text, scheduled)
        self.agains += [carried.again] if carried.again is not None else []
        return carried

    async def _push(self, place: Place, wanted: Return) -> str:
        """Commit and push what takes back, as any other push is: recorded before it, told after it."""
        automation = self.drafting.manager.automation
        made = await self.limiter.run(
            place.manager.record, place.checked_out, place.base, wanted.proposal, wanted.message, self.run.now()
        )
        record = pushes.recorded(made, wanted.proposal, follows=self.run.status.last_push_commit)
        self._remember(made.branch, _planned(wanted, made.branch, made.commit))
        await pushes.record(self.run, self.written, record)
        try:
            made = await place.manager.deliver(place.checked_out, made, wanted.proposal.edits)
        except (git.NonFastForward, git.Damaged) as error:
            raise Conflict(f"branch '{made.branch}' moved meanwhile: {error.message}") from error
        await self.announcer.tell(automation, self.run, made)
        await self.run.save()
        self._pushed(record.named(made.commit))
        return made.commit

    # What is written down.

    def _count(self, ended: report.PullRequest, pulls: Sequence[PullRequest]) -> None:
        """Let the breaker count a recovery that was merged."""
        merged = next((each for each in pulls if each.number == ended.number and each.state is State.MERGED), None)
        if merged is None or not ended.recovers:
            return
        made = report.Recovered(failing=ended.takes_back, commit=merged.merge_commit, at=rfc3339(self.run.now()))
        self.written = msgspec.structs.replace(self.written, recovered=(*self.written.recovered, made))

    def _pushed(self, record: Push) -> None:
        self.written = msgspec.structs.replace(self.written, push=record)

    def _remember(self, branch: str, now: report.PullRequest | None) -> None:
        kept = [each for each in self.written.pull_requests if each.branch != branch]
        self.written = msgspec.structs.replace(self.written, pull_requests=(*kept, *([now] if now is not None else [])))


def _scope(taking: TakingBack) -> str:
    return f"recovery of {taking.recovers}" if taking.recovers else "rollback"


def _known(found: Report, branch: str) -> report.PullRequest | None:
    return next((each for each in found.pull_requests if each.branch == branch), None)


def _planned(wanted: Return, branch: str, head: str) -> report.PullRequest:
    taking = wanted.taking
    return report.PullRequest(
        branch=branch,
        scope=_scope(taking),
        takes_back=taking.recovers or taking.request,
        during_freeze=wanted.during_freeze,
        policies=tuple(sorted({change.names.policy for _, change in wanted.proposal.changes})),
        head=head,
    )


def _after(known: report.PullRequest, carried: Carried) -> report.PullRequest:
    pull, note = carried.pull_request, "; ".join(carried.notes)
    known = msgspec.structs.replace(known, head=carried.head, scheduled=carried.scheduled, note=note)
    if pull is None:
        return known
    title = git.printable(pull.title)
    return msgspec.structs.replace(known, number=pull.number, url=pull.url, title=title, draft=pull.draft)
