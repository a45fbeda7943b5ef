"""What a run did to the cluster, line by line, as Flux's events tell it: `Deployment/apps/podinfo configured`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from deploy.cluster.inventory import Item

Action = Literal["created", "configured", "unchanged", "deleted", "skipped"]


@dataclass(frozen=True, slots=True)
class Change:
    """One object and what became of it."""

    item: Item
    action: Action

    def __str__(self) -> str:
        return f"{self.item.id.subject} {self.action}"


def lines(changes: Iterable[Change], *, skipped: bool = False) -> str:
    """Print what changed, one object a line; empty where nothing did."""
    quiet = {"unchanged"} if skipped else {"unchanged", "skipped"}
    return "\n".join(str(change) for change in changes if change.action not in quiet)
