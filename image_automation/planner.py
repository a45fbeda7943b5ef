"""What an automation would write now, as a plan with an identity; and writing exactly that plan, once, for a person.

Made by the code that a run decides with, on the same mirror. The identity stands for the commits that it was made of
and for every byte that it writes: where any of these has moved, nothing is written. What is written is recorded before
it is pushed, by a request of the person (ADR 0061). A run tells of it, or the status while there are none.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar
from weakref import WeakValueDictionary

import msgspec

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.meta import REQUESTED_AT, Object
from gotk.bounded import Bounded
from gotk.git import errors as git
from gotk.kube import errors as kube
from gotk.runtime.clock import Clock, rfc3339
from gotk.runtime.errors import Conflict, ReconcileError
from gotk.runtime.reconciler import Reader
from image_automation import bumps, current, ports, pushes, report, unresolved
from image_automation import desk as desks
from image_automation.bumps import Bump, FirstSeen
from image_automation.desk import Desk
from image_automation.pull_requests import access, drafting, settings
from image_automation.report import Report
from image_automation.selection import Selection
from image_automation.update.proposal import Proposal
from image_automation.writing import push_branch, remembered
from image_automation.writing.source_manager import CheckedOut, PushResult, SourceManager

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type
#: For how many seconds a plan is shown before the remote is asked again, and how many are kept.
_FRESH: Final = 20.0
_KEPT: Final = 64
_IDENTITY: Final = 24


class MovedError(Exception):
    """What a plan was made of is not so any more: the message says what."""


class CannotPlanError(Exception):
    """There is no plan: the message says why."""


class Writes(ports.Policies, Protocol):
    """Reads objects from the API, and patches them. Raises the errors of `gotk.kube.errors`."""

    async def merge_patch(
        self, kind: type[O], namespace: str, name: str, patch: Mapping[str, Any], *, subresource: str = ""
    ) -> O:
        """Merge fields into an object, or its status."""
        ...


class Asks(Protocol):
    """The cluster as the person reaches it who wants a plan written. Raises the errors of `gotk.kube.errors`."""

    async def merge_patch(self, kind: type[O], namespace: str, name: str, patch: Mapping[str, Any]) -> O:
        """Merge fields into an object."""
        ...


@dataclass(frozen=True, slots=True)
class Edited:
    """A file before and after."""

    path: str
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What would be written: on top of `base`, to which branch; nothing where the identity is empty.

    With `proposes` it becomes pull requests, which nobody writes by hand. `report` has what is held and has no effect.
    """

    identity: str
    revision: str
    base: str
    branch: str
    bumps: tuple[Bump, ...]
    report: Report
    files: tuple[Edited, ...]
    current: int
    proposes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A plan that was written: its commit, and what is to be said of it."""

    commit: str
    summary: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What is checked out, what is to change there, and on top of what; on top of nothing where it is there already."""

    checked_out: CheckedOut
    base: push_branch.Base | None
    proposal: Proposal

    @property
    def commit(self) -> str:
        """The commit that the files are read from."""
        return self.base.commit if self.base is not None else self.checked_out.commit

    @property
    def identity(self) -> str:
        """Name the commits that a plan rests on and the bytes that it writes."""
        if self.base is None:
            return ""
        edits = {path: hashlib.sha256(content).hexdigest() for path, content in self.proposal.edits.items()}
        parts = (self.checked_out.commit, self.checked_out.tip, self.base.commit, self.base.mark, edits)
        return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:_IDENTITY]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A plan with what it was made of."""

    manager: SourceManager
    draft: Draft
    plan: Planned


@dataclass(frozen=True, slots=True)
class _Kept:
    key: tuple[object, ...]
    until: float
    drawn: Drawn


class Planner:
    """Makes plans, and writes them."""

    def __init__(self, *, objects: Reader, client: Writes, desk: Desk, clock: Clock, first_seen: FirstSeen) -> None:
        self._objects = objects
        self._client = client
        self._desk = desk
        self._clock = clock
        self._first_seen = first_seen
        self._kept: Bounded[tuple[str, str], _Kept] = Bounded(_KEPT)
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def drawn(self, automation: ImageUpdateAutomation) -> Drawn:
        """Return what an automation would write now, and what that is made of. Raises CannotPlanError, and APIError."""
        where = (automation.metadata.namespace, automation.metadata.name)
        async with self._turns.setdefault(where, asyncio.Lock()):
            try:
                key = self._key(automation)
                kept = self._kept.get(where)
                if kept is not None and kept.key == key and self._clock.monotonic() < kept.until:
                    return kept.drawn
                selected = await self._desk.selected(automation)
                manager, proposes = await self._manager(automation)
                drawn = await self._desk.limiter.run(self._draw, manager, selected, proposes=proposes)
            except (ReconcileError, git.Error) as error:
                raise CannotPlanError(error.message) from error
            self._kept.put(where, _Kept(key, self._clock.monotonic() + _FRESH, drawn))
            return drawn

    async def write(self, namespace: str, name: str, identity: str, person: Asks) -> Written:
        """Write a plan, and only it, by the person's rights. Raises MovedError, CannotPlanError and APIError."""
        automation = await self._client.get(ImageUpdateAutomation, namespace, name)
        try:
            manager, proposes = await self._manager(automation)
            if proposes:
                raise CannotPlanError("its changes become pull requests: merge these")
            source = self._desk.source(automation)
            async with self._desk.lock(source.spec.url, manager.target.branch):
                made = await self._pushed(automation, manager, identity, person)
        except (git.NonFastForward, Conflict, kube.Conflict) as error:
            raise MovedError(f"nothing was written: {error.message}") from error
        except (ReconcileError, git.Error) as error:
            raise CannotPlanError(error.message) from error
        finally:
            self._kept.pop((namespace, name))
        return Written(commit=made.commit, summary=made.summary)

    async def _pushed(
        self, automation: ImageUpdateAutomation, manager: SourceManager, identity: str, person: Asks
    ) -> PushResult:
        run, now, selected = self._desk.limiter.run, self._clock.now(), await self._desk.selected(automation)
        draft = await run(self._draft, manager, selected, now)
        if draft.base is None:
            raise MovedError("nothing was written: by now there is nothing to write, or it is held")
        if draft.identity != identity:
            raise MovedError("nothing was written: the branch, the choices or the files have moved since this plan")
        before = report.read(automation.metadata.annotations)
        untold = pushes.untold(before, automation.status)
        if untold is not None and await run(manager.arrived, untold) is not None:
            raise MovedError(f"nothing was written: its next run has to tell of {untold.commit[:12]} first")
        made = await run(manager.commit, draft.checked_out, draft.base, draft.proposal, selected.images, now)
        await current.confirm(self._client, automation, selected, draft.proposal, now)
        push = pushes.recorded(made, draft.proposal, follows=automation.status.last_push_commit)
        await _record(person, automation, msgspec.structs.replace(before, push=push), now)
        made = await manager.deliver(draft.checked_out, made, draft.proposal.edits)
        await run(manager.push_refspec, draft.checked_out, made)
        if automation.spec.suspend:
            await self._settle(automation, made, now)
        return made

    async def _settle(self, automation: ImageUpdateAutomation, made: PushResult, now: datetime) -> None:
        """Let the status know of a push that no run tells of. Raises APIError."""
        status = {"lastPushCommit": made.commit, "lastPushTime": rfc3339(now)}
        meta = automation.metadata
        await self._client.merge_patch(
            ImageUpdateAutomation, meta.namespace, meta.name, {"status": status}, subresource="status"
        )

    def _key(self, automation: ImageUpdateAutomation) -> tuple[object, ...]:
        """Return what a plan depends on besides the remote and the time."""
        policies = self._objects.list(ImagePolicy, automation.metadata.namespace)
        source = self._desk.source(automation)
        versions = tuple(each.metadata.resource_version for each in policies)
        return (automation.metadata.resource_version, source.metadata.resource_version, versions)

    async def _manager(self, automation: ImageUpdateAutomation) -> tuple[SourceManager, bool]:
        desks.check(automation)
        source = self._desk.source(automation)
        manager = await self._desk.manager(automation, source)
        asked = settings.read(automation)
        if asked is None:
            return manager, False
        access.check(asked, source)
        return drafting.on_base(manager, asked), True

    def _draft(self, manager: SourceManager, selected: Selection, now: datetime) -> Draft:
        checked_out = manager.checkout()
        closed = remembered.closed(manager.automation)
        return Draft(checked_out, *self._desk.decide(manager, checked_out, selected, now, more=[closed]))

    def _draw(self, manager: SourceManager, selected: Selection, *, proposes: bool) -> Drawn:
        """Make a plan; on a thread."""
        automation, now = manager.automation, self._clock.now()
        draft = self._draft(manager, selected, now)
        edits = draft.proposal.edits if draft.base is not None else {}
        changes = ((file.path, change) for file, change in draft.proposal.changes if draft.base is not None)
        elsewhere = unresolved.elsewhere(self._objects)

        def why(setter: str) -> str | None:
            return unresolved.why(setter, automation.metadata.namespace, selected, elsewhere)

        plan = Planned(
            identity=draft.identity,
            revision=draft.checked_out.revision,
            base=draft.commit,
            branch=draft.checked_out.target.branch,
            bumps=bumps.steps(changes, self._first_seen),
            report=report.of(draft.proposal, why, None, report.read(automation.metadata.annotations), now),
            files=tuple(Edited(path, read(manager, draft.commit, path), edits[path]) for path in sorted(edits)),
            current=sum(file.current for file in draft.proposal.files),
            proposes=proposes,
        )
        return Drawn(manager=manager, draft=draft, plan=plan)


def read(manager: SourceManager, commit: str, path: str) -> bytes:
    """Return what a file holds as of a commit. Blocks; raises the errors of `gotk.git.errors`."""
    return manager.repository.read(manager.repository.node(commit, path).id)


async def _record(person: Asks, automation: ImageUpdateAutomation, found: Report, now: datetime) -> None:
    """Write down as the person what is about to be pushed, if the object is as it was read. Raises APIError."""
    meta = automation.metadata
    annotations = {extensions.REPORT: report.write(found), REQUESTED_AT: rfc3339(now)}
    patch = {"metadata": {"annotations": annotations, "resourceVersion": meta.resource_version}}
    await person.merge_patch(ImageUpdateAutomation, meta.namespace, meta.name, patch)
