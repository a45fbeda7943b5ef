"""Rolling back: a new revision that is an older one again.

Answers to Helm's `pkg/action/rollback.go`, but a hook that fails is stored as the failure that it is, and the revision
that is rolled back stays what it was.
"""

import msgspec

from deploy.cluster import wait
from deploy.helm.actions import clientside, recording, rollout
from deploy.helm.actions.apply import StepError
from deploy.helm.actions.plan import ActionError, CanceledError, Means, Plan
from deploy.helm.release import Release


async def rollback(plan: Plan, means: Means) -> Release:
    """Go back to the plan's release, and return the new revision as it is stored. Raises ActionError."""
    settings = plan.obj.spec.rollback
    history = await recording.history(plan.release.name, means)
    recording.refuse_pending(history)
    to = _target(plan.release, history)
    current = history[-1]
    work = await rollout.prepare(to, rollout.since_deployed(history), plan, means)
    release = msgspec.structs.replace(to, version=current.version + 1)
    release = clientside.by_method(release, settings.server_side_apply, to)
    pending = recording.begun(
        release,
        "pending-rollback",
        f"Rollback to {to.version}",
        now=means.clock.now(),
        first=current.info.first_deployed,
    )
    record = await recording.create(pending, means, max_history=plan.obj.spec.max_history)
    try:
        await rollout.run(
            work,
            record,
            moment="rollback",
            settings=settings,
            force=settings.force,
            strict=False,  # it was applied before
            plan=plan,
            means=means,
        )
    except StepError as error:
        failed = await record.fail(_failure(release, str(error)))
        message = str(error)
        if settings.cleanup_on_fail:
            message = await rollout.clean_up(work, error, moment="rollback", plan=plan, means=means)
        raise ActionError(message, stored=True, release=failed) from error
    except wait.Stopped as error:
        failed = await record.fail(_failure(release, recording.CANCELED))
        raise CanceledError(recording.CANCELED, stored=True, release=failed) from error
    await recording.supersede(history, means)
    return await record.deploy(pending.info.description)


def _target(wanted: Release, history: list[Release]) -> Release:
    """Return the revision to go back to, as it is stored. Raises ActionError."""
    found = next((each for each in history if each.version == wanted.version), None)
    if found is None:
        raise ActionError(f"release has no {wanted.version} version", stored=False)
    return found


def _failure(release: Release, message: str) -> str:
    return f'Rollback "{release.name}" failed: {message}'
