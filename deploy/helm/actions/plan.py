"""What an action is given, what it works with, and how it says that it failed."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from deploy.cluster import ports as clusters
from deploy.cluster.apply import Applier
from deploy.cluster.owner import Owner
from deploy.cluster.wait import NO_RULES, Rules
from deploy.helm.actions.ports import Storage
from deploy.helm.release import Release
from gotk.api.helm import GROUP, HelmRelease
from gotk.runtime.clock import Clock, rfc3339

#: The field manager of every write, Flux's own, so that releases can change hands in both directions.
FIELD_MANAGER = "helm-controller"
#: How many lines of its log helm-controller shows.
_LINES = 10


class ActionError(Exception):
    """An action has failed; the message is for people.

    `stored` tells whether the failure is in the history: one that is not there changed nothing, and does not count.
    `release` is the revision that failed, where one was made.
    """

    def __init__(self, message: str, *, stored: bool, release: Release | None = None) -> None:
        super().__init__(message)
        self.stored = stored
        self.release = release


class CanceledError(ActionError):
    """The wait for a release was ended from outside. The revision is stored as failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One action over one release.

    `release` is what was rendered; to roll back, the revision to go back to; to test, the last one. `timeout` are the
    seconds that each step may take: the apply, every hook, the wait. `checks` tell the health of kinds that the object
    has expressions for; `stop` ends the wait.
    """

    obj: HelmRelease
    release: Release
    timeout: float
    checks: Rules = NO_RULES
    stop: asyncio.Event | None = None


class Journal:
    """What an action has done so far, of which the last lines are kept, for whoever reads that it failed.

    Answers to the log buffer of helm-controller, which keeps what Helm's library says.
    """

    def __init__(self) -> None:
        self._lines: deque[tuple[str, str]] = deque(maxlen=_LINES)

    def begin(self) -> None:
        """Forget what was done before."""
        self._lines.clear()

    def note(self, what: str, at: datetime) -> None:
        """Take down a step."""
        self._lines.append((rfc3339(at), what))

    def __str__(self) -> str:
        return "\n".join(f"{at}: {what}" for at, what in self._lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the actions work with: a cluster, the releases that are stored there, and how objects get there."""

    cluster: clusters.Cluster
    storage: Storage
    applier: Applier
    clock: Clock
    journal: Journal = field(default_factory=Journal)

    def note(self, what: str) -> None:
        """Take down a step of the action."""
        self.journal.note(what, self.clock.now())


def owner_of(obj: HelmRelease) -> Owner:
    """Return whom the objects of a release are applied for."""
    return Owner(
        field=FIELD_MANAGER,
        group=GROUP,
        name=obj.metadata.name,
        namespace=obj.metadata.namespace,
        namespace_advice="set 'metadata.namespace' in the chart, or 'spec.targetNamespace'",
    )
