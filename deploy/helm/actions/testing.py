"""Running the tests of a chart: hooks that run after a release, and say whether it works.

Answers to Helm's `pkg/action/release_testing.go`.
"""

from collections.abc import Sequence

from deploy.helm.actions import hooks, recording
from deploy.helm.actions.plan import ActionError, Means, Plan
from deploy.helm.actions.recording import Record
from deploy.helm.release import Hook, Release
from gotk.api.helm import TestFilter


async def test(plan: Plan, means: Means) -> Release:
    """Run the tests of the plan's release, and return it with how they ended. Raises ActionError at the first failure.

    Only the last revision is tested: another one is not what runs.
    """
    history = await recording.history(plan.release.name, means)
    if not history or history[-1].version != plan.release.version:
        message = f"release {plan.release.full_name} is no longer the last one, and is not tested"
        raise ActionError(message, stored=False)
    record = Record(history[-1], means)
    chosen = _chosen(record.release.hooks, plan.obj.spec.test.filters)
    try:
        await hooks.run("test", record, plan=plan, means=means, only=chosen)
    except hooks.HookError as error:
        await record.store()
        tested = any(record.release.hooks[index].last_run.phase == "Failed" for index in chosen)
        raise ActionError(str(error), stored=tested, release=record.release) from error
    await recording.update(record.release, means)
    return record.release


def _chosen(found: Sequence[Hook], filters: Sequence[TestFilter]) -> list[int]:
    """Return the places of the hooks that run: none that a filter excludes, and only those that one names, if any."""
    excluded = {each.name for each in filters if each.exclude}
    named = {each.name for each in filters if not each.exclude}
    return [
        index for index, hook in enumerate(found) if hook.name not in excluded and (not named or hook.name in named)
    ]
