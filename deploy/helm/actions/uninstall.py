"""Uninstalling: the objects of a release deleted, then its history, unless that is to be kept.

Answers to Helm's `pkg/action/uninstall.go`. One thing is done more: where the last revision failed, what the deployed
one and those after it had goes as well. A revision whose uninstallation has begun is stored as `uninstalling`, so one
that was cut off is seen.
"""

import msgspec

from deploy.cluster import wait
from deploy.cluster.inventory import Item
from deploy.helm.actions import hooks, objects, recording, removal, rollout
from deploy.helm.actions.plan import ActionError, Means, Plan
from deploy.helm.actions.recording import Record
from deploy.helm.release import Release
from gotk.api.helm import HelmRelease
from gotk.duration import Duration
from gotk.kube.errors import APIError


async def uninstall(obj: HelmRelease, name: str, means: Means, *, timeout: float) -> Release | None:
    """Uninstall a release, and return its last revision as it is then; None where none is stored.

    One that is uninstalled already is returned as it is. Raises ActionError.
    """
    history = await recording.history(name, means)
    if not history:
        return None
    settings, last = obj.spec.uninstall, history[-1]
    if last.info.status == "uninstalled":
        if not settings.keep_history:
            await _purge(history, means)
        return last
    plan = Plan(obj=obj, release=last, timeout=timeout)
    record = Record(_begun(last, means), means)
    deleted = await _delete(rollout.since_deployed(history), record, plan, means)
    means.note(f"deleted {len(deleted)} object(s)")
    troubles = await _afterwards(deleted, record, plan, means)
    record.release = recording.marked(record.release, "uninstalled", "Uninstallation complete")
    if settings.keep_history:
        await recording.update(record.release, means)
        await recording.supersede(history[:-1], means)
    else:
        await _purge(history, means)
    if troubles:
        message = f"uninstallation completed with {len(troubles)} error(s): {'; '.join(troubles)}"
        raise ActionError(message, stored=True, release=record.release)
    return record.release


def _begun(last: Release, means: Means) -> Release:
    release = recording.marked(last, "uninstalling", "Deletion in progress (or silently failed)")
    info = msgspec.structs.replace(release.info, deleted=recording.instant(means.clock.now()))
    return msgspec.structs.replace(release, info=info)


async def _delete(revisions: list[Release], record: Record, plan: Plan, means: Means) -> list[Item]:
    """Run the hooks before, delete the objects, and return those that were there. Raises ActionError."""
    settings = plan.obj.spec.uninstall
    try:
        found = await removal.of_all(revisions, means)
        await recording.update(record.release, means, changed=False)
        if not settings.disable_hooks:
            await hooks.run("pre-delete", record, plan=plan, means=means)
    except (objects.ObjectsError, APIError) as error:
        raise ActionError(f"failed to delete release: {error}", stored=False) from error
    except hooks.HookError as error:
        await record.store()
        raise ActionError(str(error), stored=True, release=record.release) from error
    propagation = settings.deletion_propagation.capitalize()
    removed = await removal.remove(list(found.values()), release=plan.release, means=means, propagation=propagation)
    if removed.errors:
        message = f"failed to delete release: {plan.release.name}: {'; '.join(removed.errors)}"
        raise ActionError(message, stored=True, release=record.release)
    return removed.deleted


async def _afterwards(deleted: list[Item], record: Record, plan: Plan, means: Means) -> list[str]:
    """Wait until the objects are gone and run the hooks after; return what went wrong, which keeps nothing back."""
    settings, troubles = plan.obj.spec.uninstall, []
    if not settings.disable_wait:
        waiter = wait.Waiter(clock=means.clock)
        left = await waiter.until_gone(deleted, cluster=means.cluster, timeout=plan.timeout)
        if left:
            still = ", ".join(item.id.subject for item in left)
            troubles.append(f"still there after {Duration.of(plan.timeout)}: {still}")
    if not settings.disable_hooks:
        try:
            await hooks.run("post-delete", record, plan=plan, means=means)
        except hooks.HookError as error:
            troubles.append(str(error))
    return troubles


async def _purge(history: list[Release], means: Means) -> None:
    """Forget all revisions, the last one last: as long as it is there, there is something to uninstall."""
    try:
        for each in history:
            await means.storage.delete(each)
    except recording.FAILURES as error:
        message = f"uninstall: Failed to purge the release: {error}"
        raise ActionError(message, stored=True, release=history[-1]) from error
