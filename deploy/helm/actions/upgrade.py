"""Upgrading: the next revision of a release that is there.

Answers to Helm's `pkg/action/upgrade.go`. One thing is done more: what failed revisions have made since the last
deployed one, and the new one does not have, is removed as well.
"""

from deploy.cluster import wait
from deploy.helm.actions import clientside, ownership, recording, rollout
from deploy.helm.actions.apply import StepError
from deploy.helm.actions.plan import ActionError, CanceledError, Means, Plan
from deploy.helm.release import Release


async def upgrade(plan: Plan, means: Means) -> Release:
    """Upgrade to what was rendered, and return the revision as it is stored. Raises ActionError."""
    settings = plan.obj.spec.upgrade
    history = await recording.history(plan.release.name, means)
    recording.refuse_pending(history)
    before = rollout.since_deployed(history)
    _check_number(plan.release, history)
    work = await rollout.prepare(plan.release, before, plan, means)
    if settings.disable_take_ownership:
        await ownership.check(work, plan.release, means, "update")
    pending = recording.begun(
        clientside.by_method(plan.release, settings.server_side_apply, history[-1]),
        "pending-upgrade",
        "Preparing upgrade",
        now=means.clock.now(),
        first=before[0].info.first_deployed,
    )
    record = await recording.create(pending, means, max_history=plan.obj.spec.max_history)
    try:
        await rollout.run(
            work,
            record,
            moment="upgrade",
            settings=settings,
            force=settings.force,
            strict=not settings.disable_open_api_validation,
            plan=plan,
            means=means,
        )
    except StepError as error:
        failed = await record.fail(_failure(pending, str(error)))
        message = str(error)
        if settings.cleanup_on_fail:
            message = await rollout.clean_up(work, error, moment="upgrade", plan=plan, means=means)
        raise ActionError(message, stored=True, release=failed) from error
    except wait.Stopped as error:
        failed = await record.fail(_failure(pending, recording.CANCELED))
        raise CanceledError(recording.CANCELED, stored=True, release=failed) from error
    await recording.supersede(history, means)
    return await record.deploy("Upgrade complete")


def _check_number(release: Release, history: list[Release]) -> None:
    """See that nobody has made a revision since this one was rendered. Raises ActionError."""
    if not history:
        raise ActionError(f'"{release.name}" has no deployed releases', stored=False)
    if release.version != history[-1].version + 1:
        last = history[-1].version
        message = (
            f"revision {release.version} was rendered, but the last one stored is {last} by now: it is rendered anew"
        )
        raise ActionError(message, stored=False)


def _failure(release: Release, message: str) -> str:
    return f'Upgrade "{release.name}" failed: {message}'
