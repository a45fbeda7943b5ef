"""The steps that install, upgrade and rollback have in common: apply, remove what is left over, wait.

Answers to `performInstall`, `releasingUpgrade` and `performRollback` of Helm's `pkg/action`.
"""

from collections.abc import Collection, Sequence
from typing import Literal, Protocol

from deploy.cluster import wait
from deploy.cluster.inventory import ObjectID
from deploy.helm.actions import apply, hooks, objects, removal, waiting
from deploy.helm.actions.apply import Rollout, StepError
from deploy.helm.actions.plan import ActionError, Means, Plan, owner_of
from deploy.helm.actions.recording import Record
from deploy.helm.release import Release
from gotk.kube.errors import APIError

#: What the hooks are called by: `pre-install`, `post-upgrade`.
Moment = Literal["install", "upgrade", "rollback"]


class Settings(Protocol):
    """The part of an action's settings that is the same for all of them."""

    @property
    def disable_wait(self) -> bool:
        """Whether the action ends without waiting for what it has applied."""
        ...

    @property
    def disable_wait_for_jobs(self) -> bool:
        """Whether Jobs are not awaited."""
        ...

    @property
    def disable_hooks(self) -> bool:
        """Whether hooks do not run."""
        ...


def since_deployed(history: Sequence[Release]) -> list[Release]:
    """Return the last deployed revision and those after it; without one, the last revision alone."""
    deployed = [index for index, each in enumerate(history) if each.info.status == "deployed"]
    return list(history[deployed[-1] :] if deployed else history[-1:])


async def prepare(release: Release, before: Sequence[Release], plan: Plan, means: Means) -> Rollout:
    """Read the objects of a revision and of those before it. Raises ActionError."""
    try:
        manifests = await objects.of(release, cluster=means.cluster, owner=owner_of(plan.obj))
        earlier = await removal.of_all(before, means)
    except (objects.ObjectsError, APIError) as error:
        raise ActionError(str(error), stored=False) from error
    return Rollout(manifests, earlier)


async def run(
    work: Rollout,
    record: Record,
    *,
    moment: Moment,
    settings: Settings,
    force: bool,
    strict: bool,
    plan: Plan,
    means: Means,
) -> None:
    """Bring the cluster to a revision: hooks before, objects, hooks after. Raises StepError and wait.Stopped."""
    made: Collection[ObjectID] = ()
    try:
        if not settings.disable_hooks:
            await _hooks(f"pre-{moment}", record, moment, plan, means)
        method = record.release.apply_method
        made = apply.created(await apply.apply(work, method=method, force=force, strict=strict, plan=plan, means=means))
        await apply.remove(work, plan=plan, means=means)
        if not settings.disable_wait:
            jobs = not settings.disable_wait_for_jobs
            await waiting.until_well(work.manifests, plan=plan, means=means, jobs=jobs)
        if not settings.disable_hooks:
            await _hooks(f"post-{moment}", record, moment, plan, means)
    except StepError as error:
        raise StepError(str(error), [*made, *error.created]) from error
    except wait.WaitError as error:
        raise StepError(str(error), list(made)) from error


async def _hooks(event: str, record: Record, moment: Moment, plan: Plan, means: Means) -> None:
    try:
        await hooks.run(event, record, plan=plan, means=means)
    except hooks.HookError as error:
        wording = {"install": f"failed {event}: {error}", "upgrade": f"{event} hooks failed: {error}"}
        raise StepError(wording.get(moment, str(error))) from error


async def clean_up(work: Rollout, failed: StepError, *, moment: Moment, plan: Plan, means: Means) -> str:
    """Remove what a failed rollout has made, and return what it failed of, with what could not be removed."""
    made = set(failed.created) - work.before.keys()
    manifests = [each for each in work.manifests if ObjectID.of(each) in made]
    removed = await removal.remove(manifests, release=plan.release, means=means)
    if not removed.errors:
        return str(failed)
    left = ", ".join(removed.errors)
    return (
        f"an error occurred while cleaning up resources. original {moment} error: {failed}: "
        f"unable to cleanup resources: {left}"
    )
