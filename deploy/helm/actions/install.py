"""Installing: the first revision of a release, or the next one over a name that may be used again.

Answers to Helm's `pkg/action/install.go`.
"""

import msgspec

from deploy.cluster import wait
from deploy.helm.actions import clientside, namespace, ownership, recording, rollout
from deploy.helm.actions.apply import StepError
from deploy.helm.actions.plan import ActionError, CanceledError, Means, Plan
from deploy.helm.release import Release


async def install(plan: Plan, means: Means) -> Release:
    """Install what was rendered, and return the revision as it is stored. Raises ActionError."""
    settings = plan.obj.spec.install
    before = await recording.history(plan.release.name, means)
    recording.refuse_pending(before)
    rendered = clientside.by_method(plan.release, settings.server_side_apply is not False)
    release = _numbered(rendered, before, replace=settings.replace)
    work = await rollout.prepare(release, [], plan, means)
    if settings.disable_take_ownership:
        await ownership.check(work, release, means, "install")
    if settings.create_namespace and plan.obj.spec.target_namespace:
        await namespace.create(release.namespace, means)
    await _replace(before, means)
    pending = recording.begun(release, "pending-install", "Initial install underway", now=means.clock.now())
    record = await recording.create(pending, means)
    try:
        strict = not settings.disable_open_api_validation
        await rollout.run(
            work, record, moment="install", settings=settings, force=False, strict=strict, plan=plan, means=means
        )
    except (StepError, wait.Stopped) as error:
        message = str(error) or recording.CANCELED
        failed = await record.fail(f'Release "{release.name}" failed: {message}')
        kind = CanceledError if isinstance(error, wait.Stopped) else ActionError
        raise kind(message, stored=True, release=failed) from error
    return await record.deploy("Install complete")


def _numbered(release: Release, before: list[Release], *, replace: bool) -> Release:
    """Return the revision with its number. Raises ActionError where the name is in use."""
    if not before:
        return release
    last = before[-1]
    if not replace or last.info.status not in {"uninstalled", "failed"}:
        message = "release name check failed: cannot reuse a name that is still in use"
        raise ActionError(message, stored=False)
    return msgspec.structs.replace(release, version=last.version + 1)


async def _replace(before: list[Release], means: Means) -> None:
    if before and before[-1].info.status != "failed":
        await recording.update(recording.marked(before[-1], "superseded", "superseded by new release"), means)
