"""Taking back around a run: what a person asks for, and what fails where the owner wants failures taken back.

Both become one draft of a commit; the reconciler records and pushes it as it does its own, before it updates anything.
Nothing is remembered but what Git remembers: a request is known again by its name in the commit, and what was taken
back does not stand any more.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec

from gotk.api import extensions
from gotk.api.helm import HelmRelease
from gotk.api.image import ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.api.meta import Object
from gotk.api.source import GitRepository
from gotk.git import errors as git
from gotk.runtime import conditions
from gotk.runtime.clock import parse_rfc3339, rfc3339
from gotk.runtime.errors import Conflict, Stalled
from gotk.runtime.reconciler import Key, Reader, Run
from image_automation import ports, report
from image_automation.gating import freeze
from image_automation.gating.facts import INVALID, Misread
from image_automation.gating.freeze import Freeze, Frozen
from image_automation.recovering import choosing, deployments, judging, past_edits, request, taking_back
from image_automation.recovering.deployments import Deployment, Reads
from image_automation.recovering.past_edits import At, History
from image_automation.recovering.request import Request
from image_automation.report import Answer, Recovered, Recovery, Report
from image_automation.selection import Selection
from image_automation.update.proposal import Proposal
from image_automation.writing import checkout, provenance, tree
from image_automation.writing.provenance import TakingBack
from image_automation.writing.source_manager import CheckedOut, PushResult, SourceManager

REVERT: Final = "revert"
REVERT_ALWAYS: Final = "revert-during-freeze"
#: What a build of a Kustomization reads of a commit; None where it does not get as far as that. Blocks.
Reading: TypeAlias = Callable[[ports.Repository, str, Kustomization], Reads | None]
#: Every kind that deploys, and tells how that went.
DEPLOYERS: Final[Sequence[type[Object]]] = (Kustomization, HelmRelease)
#: The verdict of a failure that is to be taken back by a pull request.
PROPOSED: Final = "proposed"
_TAKEN: Final = "UpdateTakenBack"
_TAKING: Final = "UpdateTakeBackProposed"
_FAILED: Final = "UpdateFailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What there may be to take back: a `request`, or failures among what deploys.

    `frozen` is by policy, `recovered` is what was taken back of late, and `reads` tells what a failing build reads.
    """

    request: Request | None = None
    deploys: Sequence[Deployment] = ()
    stale: str = ""
    frozen: Mapping[str, str]
    recovered: Sequence[tuple[str, str, int]] = ()
    reads: Callable[[ports.Repository, Deployment], Reads | None] = lambda _, __: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What came of it: an answer to the request, a judgement, and a commit where something is taken back.

    Where that is to be proposed it is not `made` yet, but on top of `checked_out`, as `taking` says, under `message`.
    """

    answer: Answer | None = None
    recovery: Recovery | None = None
    checked_out: CheckedOut | None = None
    proposal: Proposal | None = None
    made: PushResult | None = None
    taking: TakingBack | None = None
    message: str = ""

    def proposed(self, pull: report.PullRequest) -> "Draft":
        """Say that it is done once a pull request is merged, or why there is none yet."""
        what = f"#{pull.number}: {pull.url}" if pull.number else pull.note
        answer, recovery = self.answer, self.recovery
        if answer is not None:
            message = f"{answer.message}; proposed as pull request {what}"
            answer = msgspec.structs.replace(answer, message=message, commit=pull.head)
        if recovery is not None:
            cause = f"it is taken back once pull request {f'#{pull.number}' if pull.number else what} is merged"
            message = f"{recovery.message}; {cause}"
            recovery = msgspec.structs.replace(recovery, verdict=PROPOSED, message=message, cause=cause)
        return Draft(answer=answer, recovery=recovery)

    def refused(self, cause: str) -> "Draft":
        """Say that it cannot be taken back after all, or not by us: no commit is made."""
        answer, recovery = self.answer, self.recovery
        if answer is not None:
            answer = msgspec.structs.replace(answer, message=cause, commit="")
        if recovery is not None:
            message = f"{recovery.message}; it cannot be taken back: {cause}"
            recovery = msgspec.structs.replace(recovery, verdict="stopped", message=message, cause=cause)
        return Draft(answer=answer, recovery=recovery)

    def made_as(self, name: str) -> "Draft":
        """Return the same with the name that the commit has on its branch."""
        if self.answer is None or self.made is None or self.answer.commit != self.made.commit:
            return self
        return replace(self, answer=msgspec.structs.replace(self.answer, commit=name))


def opted_in(automation: ImageUpdateAutomation) -> bool:
    """Tell whether the owner wants what fails taken back. Raises Stalled for an annotation that says something else."""
    said = automation.metadata.annotations.get(extensions.ON_FAILURE)
    if said not in {None, REVERT, REVERT_ALWAYS}:
        raise Stalled(
            INVALID,
            f"annotation {extensions.ON_FAILURE}: '{str(said)[:64]}' is neither {REVERT} nor {REVERT_ALWAYS}",
        )
    return said is not None


def wanted(
    automation: ImageUpdateAutomation,
    source: GitRepository,
    selected: Selection,
    now: datetime,
    *,
    objects: Reader,
    seen: Collection[type[Object]],
    reading: Reading,
) -> Wanted | None:
    """Say what there may be to take back; None where nothing is asked for and nothing fails. Raises Stalled."""
    try:
        asked = request.read(automation.metadata.annotations)
    except ValueError as error:
        raise Stalled(INVALID, str(error)) from None
    failing: Sequence[Deployment] = ()
    if opted_in(automation):
        failing = deploys(source, objects, seen)
    if asked is None and not judging.may_judge(failing):
        return None
    passes = asked is None and automation.metadata.annotations[extensions.ON_FAILURE] == REVERT_ALWAYS
    stopped = {} if passes else frozen(automation, selected, now)
    return Wanted(
        request=asked,
        deploys=failing,
        stale=_stale(source),
        frozen=stopped,
        reads=_reads(failing, objects, reading),
        recovered=[
            (each.failing, each.commit, int(parse_rfc3339(each.at).timestamp()))
            for each in _of_late(report.read(automation.metadata.annotations), now)
        ],
    )


def draft(manager: SourceManager, wanted: Wanted, now: datetime, *, proposing: bool = False) -> Draft:
    """Decide, and commit what is taken back unless it is to be proposed; nothing is pushed yet. Blocks."""
    try:
        return _draft(manager, wanted, now, proposing=proposing)
    except git.Damaged as error:
        raise Conflict(error.message) from error
    except git.Error as error:
        raise checkout.failed(error.message) from error


def _draft(manager: SourceManager, wanted: Wanted, now: datetime, *, proposing: bool) -> Draft:
    checked_out = manager.checkout()
    base = replace(next(manager.bases(checked_out)), mark="")  # a branch that takes back is not to be made anew
    history = _own(past_edits.read(manager.repository, base.commit, manager.spec.commit.author.email), manager)
    if wanted.request:
        found = _asked(manager, wanted.request, wanted.frozen, history)
    else:
        found = _judged(manager, wanted, history, now)
    if found.taking is None:
        return found.draft
    try:
        proposal = taking_back.proposal(manager.repository, base.commit, found.values)
    except taking_back.LeftAloneError as error:
        return found.draft.refused(str(error))
    automation = Key(manager.automation.metadata.namespace, manager.automation.metadata.name)
    message = provenance.taking_back_message(automation, proposal.files, found.taking, found.why)
    ready = replace(found.draft, checked_out=checked_out, proposal=proposal, taking=found.taking, message=message)
    if proposing:
        return ready
    made = manager.record(checked_out, base, proposal, message, now)
    return replace(ready, answer=found.done(made.commit).answer, made=made)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What was decided: what to write back as whose wish and why, and what is said of it."""

    draft: Draft
    taking: TakingBack | None = None
    values: Mapping[At, str] = field(default_factory=dict)
    why: str = ""

    def done(self, commit: str) -> Draft:
        """Say which commit carries a request out."""
        answer = self.draft.answer
        return replace(self.draft, answer=answer and msgspec.structs.replace(answer, commit=commit))


def _asked(manager: SourceManager, asked: Request, frozen: Mapping[str, str], history: History) -> _Found:
    """Choose what a request means, unless it has been carried out: a manifest may bring it back again and again."""
    told = report.read(manager.automation.metadata.annotations).answer
    if told is not None and told.commit and told.request == asked.id:
        return _Found(draft=Draft(answer=told))
    for commit in history.commits:
        if commit.takes_back is not None and commit.takes_back.request == asked.id:
            return _Found(draft=Draft(answer=Answer(request=asked.id, message=asked.sentence, commit=commit.id)))

    def held(commit: str, at: At) -> str | None:
        return past_edits.values_at(manager.repository, commit, at.path).get(at.place)

    try:
        chosen = choosing.chosen(history, asked, held)
        if not asked.during_freeze:
            choosing.refuse_frozen(chosen, frozen)
    except choosing.NothingToRollBackError as error:
        return _Found(draft=Draft(answer=Answer(request=asked.id, message=str(error))))
    return _Found(
        draft=Draft(answer=Answer(request=asked.id, message=asked.sentence)),
        taking=TakingBack(chosen.commits, wanted_by=asked.by or "somebody", request=asked.id),
        values=chosen.values,
        why=asked.sentence,
    )


def _judged(manager: SourceManager, wanted: Wanted, history: History, now: datetime) -> _Found:
    facts = judging.Facts(
        history=history,
        recovered=wanted.recovered,
        deployments=[replace(each, reads=wanted.reads(manager.repository, each)) for each in wanted.deploys],
        now=int(now.timestamp()),
        stale=wanted.stale,
        frozen=wanted.frozen,
    )
    judged = judging.judge(facts)
    if judged.verdict == "well":
        return _Found(draft=Draft())
    recovery = Recovery(verdict=judged.verdict, failing=judged.failing, message=judged.message, cause=judged.cause)
    taking = TakingBack(judged.commits, recovers=judged.failing) if judged.values else None
    return _Found(draft=Draft(recovery=recovery), taking=taking, values=judged.values, why=judged.message)


def _reads(
    deploys: Sequence[Deployment], objects: Reader, reading: Reading
) -> Callable[[ports.Repository, Deployment], Reads | None]:
    """Make what tells what failing builds read, which is asked on a thread and looks at no object then."""
    failed = [each for each in deploys if each.ours and each.kind == "Kustomization" and each.standing == "failed"]
    built = {each.key: objects.get(Kustomization, *each.key) for each in failed}

    def reads(repository: ports.Repository, deployment: Deployment) -> Reads | None:
        obj = built.get(deployment.key) if deployment.kind == "Kustomization" else None
        return reading(repository, deployment.tried, obj) if obj is not None else None

    return reads


def deploys(source: GitRepository, objects: Reader, seen: Collection[type[Object]]) -> Sequence[Deployment]:
    """Return what deploys, as facts about an automation's repository."""
    key = Key(source.metadata.namespace, source.metadata.name)
    kustomizations = objects.list(Kustomization) if Kustomization in seen else ()
    return deployments.of(key, kustomizations, objects.list(HelmRelease) if HelmRelease in seen else ())


def _own(history: History, manager: SourceManager) -> History:
    """Leave out the edits that another automation would make: of other folders, or for policies of other namespaces."""
    below, namespace = tree.below(manager.automation.spec.update.path), manager.automation.metadata.namespace
    own = (each for each in history.edits if deployments.is_below(each.path, below))
    return replace(history, edits=tuple(each for each in own if each.at.place.setter.startswith(f"{namespace}:")))


def frozen(automation: ImageUpdateAutomation, selected: Selection, now: datetime) -> dict[str, str]:
    """Return by policy why nothing may be written, the policy without a name being all of them."""
    every: dict[str, Callable[[], Freeze | Frozen | None]] = {}
    every[""] = partial(freeze.whole, automation.metadata.annotations, selected.around, now)
    every |= {name: partial(freeze.of, each.metadata.annotations, now) for name, each in selected.policies.items()}
    found = ((name, _sentence(ask)) for name, ask in every.items())
    return {name: sentence for name, sentence in found if sentence}


def _sentence(ask: Callable[[], Freeze | Frozen | None]) -> str:
    """Say why a freeze stops writing; one that is misread is taken for one, and holds nobody else up."""
    try:
        found = ask()
    except Misread as error:
        return f"taken for frozen: {error}"
    return found.sentence if found is not None else ""


def _stale(source: GitRepository) -> str:
    ready = next((each for each in source.status.conditions if each.type == conditions.READY), None)
    return ready.message if ready is not None and ready.status == "False" else ""


# What is said of it.


async def ended(run: Run[Any], before: Report) -> Report:
    """Say that nothing fails, or not any more."""
    run.conditions.delete(extensions.UPDATE_FAILED)
    if before.recovery is None:
        return before
    now = msgspec.structs.replace(before, recovery=None)
    await run.annotate({extensions.REPORT: report.write(now)})
    return now


async def told(run: Run[Any], before: Report, wanted: Wanted, found: Draft) -> Report:
    """Say what was found, and write it down; a request is taken away, for it is done."""
    if wanted.request is not None:
        now = msgspec.structs.replace(before, answer=found.answer)
        await run.annotate({extensions.REPORT: report.write(now), extensions.ROLLBACK: None})
        if found.answer is not None and not found.answer.commit:
            run.event("Warning", "RollbackRefused", f"nothing is rolled back: {found.answer.message}")
        return now
    if found.recovery is None:
        return await ended(run, before)
    _show(run, before.recovery, found.recovery)
    taken: tuple[Recovered, ...] = ()
    if found.made is not None:
        taken = (Recovered(failing=found.recovery.failing, commit=found.made.commit, at=rfc3339(run.now())),)
    recovered = (*_of_late(before, run.now()), *taken)
    now = msgspec.structs.replace(before, recovery=found.recovery, recovered=recovered)
    await run.annotate({extensions.REPORT: report.write(now)})
    return now


def _of_late(found: Report, now: datetime) -> tuple[Recovered, ...]:
    """Return what was taken back so lately that the breaker counts it; it outlives the history that is read."""
    since = rfc3339(now - timedelta(seconds=judging.WITHIN))
    return tuple(each for each in found.recovered if each.at >= since)


def _show(run: Run[Any], before: Recovery | None, now: Recovery) -> None:
    """Say in a condition what fails and what is done about it, and in an event where that is news."""
    reason = {"take back": _TAKEN, PROPOSED: _TAKING}.get(now.verdict, _FAILED)
    run.conditions.mark_true(extensions.UPDATE_FAILED, reason, now.message)
    if before is None or before.identity != now.identity:
        run.log.warning("an update fails", failing=now.failing, verdict=now.verdict, cause=now.cause)
        run.event("Warning", reason, now.message)
