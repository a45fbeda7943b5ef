"""What upgrades and rollbacks leave out where they are told to: the wait for health, that for Jobs, hooks."""

from typing import Any

import pytest

from deploy.helm.actions.plan import Plan
from deploy.helm.release import Release
from tests.deploy.helm.actions.world import World, config_map, deployment, failure, helm_release, hook, job

CRASHING = deployment(image="web:2-crashloop")
ENDLESS = job(image="web:1-neverready")


async def back(here: World, to: Release, **rollback: Any) -> Release:
    """Roll back to a revision."""
    return await here.actions.rollback(Plan(obj=helm_release(rollback=rollback), release=to, timeout=0.5))


@pytest.mark.parametrize(
    ("manifest", "left_out"),
    [(CRASHING, "disableWait"), (ENDLESS, "disableWaitForJobs")],
    ids=["health", "the end of Jobs"],
)
async def test_an_upgrade_and_a_rollback_wait_unless_told_otherwise(here: World, manifest: str, left_out: str) -> None:
    await here.install(config_map())
    await failure(here.upgrade(manifest, timeout=0.5))
    made = await here.upgrade(manifest, **{left_out: True})
    assert made.info.status == "deployed"
    await here.upgrade(config_map(a="2"))
    await failure(back(here, made))
    assert (await back(here, made, **{left_out: True})).info.status == "deployed"


async def test_an_upgrade_runs_its_hooks_unless_told_otherwise(here: World) -> None:
    await here.install(config_map())
    hooks = [hook(config_map("before"), "pre-upgrade", name="before")]
    await here.upgrade(config_map(a="2"), hooks=hooks, disableHooks=True)
    assert await here.data("before") is None
    await here.upgrade(config_map(a="3"), hooks=hooks)
    assert await here.data("before") == {"a": "b"}


async def test_a_rollback_is_applied_as_it_is_told_and_by_force(here: World) -> None:
    first = await here.install(config_map(a="1"), serverSideApply=False)
    await here.upgrade(config_map(a="2"))
    await here.client.patch_object("v1", "ConfigMap", "default", "settings", {"data": {"theirs": "x"}})
    assert (await back(here, first)).apply_method == "csa"
    assert await here.data() == {"a": "1", "theirs": "x"}
    await back(here, first, force=True)
    assert await here.data() == {"a": "1"}
    assert (await back(here, first, serverSideApply="enabled")).apply_method == "ssa"
