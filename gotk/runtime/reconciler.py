"""The contract between a room and the runtime: what a reconciler is given, what it returns, what wakes it.

A reconciler's shape is fetch -> decide -> act -> return an Outcome, or raise one of `gotk.runtime.errors`. Getting the
object, suspend, finalizers, unsupported fields, status patches, conditions, events, metrics and the next run are the
controller's (`gotk.runtime.controller`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar, runtime_checkable

import msgspec
from structlog.typing import FilteringBoundLogger

from gotk.api.meta import Object, ReconcileStatus
from gotk.runtime.conditions import Conditions, Rules

O_contra = TypeVar("O_contra", bound=Object, contravariant=True)
O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as everywhere in this module
S = TypeVar("S", bound=ReconcileStatus)

#: A `Routine` is a Normal one of which the cluster keeps one where many say the same, a `Noted` one of which it keeps
#: none.
Severity = Literal["Normal", "Routine", "Noted", "Warning", "Trace"]


class Key(NamedTuple):
    """An object's namespace and name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Reader(Protocol):
    """Objects of the watched kinds, as the cache last saw them. Reading costs nothing."""

    def get(self, kind: type[O], namespace: str, name: str) -> O | None:
        """Return the object, or None where there is none."""
        ...

    def list(self, kind: type[O], namespace: str | None = None) -> Sequence[O]:
        """Return the objects of a namespace, or all of them."""
        ...


@dataclass(frozen=True, slots=True)
class Sifted:
    """Whom a change asks for something, and whom for nothing but a note of it. The former run first."""

    concerned: Sequence[Key]
    unconcerned: Sequence[Key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch(Generic[O]):
    """Another kind whose changes wake this one.

    `changed(old, new)` is asked on every event (`old` is None on creation, `new` is None on deletion);
    `requests(object, reader)` then names the objects to reconcile. Where there is `sift`, it is given all of those at
    once before any of them runs, and may take its time; those that are running are woken before.
    """

    kind: type[O]
    changed: Callable[[O | None, O | None], bool]
    requests: Callable[[O, Reader], Iterable[Key]]
    sift: Callable[[O, Sequence[Key]], Awaitable[Sifted]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended well.

    `message` (and `reason`, else the kind's success reason) become the Ready condition. `requeue_after` is in seconds;
    None waits for the next change. An event with `event` (else `message`) goes out as Normal when `changed` or when the
    object was not ready before, and as Trace with `trace` (else the same text) otherwise; none does where it was `told`
    during the run. With `routine` an object that was ready before tells as it always does. A run that is put off until
    `later` has done nothing: it is taken up again once nothing else is to be done at once. `record` is the room's own
    account of the run, for whoever runs a reconciler by itself.
    """

    message: str
    reason: str | None = None
    requeue_after: float | None = None
    changed: bool = False
    told: bool = False
    routine: bool = False
    later: bool = False
    event: str | None = None
    event_reason: str | None = None
    trace: str | None = None
    trace_reason: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    record: msgspec.Struct | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What a run would come to of which nothing comes but a revision: the status, Ready's message, and the event."""

    status: ReconcileStatus
    message: str
    event: str
    metadata: Mapping[str, str]


@dataclass(slots=True)
class Woken:
    """Whether something has asked for another run since this one began, and which object that was."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    by: str = ""

    def wake(self, by: str) -> None:
        """Say that an object (`GitRepository/apps/fleet`) asks for another run; the first one counts."""
        self.by = self.by or by
        self.event.set()


class Run(Protocol[S]):
    """One run over one object: its state so far and the way to say more."""

    #: The status to be: replace it with `msgspec.structs.replace`, or `update`. Conditions stand apart.
    status: S
    #: The conditions to be. The runtime owns Ready, Reconciling and Stalled; a reconciler marks the others.
    conditions: Conditions
    #: A logger bound to the object.
    log: FilteringBoundLogger
    #: Whether another run is asked for already, for what need not wait until this one ends.
    woken: Woken

    def now(self) -> datetime:
        """Return the current time, in UTC."""
        ...

    @property
    def requested(self) -> bool:
        """Whether `reconcile.fluxcd.io/requestedAt` holds a value that no run has handled."""
        ...

    def update(self, **fields: Any) -> None:
        """Replace fields of `status`."""
        ...

    async def progress(self, message: str, *, ready_unknown: bool = False) -> None:
        """Say what goes on: Reconciling with this message; Ready becomes Unknown where asked.

        It is written in a moment, unless the run says something else or ends before.
        """
        ...

    async def save(self) -> None:
        """Write status and conditions now, for what must not be lost if the rest fails."""
        ...

    async def annotate(self, annotations: Mapping[str, str | None]) -> None:
        """Write annotations of the object now; None takes one away. What is so already is not written."""
        ...

    def event(self, severity: Severity, reason: str, message: str, metadata: Mapping[str, str] | None = None) -> None:
        """Emit an event about the object besides the one that ends the run."""
        ...

    async def tell(
        self, severity: Severity, reason: str, message: str, metadata: Mapping[str, str] | None = None
    ) -> None:
        """Emit an event, and wait until it has been delivered or given up: for what must be told before it is settled.

        The wait is bounded; a sink that is slow tells later.
        """
        ...


class Reconciler(Protocol[O, S]):
    """Brings the objects of one kind to their desired state."""

    #: The struct of the kind.
    kind: type[O]
    #: The controller's name in Flux: field owner of patches, source of events.
    controller: str
    #: How conditions are summed up.
    rules: Rules
    #: What else wakes an object of this kind.
    watches: Sequence[Watch[Any]]
    #: Fields (such as `spec.verify`) that are in the schema but not supported yet; an object that sets one is Stalled.
    unsupported: Sequence[str]

    async def reconcile(self, obj: O, run: Run[S]) -> Outcome:
        """Bring the object to its desired state."""
        ...

    async def finalize(self, obj: O, run: Run[S]) -> None:
        """Give back what the object holds, before it goes. Raises to be called again."""
        ...


@runtime_checkable
class Selective(Protocol):
    """A reconciler whose kind has objects that are only looked up, never reconciled."""

    def is_static(self, obj: Any) -> bool:
        """Tell whether an object is one of them: it keeps neither a finalizer nor a status."""
        ...


@runtime_checkable
class Marked(Protocol):
    """A reconciler whose objects carry a finalizer of another name than `finalizers.fluxcd.io`."""

    finalizer: str


@runtime_checkable
class Timed(Protocol):
    """A reconciler whose status tells when it ran last, and so moves with runs that change nothing else."""

    def without_times(self, status: Any) -> ReconcileStatus:
        """Return a status of the kind but for those times, and what counts or measures such runs."""
        ...


class Rested(NamedTuple):
    """How a run would have ended that was not made: the status, of which nothing but times has moved."""

    status: ReconcileStatus
    outcome: Outcome


@runtime_checkable
class Resting(Timed, Protocol):
    """A reconciler that knows of objects with which nothing is to be done."""

    def rest(self, obj: Any) -> Rested | None:
        """Return how a run would end that finds nothing to do; None where only a run can tell.

        Nothing is waited for. Asked of objects that are ready, and of which nobody has asked anything.
        """
        ...


@runtime_checkable
class Following(Protocol):
    """A reconciler whose status names a source's revision, and so moves with revisions of which nothing comes."""

    def without_revision(self, status: Any) -> ReconcileStatus:
        """Return a status of the kind but for that revision, wherever it is named, and for times."""
        ...

    def is_awaited(self, obj: Any) -> bool:
        """Tell whether others, of this process or not, wait for the revision in an object's status."""
        ...


@runtime_checkable
class Noting(Protocol):
    """A reconciler that can do without a run where a change of a source asks nothing of an object."""

    def note(self, obj: Any, now: datetime) -> Noted | None:
        """Take the source's present revision for recorded where it was found to ask nothing of an object.

        Returns what its status is then; None, and nothing has happened, where only a run can tell.
        """
        ...


@runtime_checkable
class Forgetful(Protocol):
    """A reconciler that is told of the end of every object, also of one that had no finalizer."""

    def forget(self, key: Key) -> None:
        """Drop what is kept in memory of an object that is gone, or is another process's now."""
        ...


def is_set(value: Any, path: str) -> bool:
    """Tell whether a field (`spec.git.commit.signingKey`) holds anything but its default.

    `[]` looks into a list: `spec.dependsOn[].readyExpr` is set where any entry sets it.
    """
    step, _, rest = path.partition(".")
    name = step.removesuffix("[]")
    info = next(info for info in msgspec.structs.fields(value) if info.encode_name == name)
    found = getattr(value, info.name)
    if found is None or (info.default is not msgspec.NODEFAULT and found == info.default) or found in ((), {}, ""):
        return False
    if not rest:
        return True
    return any(is_set(entry, rest) for entry in (found if step.endswith("[]") else (found,)))
