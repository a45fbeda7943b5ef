"""What an act is: something to do with an object, what its form asks for, and what it comes to."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gotk.api.meta import Object
from gotk.api.notification import Alert
from image_automation.dashboard.access import Subject
from image_automation.steering.cluster import Cluster


class Tests(Protocol):
    """Tries Alerts."""

    async def test(self, alert: Alert, by: str) -> str:
        """Send a message of somebody's to an alert's provider; return why it did not arrive, or nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Field:
    """Something that is asked for in the form of an act."""

    name: str
    label: str
    help: str = ""
    required: bool = False
    is_switch: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An act that somebody asks for: with which cluster, of which object, as it was last seen, and in which words.

    `tests` sends what tries an Alert, where this process has Alerts.
    """

    cluster: Cluster
    about: Subject
    seen: Object
    now: datetime
    by: str
    tests: Tests | None
    fields: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "").strip()


@dataclass(frozen=True, slots=True)
class Done:
    """What somebody did, in words behind their name, and why; nothing where nothing was to be done.

    `notes` are told to them.
    """

    did: str = ""
    why: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something to do with objects of some kinds, all without any; `means` says it to who is about to.

    `fits` tells whether a page offers it for an object as it is. `confirmed` ones are asked for on a page of their own.
    """

    word: str
    label: str
    reason: str
    fits: Callable[[Object], bool]
    run: Callable[[Asked], Awaitable[Done]]
    kinds: tuple[type[Object], ...] = ()
    means: str = ""
    fields: tuple[Field, ...] = ()

    @property
    def confirmed(self) -> bool:
        """Whether it is asked for on a page of its own."""
        return bool(self.means)

    def is_of(self, kind: type[Object]) -> bool:
        """Tell whether it belongs to objects of a kind."""
        return not self.kinds or kind in self.kinds
