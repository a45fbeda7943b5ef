"""Bringing the cluster to a revision: its objects applied, what only older revisions had removed.

Answers to `Update` of Helm's `pkg/kube`. Other than there, nothing is written by a server-side apply before all of it
has passed a dry run.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploy.cluster.changes import Change
from deploy.cluster.inventory import ObjectID
from deploy.cluster.objects import Manifest
from deploy.cluster.trial import ApplyError, Wishes
from deploy.helm.actions import clientside, removal
from deploy.helm.actions.plan import Means, Plan, owner_of
from gotk.duration import Duration


@dataclass(frozen=True, slots=True)
class Rollout:
    """What is to be applied, and what older revisions had."""

    manifests: Sequence[Manifest]
    before: Mapping[ObjectID, Manifest]

    @property
    def obsolete(self) -> list[Manifest]:
        """The objects that only older revisions had."""
        kept = {ObjectID.of(each) for each in self.manifests}
        return [obj for id_, obj in self.before.items() if id_ not in kept]


class StepError(Exception):
    """A step has failed. `created` are the objects that it had made before."""

    def __init__(self, message: str, created: Sequence[ObjectID] = ()) -> None:
        super().__init__(message)
        self.created = tuple(created)


async def apply(work: Rollout, *, method: str, force: bool, strict: bool, plan: Plan, means: Means) -> list[Change]:
    """Apply the objects of a revision by its method. Raises StepError.

    `force` is for the client's side: what others have written into the objects goes. The server's side knows none.
    `strict` is for the server's side: a field that a kind does not have fails. The client's side knows no kinds.
    """
    try:
        async with asyncio.timeout(plan.timeout):
            if method == "csa":
                changes = await clientside.apply(work.manifests, work.before, replace=force, means=means)
            else:
                wishes = Wishes(strict=strict)
                changes = await means.applier.apply(
                    work.manifests, cluster=means.cluster, owner=owner_of(plan.obj), wishes=wishes
                )
    except TimeoutError:
        raise StepError(f"apply did not finish within {Duration.of(plan.timeout)}") from None
    except ApplyError as error:
        raise StepError(str(error), created(error.changes)) from error
    counted = Counter(change.action for change in changes)
    told = ", ".join(f"{count} {action}" for action, count in sorted(counted.items()))
    means.note(f"applied {len(changes)} object(s): {told or 'none'}")
    return changes


async def remove(work: Rollout, *, plan: Plan, means: Means) -> None:
    """Remove what older revisions had. Raises StepError."""
    removed = await removal.remove(work.obsolete, release=plan.release, means=means)
    if removed.deleted:
        means.note(f"removed {len(removed.deleted)} object(s) that the revision does not have")
    if removed.errors:
        raise StepError(" && ".join(removed.errors))


def created(changes: Sequence[Change]) -> list[ObjectID]:
    """Return the objects that were not there before."""
    return [change.item.id for change in changes if change.action == "created"]
