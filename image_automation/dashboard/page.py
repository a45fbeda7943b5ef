"""What a page is: an address, a template, and the function that makes its record from what somebody may see."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias, TypeVar

import msgspec

from deploy.cluster.ports import Cluster
from gotk.api.helm import HelmRelease
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.api.meta import Object
from gotk.http.pace import Standing
from image_automation.dashboard.access import Deed, Person, Reads, Subject
from image_automation.dashboard.acting.act import Tests
from image_automation.dashboard.scanned.lags import Lag
from image_automation.explanation import Explanation
from image_automation.marked_files import Checkout, Opened
from image_automation.notification.journal import Call, Delivery
from image_automation.planner import Asks, Drawn, Edited, Written

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as in the cache


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Base of what pages show, and what programs get at the same address."""


class Missing(LookupError):
    """There is nothing at this address that the person may see: the message says what was looked for."""


class Objects(Protocol):
    """The objects of the cluster that somebody may see; of a kind that is not watched there are none."""

    def get(self, kind: type[O], namespace: str, name: str) -> O | None:
        """Return the object, or None where there is none to be seen."""
        ...

    def list(self, kind: type[O], namespace: str | None = None) -> Sequence[O]:
        """Return the objects of a namespace, or all of them, by namespace and name."""
        ...


class Explains(Protocol):
    """Says why a policy chose its tag."""

    def explain(
        self, namespace: str, name: str, change: Callable[[ImagePolicy], ImagePolicy] | None = None
    ) -> Explanation:
        """Explain a policy, or what it would choose if it were changed so.

        Raises UnknownPolicyError, ValueError and OSError.
        """
        ...


class Plans(Protocol):
    """Says what an automation would write now, and writes it for a person."""

    async def drawn(self, automation: ImageUpdateAutomation) -> Drawn:
        """Return a plan with what it was made of. Raises CannotPlanError, and APIError."""
        ...

    async def write(self, namespace: str, name: str, identity: str, person: Asks) -> Written:
        """Write a plan, and only it. Raises MovedError, CannotPlanError and APIError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What a plan would change among a Kustomization's objects, or why that cannot be told; Secrets by name alone."""

    kustomization: str
    objects: tuple[Edited, ...] = ()
    hidden: tuple[str, ...] = ()
    left_out: int = 0
    problem: str = ""


class Renders(Protocol):
    """Builds what plans change."""

    async def of(self, drawn: Drawn, kustomizations: Sequence[Kustomization]) -> tuple[Rendered, ...]:
        """Return what would become of the objects of those that build something that the plan changes."""
        ...


class Departed(Record, frozen=True, kw_only=True):
    """An object that an apply would create, change (`drifted`) or delete, and how it differs from what is declared."""

    object: str
    action: str
    lines: tuple[str, ...] = ()


class Drift(Record, frozen=True, kw_only=True):
    """What differs between a cluster and a revision, what could not be tried, or why nothing could be."""

    revision: str = ""
    departed: tuple[Departed, ...] = ()
    left_out: int = 0
    failed: tuple[str, ...] = ()
    problem: str = ""


class Drifts(Protocol):
    """Compares what was applied with the cluster."""

    async def of(self, obj: Kustomization | HelmRelease, who: tuple[str, ...], cluster: Cluster) -> Drift:
        """Return what differs as somebody of this identity may see it. Raises APIError."""
        ...


class Files(Protocol):
    """Reads the marked files of automations."""

    async def checkout(self, automation: ImageUpdateAutomation) -> Checkout:
        """Return the files of an automation. Raises CannotPlanError, and APIError."""
        ...

    async def open(self, automation: ImageUpdateAutomation, path: str) -> Opened | None:
        """Return one of the files, or None where it is none of them. Raises CannotPlanError, and APIError."""
        ...


class Registries(Protocol):
    """Says how gently registries are asked now."""

    def standing(self) -> Mapping[str, Standing]:
        """Return how each host stands that was asked."""
        ...


class Running(Protocol):
    """Says what workloads run."""

    async def of(self, reads: Reads, spaces: Sequence[str]) -> Mapping[str, Mapping[str, Sequence[str]]]:
        """Return by an image's name and tag the workloads that somebody may list. Raises Unauthorized."""
        ...


class Lags(Protocol):
    """Says how far policies are behind."""

    async def of(self, used: Sequence[tuple[ImagePolicy, str]]) -> Sequence[Lag]:
        """Return the lag of each policy behind which a tag is in use."""
        ...


class Journal(Protocol):
    """Remembers what was delivered and who called, since a time, the last first."""

    since: datetime

    def deliveries(self, namespace: str, provider: str) -> Sequence[Delivery]:
        """Return the last deliveries to a Provider."""
        ...

    def calls(self, namespace: str, receiver: str) -> Sequence[Call]:
        """Return the last calls of a Receiver."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Knows:
    """What this process knows besides objects; None of what its controllers have nothing to do with."""

    plans: Plans | None = None
    renders: Renders | None = None
    drifts: Drifts | None = None
    files: Files | None = None
    registries: Registries | None = None
    lags: Lags | None = None
    running: Running | None = None
    journal: Journal | None = None
    tests: Tests | None = None


#: Tells what who asks may do; somebody who is not known may do nothing here. Raises APIError.
May: TypeAlias = Callable[[Deed], Awaitable[bool]]


def _nowhere(kind: type[Object], namespace: str) -> bool:
    del kind, namespace
    return False


async def _nothing(_: Deed) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a record is made from: what this person may see, at which moment, and what the address asks for.

    `acts` is what they may do with the object that the page is about, `reads` asks the cluster as them; None where
    nothing is to be asked. `person` is who has signed in, `may` tells what they may do, and `writes` whether they may
    change all objects of a kind in a namespace, of those kinds that the page offers to change. `spaces` names the
    namespaces that hold something, which is not to be told to who may see nothing there.
    """

    objects: Objects
    explains: Explains | None
    now: datetime
    reads: Reads | None = None
    person: Person | None = None
    knows: Knows = Knows()
    may: May = _nothing
    acts: tuple[str, ...] = ()
    writes: Callable[[type[Object], str], bool] = _nowhere
    spaces: Callable[[], Sequence[str]] = tuple
    place: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page. `path` is as aiohttp's router takes it; `record` raises Missing, and may have to ask the cluster first;
    `title` may name what is shown.

    `kinds` are those that the record is made of: who may see none of them is told so, and their changes are what the
    page is made anew for. `subject` names the one object that the page is about, if there is one; it raises Missing.
    `changes` are the kinds whose objects it offers to change, `topics` what else than objects it is made anew for.
    """

    path: str
    template: str
    title: Callable[[Mapping[str, str]], str]
    kinds: tuple[type[Object], ...]
    record: Callable[[Look], Record | Awaitable[Record]]
    subject: Callable[[Mapping[str, str]], Subject] | None = None
    changes: tuple[type[Object], ...] = ()
    topics: tuple[str, ...] = ()

    async def made(self, look: Look) -> Record:
        """Return the record. Raises Missing, and APIError."""
        found = self.record(look)
        return found if isinstance(found, Record) else await found


def titled(text: str) -> Callable[[Mapping[str, str]], str]:
    """Give every address of a page the same title."""
    return lambda _: text
