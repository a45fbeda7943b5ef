"""One run over the pull requests of an automation: scope by scope, then what is left of earlier scopes.

A scope that fails keeps no other one from going on, and its record stays as it was. What is gone from the record since
the run before, or is new in it, is told in an event, so that it is told whoever opened, merged or closed it.
"""

from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from gotk.api.image import ImageUpdateAutomation, ImageUpdateAutomationStatus
from gotk.forge.pull_request import PullRequest, State
from gotk.git import errors as git
from gotk.runtime.blocking import Limiter
from gotk.runtime.errors import Conflict, ReconcileError
from gotk.runtime.reconciler import Run
from image_automation import current, gatekeeping, ports, pushes, report
from image_automation.pull_requests import deciding, notes, origins, refusals, reviewing, section, telling, wording
from image_automation.pull_requests.carrying import Carried, Carrier, Desk, Text
from image_automation.pull_requests.deciding import Pause, Wish, Withdrawal
from image_automation.pull_requests.drafting import Draft, Drafting, Part, Place
from image_automation.pull_requests.reviewing import Hearing
from image_automation.pull_requests.section import Note
from image_automation.report import Push, Report
from image_automation.update.proposal import Grant, Proposal
from image_automation.writing.push_branch import Base

#: What a description needs besides what is worded here.
_MARGIN = 1_500


@dataclass(slots=True, kw_only=True)
class Turn:
    """One run: what it knows, and what it has come to so far; `now` is the record of each branch."""

    client: ports.Policies
    limiter: Limiter
    announcer: pushes.Announcer
    desk: Desk
    drafting: Drafting
    draft: Draft
    run: Run[ImageUpdateAutomationStatus]
    before: Report
    notes: notes.Reader | None
    now: dict[str, report.PullRequest] = field(default_factory=dict)
    seen: dict[int, PullRequest] = field(default_factory=dict)
    refused: list[Any] = field(default_factory=list)
    agains: list[float] = field(default_factory=list)
    push: Push | None = None
    failure: ReconcileError | None = None

    @property
    def automation(self) -> ImageUpdateAutomation:
        """Whose pull requests they are."""
        return self.drafting.manager.automation

    async def take(self) -> None:
        """Go through all scopes, then through what is left of earlier ones, and tell what is new."""
        parts = {part.branch for part in self.draft.parts}
        for part in self.draft.parts:
            await self._attempt(part.branch, self._propose(part))
        for left in self.before.pull_requests:
            if left.takes_back:
                self.now[left.branch] = left  # which `returning` looks after
            elif left.branch not in parts:
                await self._attempt(left.branch, self._leave(left))
        await self._tell()

    async def _attempt(self, branch: str, work: Coroutine[Any, Any, None]) -> None:
        """Do one scope's work; where it fails its record stays as it was, and the others go on."""
        try:
            await work
        except Conflict:
            raise
        except ReconcileError as error:
            self.failure = self.failure or error
            if (known := self._known(branch)) is not None:
                self.now[branch] = known

    # One scope.

    async def _propose(self, part: Part) -> None:
        pulls = await self._find(part.branch)
        part = await self._without_refused(part, pulls)
        place = await self.limiter.run(self.drafting.place, part.branch, self.draft, part.proposal)
        text, hearing = await self.limiter.run(self._text, part) if part.proposal.edits else None, None
        wish: Wish | Pause | Withdrawal
        if text is not None:
            hearing = await self._hear(part, pulls, place)
            lacks = hearing.lacks(self.automation, part, self.run.now()) if hearing else ""
            merge = self.drafting.settings.merge
            wish = Wish(title=text.note.title, text=text.note.text, base=self.draft.base, merge=merge, lacks=lacks)
        else:
            wish = Pause(next((hold.message for hold in part.proposal.holds), ""), held=True)
        await self._carry_out(part.scope.name, place, pulls, wish, part=part, text=text, hearing=hearing)

    async def _leave(self, left: report.PullRequest) -> None:
        """Withdraw what no scope is about any more, at least not on this branch."""
        pulls = await self._find(left.branch)
        place = await self.limiter.run(self.drafting.place, left.branch, self.draft, Proposal(()))
        await self._carry_out(left.scope, place, pulls, self._farewell(left))

    def _farewell(self, left: report.PullRequest) -> Pause | Withdrawal:
        heir = next((each for each in self.now.values() if each.scope == left.scope), None)
        if left.scope in self.draft.held:
            return Pause("what it proposes is held back", held=True)
        if any(part.scope.name == left.scope for part in self.draft.parts):
            if heir is None or not heir.number:
                return Pause("the pull request that takes its place is not open yet")
            return Withdrawal(f"Superseded by #{heir.number}.")
        return Withdrawal(f"Nothing is left to propose: `{self.draft.base}` has what the policies choose now.")

    async def _carry_out(
        self,
        scope: str,
        place: Place,
        pulls: tuple[PullRequest, ...],
        wish: Wish | Pause | Withdrawal,
        *,
        part: Part | None = None,
        text: Text | None = None,
        hearing: Hearing | None = None,
    ) -> None:
        branch = place.branch.name
        known = self._known(branch)
        scheduled = known.scheduled if known else ""
        decision = deciding.decide(
            place.branch,
            pulls,
            wish,
            mark=self.drafting.mark,
            known=frozenset(each.number for each in self.before.pull_requests if each.number),
            scheduled=scheduled,
        )

        async def push() -> str:
            assert part is not None
            return await self._push(place, part)

        async def confirm() -> tuple[Grant, ...]:
            assert part is not None
            now = self.run.now()
            automation, selected = await current.confirm(
                self.client, self.automation, part.selected, part.proposal, now
            )
            return hearing.confirm(automation, replace(part, selected=selected), now) if hearing else ()

        async def more() -> str:
            return await self._more(part, text) if part is not None and text is not None else ""

        carrier = Carrier(
            desk=self.desk,
            limiter=self.limiter,
            settings=self.drafting.settings,
            place=place,
            base=self.draft.base,
            push=push,
            more=more,
            confirm=confirm,
        )
        carried = await carrier.carry_out(decision, text, scheduled)
        if part is not None and carried.scheduled:
            # What the forge is to merge by itself is called off when a window ends.
            end = gatekeeping.until_closing(self.automation, part.selected, part.proposal, self.run.now())
            carried = carried if end is None else replace(carried, again=min(carried.again or end, end))
        self._remember(scope, branch, carried, hearing, alone=isinstance(wish, Wish))

    def _remember(self, scope: str, branch: str, carried: Carried, hearing: Hearing | None, *, alone: bool) -> None:
        """Record what became of a branch: a pull request, or why there is none."""
        pull, note = carried.pull_request, "; ".join(carried.notes)
        if carried.again is not None:
            self.agains.append(carried.again)
        if pull is not None:
            record = report.PullRequest(
                branch=branch,
                scope=scope,
                number=pull.number,
                url=pull.url,
                title=git.printable(pull.title),
                draft=pull.draft,
                head=carried.head,
                scheduled=carried.scheduled,
                note=note,
            )
            self.now[branch] = hearing.written(record) if hearing else record
        elif alone and note:
            self.now[branch] = report.PullRequest(branch=branch, scope=scope, head=carried.head, note=note)

    def _known(self, branch: str) -> report.PullRequest | None:
        return next((each for each in self.before.pull_requests if each.branch == branch), None)

    async def _find(self, branch: str) -> tuple[PullRequest, ...]:
        found = await self.desk.ask(self.desk.forge.find_pull_requests(head=branch))
        self.seen |= {each.number: each for each in found}
        return found

    async def _hear(self, part: Part, pulls: tuple[PullRequest, ...], place: Place) -> Hearing | None:
        """Ask what people say of a pull request, where that counts; of what others committed to it does not."""
        asked = gatekeeping.reviewers(self.automation, part.selected, part.proposal, self.run.now())
        if not asked or not place.branch.ours:
            return None
        known = self._known(part.branch)
        number = known.number if known is not None else 0
        open_ = [each for each in pulls if each.state is State.OPEN and each.base == self.draft.base]
        there = next((each for each in open_ if number in {0, each.number}), None)
        reviews = await self.desk.ask(self.desk.forge.reviews(there.number)) if there is not None else ()
        current = (place.branch.tip or "") if place.branch.current else ""
        return reviewing.hear(known, there, reviews, part, self.run.now(), asked=asked, current=current)

    # What is proposed.

    async def _without_refused(self, part: Part, pulls: tuple[PullRequest, ...]) -> Part:
        """Hold back what a person refused by closing its pull request."""
        refused = refusals.refused(pulls, self.drafting.mark)
        proposed = set(refusals.choices(part.proposal, part.selected.images).values())
        relevant = {choice: pull for choice, pull in refused.items() if choice in proposed}
        if not relevant:
            return part
        who = {pull.number: await self._who_closed(pull) for pull in relevant.values()}
        gate = refusals.gate(relevant, part.selected.images, self.automation.metadata, who)
        manager, base = self.drafting.manager.to(self.draft.base), Base(commit=self.draft.commit)
        proposal = await self.limiter.run(self.drafting.apply, manager, base, part.selected, [gate])
        self.refused += [hold for hold in proposal.holds if hold not in part.proposal.holds]
        return replace(part, proposal=proposal)

    async def _who_closed(self, pull: PullRequest) -> str:
        """Return who closed a pull request; what the report says of it already is not asked again."""
        told = next((each.by for each in self.before.held if each.commit == pull.head_sha and each.by), "")
        return told or await self.desk.ask(self.desk.forge.who_closed(pull.number))

    def _text(self, part: Part) -> Text:
        """Word a part. Blocks."""
        content = self.drafting.content(part, self.draft)
        title, text = wording.title(self.drafting.settings, content), wording.body(self.drafting.settings, content)
        note = Note(
            automation=self.drafting.mark,
            scope=part.scope.name,
            choices=tuple(refusals.choices(part.proposal, part.selected.images).values()),
            title=section.digest(title),
            text=section.digest(text),
        )
        return Text(title=title, text=text, note=note)

    async def _more(self, part: Part, text: Text) -> str:
        """Return what a description says besides, and is not written anew for: links, and notes as far as they fit."""
        steps, settings = self.drafting.content(part, self.draft).steps, self.drafting.settings
        links = await origins.section(steps, self.drafting.origins) if settings.links else ""
        room = self.desk.forge.longest - len(text.text) - len(links) - _MARGIN
        said = await self.notes.section(steps, room) if self.notes is not None else ""
        return "\n\n".join(filter(None, (links, said)))

    async def _push(self, place: Place, part: Part) -> str:
        """Commit and push what a part proposes, as any other push is: recorded before it, told after it."""
        images = part.selected.images
        made = await self.limiter.run(
            place.manager.commit, place.checked_out, place.base, part.proposal, images, self.run.now()
        )
        await current.confirm(self.client, self.automation, part.selected, part.proposal, self.run.now())
        record = pushes.recorded(made, part.proposal, follows=self.run.status.last_push_commit)
        planned = report.PullRequest(branch=made.branch, scope=part.scope.name, head=made.commit)
        await pushes.record(self.run, self._planning(planned), record)
        try:
            made = await place.manager.deliver(place.checked_out, made, part.proposal.edits)
        except (git.NonFastForward, git.Damaged) as error:
            raise Conflict(f"branch '{made.branch}' moved meanwhile: {error.message}") from error
        await self.announcer.tell(self.automation, self.run, made)
        await self.run.save()
        self.push = record.named(made.commit)
        return made.commit

    def _planning(self, planned: report.PullRequest) -> Report:
        """Return the report as it is to be if nothing comes after the next step."""
        open_ = {each.branch: each for each in (*self.before.pull_requests, *self.now.values())}
        open_.setdefault(planned.branch, planned)
        return msgspec.structs.replace(self.before, pull_requests=tuple(open_.values()))

    # What is told.

    async def _tell(self) -> None:
        before = {each.number: each for each in self.before.pull_requests if each.number}
        now = {each.number: each for each in self.now.values() if each.number}
        for number, opened in now.items():
            if number not in before:
                await telling.opened(self.run, opened)
        for number, gone in before.items():
            if number not in now:
                await telling.ended(self.run, self.desk, gone, self.seen.values())
