"""Bringing the cluster to a revision: its objects applied, what only older revisions had removed.

Answers to `Update` of Helm's `pkg/kube`. Other than there, nothing is written before all of it has passed a dry run.
"""

import asyncio
from collections.abc import Sequence

from deploy.cluster.changes import Change
from deploy.cluster.inventory import ObjectID
from deploy.cluster.objects import Manifest
from deploy.cluster.trial import ApplyError, Wishes
from deploy.helm.actions import removal
from deploy.helm.actions.plan import Means, Plan, owner_of
from gotk.duration import Duration


class StepError(Exception):
    """A step has failed. `created` are the objects that it had made before."""

    def __init__(self, message: str, created: Sequence[ObjectID] = ()) -> None:
        super().__init__(message)
        self.created = tuple(created)


async def apply(manifests: Sequence[Manifest], *, plan: Plan, means: Means, force: bool = False) -> list[Change]:
    """Apply the objects of a revision; with `force` those are made anew that cannot be changed. Raises StepError."""
    try:
        async with asyncio.timeout(plan.timeout):
            return await means.applier.apply(
                manifests, cluster=means.cluster, owner=owner_of(plan.obj), wishes=Wishes(force=force)
            )
    except TimeoutError:
        raise StepError(f"apply did not finish within {Duration.of(plan.timeout)}") from None
    except ApplyError as error:
        raise StepError(str(error), created(error.changes)) from error


async def remove(manifests: Sequence[Manifest], *, plan: Plan, means: Means) -> None:
    """Remove what older revisions had. Raises StepError."""
    removed = await removal.remove(manifests, release=plan.release, means=means)
    if removed.errors:
        raise StepError(" && ".join(removed.errors))


def created(changes: Sequence[Change]) -> list[ObjectID]:
    """Return the objects that were not there before."""
    return [change.item.id for change in changes if change.action == "created"]
