"""The ImageUpdateAutomation: what the policies chose, written into the marked files, committed and pushed.

Answers to Flux's image automation controller: the same policies, branches, conditions, messages and events. Unlike it a
run works on a bare mirror without a work tree, changes no byte outside a marked value, and when another push came first
it fetches and decides anew at once. A run that died is repeated, and finds its own commit already there; what it could
not tell of is told then (`pushes`), and nothing is pushed that rests on older choices than the API's (`current`).
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation, ImageUpdateAutomationStatus
from gotk.api.meta import Object
from gotk.api.source import GitRepository
from gotk.git import errors as git
from gotk.runtime.clock import Clock, rfc3339
from gotk.runtime.conditions import Rules
from gotk.runtime.errors import Conflict, Retry
from gotk.runtime.reconciler import Outcome, Reader, Run, Watch
from image_automation import (
    current,
    freshness,
    gatekeeping,
    ports,
    pushes,
    recovery,
    report,
    report_status,
    returns,
    selection,
    triggers,
    unresolved,
)
from image_automation import desk as desks
from image_automation.bumps import FirstSeen
from image_automation.desk import Desk
from image_automation.pull_requests import access, drafting, settings
from image_automation.pull_requests.drafting import Drafting
from image_automation.pull_requests.keeping import Kept, PullRequests
from image_automation.pull_requests.origins import Origins
from image_automation.pull_requests.settings import Settings
from image_automation.report import Push, Report
from image_automation.selection import Selection
from image_automation.update.proposal import Proposal
from image_automation.writing.source_manager import CheckedOut, PushResult, SourceManager, push_failed

_ATTEMPTS = 12
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0
UP_TO_DATE = "repository up-to-date"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """What is to become of the repository. `proposal` is None where there is nothing new to look at.

    `made` is the commit that brings it about, where one is needed.
    """

    checked_out: CheckedOut
    proposal: Proposal | None = None
    made: PushResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Update:
    """What became of the repository: `push` is to be told, `record` is what the report says of the last one.

    `kept` are the pull requests, where they are asked for instead of a push to the branch; `before` is the report with
    what was taken back by them.
    """

    revision: str
    proposal: Proposal | None = None
    push: PushResult | None = None
    record: Push | None = None
    kept: Kept | None = None
    before: Report | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """What runs before this one left: their report, and a commit that they pushed and did not tell of.

    With `is_open` the report names a push that the status does not know of; without `owed` it never arrived.
    """

    report: Report
    is_open: bool = False
    owed: PushResult | None = None

    @property
    def push(self) -> Push | None:
        """The last push that there was."""
        return None if self.is_open and self.owed is None else self.report.push


class ImageUpdateAutomationReconciler:
    """Keeps the marked images of a Git repository at what the policies of a namespace chose."""

    kind = ImageUpdateAutomation
    controller = "image-automation-controller"
    rules: Rules = Rules(keeps_false=True)
    unsupported: Sequence[str] = ()

    def __init__(
        self,
        *,
        objects: Reader,
        client: ports.Policies,
        desk: Desk,
        clock: Clock,
        jitter: random.Random,
        deployers: Collection[type[Object]],
        reading: recovery.Reading,
        first_seen: FirstSeen,
        origins: Origins,
    ) -> None:
        """Take what it works with.

        Of the kinds in `deployers` it is seen whether what was updated fails; `reading` tells what a build reads.
        `first_seen` tells since when a policy's version is known,
        `origins` reads its image's labels.
        """
        self._objects = objects
        self._client = client
        self._desk = desk
        self._limiter = desk.limiter
        self._clock = clock
        self._jitter = jitter
        self._deployers = deployers
        self._reading = reading
        self.watches: Sequence[Watch[Any]] = (*triggers.WATCHES, *map(triggers.of_deployer, deployers))
        self._first_seen = first_seen
        self._origins = origins
        self._announcer = pushes.Announcer()
        self._pull_requests = PullRequests(
            client=client, access=desk.forges, limiter=desk.limiter, announcer=self._announcer
        )
        self._returns = returns.Returns(
            objects=objects,
            deployers=deployers,
            reading=reading,
            limiter=desk.limiter,
            pull_requests=self._pull_requests,
        )

    def without_times(self, status: ImageUpdateAutomationStatus) -> ImageUpdateAutomationStatus:
        """Return a status but for when the last run was."""
        return msgspec.structs.replace(status, last_automation_run_time="")

    async def reconcile(self, obj: ImageUpdateAutomation, run: Run[ImageUpdateAutomationStatus]) -> Outcome:
        """Bring the push branch to what the policies chose."""
        run.update(last_automation_run_time=rfc3339(run.now()))
        desks.check(obj)
        selected = await self._desk.selected(obj)
        frozen = gatekeeping.show(obj, selected, run)
        source = self._desk.source(obj)
        manager = await self._desk.manager(obj, source)
        if (asked := settings.read(obj)) is not None:
            access.check(asked, source)
        async with self._desk.lock(source.spec.url, manager.target.branch):
            target = manager if asked is None else drafting.on_base(manager, asked)
            past = await self._past(manager)
            if asked is None:
                past = await self._take_back(target, source, selected, run, past)
                update = await self._update(manager, selected, run, past)
            else:
                wanted = self._drafting(asked, manager, selected, run)
                update = await self._propose(wanted, target, source, run, past)
        before = update.before or past.report
        past = replace(past, report=msgspec.structs.replace(before, frozen=frozen))
        found = await self._report(obj, selected, update, run, past)
        if update.kept is not None and update.kept.failure is not None:
            raise update.kept.failure
        return _outcome(obj, update, found, run.now())

    async def finalize(self, obj: ImageUpdateAutomation, run: Run[ImageUpdateAutomationStatus]) -> None:
        """Forget its tokens and what it looked at; what was said of the object is in its status."""
        del run
        await self._desk.forget(obj)

    # The update.

    async def _past(self, manager: SourceManager) -> _Past:
        """See what the runs before this one left; only where there is something to settle the remote is asked."""
        before = report.read(manager.automation.metadata.annotations)
        untold = pushes.untold(before, manager.automation.status)
        if untold is None:
            return _Past(report=before)
        owed = await self._limiter.run(manager.arrived, untold)
        known = untold if owed is None else untold.named(owed.commit)
        return _Past(report=msgspec.structs.replace(before, push=known), is_open=True, owed=owed)

    async def _take_back(
        self,
        manager: SourceManager,
        source: GitRepository,
        selected: Selection,
        run: Run[ImageUpdateAutomationStatus],
        past: _Past,
    ) -> _Past:
        """Take back what is asked for, or fails; the push is owed to the update that follows, which tells of it."""
        wanted = recovery.wanted(
            manager.automation,
            source,
            selected,
            run.now(),
            objects=self._objects,
            seen=self._deployers,
            reading=self._reading,
        )
        if wanted is None:
            return replace(past, report=await recovery.ended(run, past.report))
        draft = await self._limiter.run(recovery.draft, manager, wanted, run.now())
        try:
            past = await self._push_back(manager, run, past, draft)
            draft = draft.made_as(past.owed.commit) if past.owed is not None else draft
        except Retry as error:
            if not isinstance(error.__cause__, git.Rejected):
                raise
            draft = draft.refused(error.message)
        return replace(past, report=await recovery.told(run, past.report, wanted, draft))

    async def _push_back(
        self, manager: SourceManager, run: Run[ImageUpdateAutomationStatus], past: _Past, draft: recovery.Draft
    ) -> _Past:
        if draft.made is None or draft.proposal is None or draft.checked_out is None:
            return past
        if past.owed is not None:
            await self._announcer.tell(manager.automation, run, past.owed.alone)
            await run.save()
        record = pushes.recorded(draft.made, draft.proposal, follows=run.status.last_push_commit)
        await pushes.record(run, past.report, record)
        try:
            made = await manager.deliver(draft.checked_out, draft.made, draft.proposal.edits)
        except (git.NonFastForward, git.Damaged) as error:
            raise Conflict(f"another push came before the rollback: {error.message}") from error
        done = msgspec.structs.replace(past.report, push=record.named(made.commit))
        return _Past(report=done, is_open=True, owed=made)

    async def _update(
        self, manager: SourceManager, selected: Selection, run: Run[ImageUpdateAutomationStatus], past: _Past
    ) -> _Update:
        """Do the work; when another push came first do it anew, with a wait that grows."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._attempt(manager, selected, run, past)
            except (git.NonFastForward, git.Damaged) as error:
                if attempt == _ATTEMPTS or (isinstance(error, git.Damaged) and attempt > 1):
                    raise push_failed(error) from error
                run.log.info("starting over", attempt=attempt, cause=error.message)
                longest = min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT)
                await self._clock.sleep(self._jitter.uniform(0, longest))  # apart, or the same ones collide again
        raise AssertionError("the last attempt returns or raises")

    def _drafting(
        self, asked: Settings, manager: SourceManager, selected: Selection, run: Run[ImageUpdateAutomationStatus]
    ) -> Drafting:
        return Drafting(
            manager=manager,
            settings=asked,
            selected=selected,
            apply=lambda *what: self._desk.apply(*what, now=run.now()),
            first_seen=self._first_seen,
            origins=self._origins,
        )

    async def _propose(
        self,
        wanted: Drafting,
        target: SourceManager,
        source: GitRepository,
        run: Run[ImageUpdateAutomationStatus],
        past: _Past,
    ) -> _Update:
        """Keep pull requests, in the place of a push to the branch; first those that take something back."""
        if past.owed is not None:
            await self._announcer.tell(target.automation, run, past.owed)
            await run.save()
        before = msgspec.structs.replace(past.report, push=past.push)
        taken = await self._returns.take(wanted, target, source, run, before)
        kept = await self._pull_requests.keep(wanted, source, run, taken.report)
        agains = [each for each in (kept.again, taken.again) if each is not None]
        kept = replace(kept, again=min(agains, default=None))
        return _Update(revision=kept.revision, proposal=kept.proposal, record=kept.push, kept=kept, before=taken.report)

    async def _attempt(
        self, manager: SourceManager, selected: Selection, run: Run[ImageUpdateAutomationStatus], past: _Past
    ) -> _Update:
        """Check out, rewrite, commit, push. What blocks does so on a thread."""
        draft = await self._limiter.run(self._draft, manager, selected, run, look=past.is_open)
        checked_out, made = draft.checked_out, draft.made
        update = _Update(revision=checked_out.revision, proposal=draft.proposal, push=past.owed, record=past.push)
        if made is None or draft.proposal is None:
            if past.owed is not None and past.owed.commit == checked_out.tip:
                await self._limiter.run(manager.push_refspec, checked_out, past.owed)
            elif past.owed is not None:
                update = replace(update, push=past.owed.alone)
            return update
        if past.owed is not None:
            await self._announcer.tell(manager.automation, run, past.owed.alone)
            await run.save()
        record = pushes.recorded(made, draft.proposal, follows=run.status.last_push_commit)
        await current.confirm(self._client, manager.automation, selected, draft.proposal, run.now())
        await pushes.record(run, past.report, record)
        made = await manager.deliver(checked_out, made, draft.proposal.edits)
        await self._limiter.run(manager.push_refspec, checked_out, made)
        update = replace(update, push=made, record=record.named(made.commit))
        if checked_out.target.switches:
            return update
        return replace(update, revision=checked_out.target.wanted.revision(made.commit))

    def _draft(
        self, manager: SourceManager, selected: Selection, run: Run[ImageUpdateAutomationStatus], *, look: bool
    ) -> _Draft:
        """Check out, rewrite and commit; on a thread. Without `look` only where there may be something new."""
        automation = manager.automation
        checked_out = manager.checkout()
        if not (look or freshness.must_look(automation, manager.target, selected)) and (
            checked_out.revision == automation.status.observed_source_revision
        ):
            return _Draft(checked_out=checked_out)
        base, proposal = self._desk.decide(manager, checked_out, selected, run.now())
        if base is None:
            return _Draft(checked_out=checked_out, proposal=proposal)
        made = manager.commit(checked_out, base, proposal, selected.images, run.now())
        return _Draft(checked_out=checked_out, proposal=proposal, made=made)

    # The report.

    async def _report(
        self,
        automation: ImageUpdateAutomation,
        selected: Selection,
        update: _Update,
        run: Run[ImageUpdateAutomationStatus],
        past: _Past,
    ) -> Report:
        """Put into the status what was seen and pushed, and say once what had no effect."""
        if update.proposal is None:
            await run.annotate({extensions.REPORT: report.write(past.report)})
            return past.report
        run.update(observed_source_revision=update.revision, observed_policies=dict(selected.images))
        elsewhere = unresolved.elsewhere(self._objects)

        def why(setter: str) -> str | None:
            return unresolved.why(setter, automation.metadata.namespace, selected, elsewhere)

        now = report.of(update.proposal, why, update.record, past.report, run.now()).after(past.report)
        if update.kept is not None:
            now = msgspec.structs.replace(now, pull_requests=update.kept.pull_requests)
        now = msgspec.structs.replace(now, text_files=selection.text_files(automation).patterns).of(automation)
        report_status.show(run, past.report, now)
        if update.push is not None:
            await self._announcer.tell(automation, run, update.push)
        await run.annotate({extensions.REPORT: report.write(now)})
        return now


def _soon(update: _Update) -> Sequence[float]:
    return (update.kept.again,) if update.kept is not None and update.kept.again is not None else ()


def _outcome(automation: ImageUpdateAutomation, update: _Update, found: Report, now: datetime) -> Outcome:
    """Flux's message stays whole; what is not honoured stands behind it, where `kubectl get` shows it."""
    said = report_status.summary(found) if update.proposal is not None else ""
    frozen = found.frozen.message if found.frozen is not None and found.frozen.message not in said else ""
    besides = "; ".join(filter(None, (report_status.failing(found), frozen, said)))
    return Outcome(
        message=f"{UP_TO_DATE}; {besides}" if besides else UP_TO_DATE,
        requeue_after=gatekeeping.again(min((automation.spec.interval.seconds, *_soon(update))), found, now),
        changed=update.push is not None,
        told=update.push is not None,
        event=update.push.summary if update.push else UP_TO_DATE,
        trace=UP_TO_DATE if update.proposal is not None else "no change since last reconciliation",
        record=found,
    )
