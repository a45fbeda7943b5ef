"""Rolling back, on a control plane that simulates workloads."""

import asyncio

import msgspec

from deploy.helm.actions.plan import CanceledError, Plan
from deploy.helm.release import Release
from tests.deploy.helm.actions.world import World, config_map, deployment, failure, helm_release, hook, job, rendered

CRASHING = deployment(image="web:2-crashloop")


async def rollback(here: World, to: Release, *, stop: asyncio.Event | None = None, **settings: object) -> Release:
    obj = helm_release(rollback=settings, maxHistory=3)
    return await here.actions.rollback(Plan(obj=obj, release=to, timeout=1.0, stop=stop))


async def test_a_failed_upgrade_is_taken_back_in_a_revision_of_its_own(here: World) -> None:
    first = await here.install(deployment(), config_map(a="1"))
    await failure(here.upgrade(CRASHING, config_map(a="2"), config_map("made"), timeout=0.5))
    release = await rollback(here, first)
    assert here.storage.written[-3:] == ["v3 pending-rollback", "v1 superseded", "v3 deployed"]
    assert here.storage.states() == ["v1 superseded", "v2 failed", "v3 deployed"]
    assert release.info.description == "Rollback to 1"
    assert release.info.first_deployed == first.info.first_deployed < release.info.last_deployed
    assert (release.manifest, release.chart, release.info.notes) == (first.manifest, first.chart, "Thanks.")
    assert await here.image() == "web:1"
    assert await here.data() == {"a": "1"}
    assert await here.data("made") is None, "what the failed revision has made is gone"


async def test_a_rollback_runs_its_hooks(here: World) -> None:
    hooks = [hook(job(name), f"{name}-rollback", name=name) for name in ("pre", "post")]
    first = await here.install(config_map(a="1"), hooks=hooks)
    await here.upgrade(config_map(a="2"))
    release = await rollback(here, first)
    assert [each.last_run.phase for each in release.hooks] == ["Succeeded", "Succeeded"]
    assert await here.get("Job", "pre", api_version="batch/v1")


async def test_a_rollback_that_fails_is_stored_as_failed(here: World) -> None:
    hooks = [hook(job(image="web:1-crashloop"), "pre-rollback", name="migrate")]
    first = await here.install(config_map(a="1"), hooks=hooks)
    await here.upgrade(config_map(a="2"))
    error = await failure(rollback(here, first))
    assert error.stored
    assert here.storage.states() == ["v1 superseded", "v2 deployed", "v3 failed"]
    assert await here.description(3) == f'Rollback "web" failed: {error}'
    assert await here.data() == {"a": "2"}
    await rollback(here, first, disableHooks=True)
    assert await here.data() == {"a": "1"}


async def test_a_revision_that_was_forgotten_is_not_gone_back_to(here: World) -> None:
    await here.install(config_map())
    error = await failure(rollback(here, rendered(config_map(), version=7)))
    assert str(error) == "release has no 7 version"
    assert not error.stored


async def test_the_history_stays_within_its_limit(here: World) -> None:
    first = await here.install(config_map(a="1"))
    await here.upgrade(config_map(a="2"))
    await rollback(here, first)
    await rollback(here, msgspec.structs.replace(first, version=2))
    assert here.storage.states() == ["v2 superseded", "v3 superseded", "v4 deployed"]


async def test_what_a_failed_rollback_has_made_is_cleaned_up_where_asked_for(here: World) -> None:
    first = await here.install(CRASHING, config_map("made"), disableWait=True)
    await here.upgrade(deployment())
    await failure(rollback(here, first, cleanupOnFail=True))
    assert await here.data("made") is None
    assert await here.get("Deployment", "web", api_version="apps/v1")


async def test_the_wait_of_a_rollback_is_ended_from_outside(here: World) -> None:
    first = await here.install(CRASHING, disableWait=True)
    await here.upgrade(deployment())
    stop = asyncio.Event()
    stop.set()
    assert isinstance(await failure(rollback(here, first, stop=stop)), CanceledError)
    assert here.storage.states() == ["v1 superseded", "v2 deployed", "v3 failed"]
