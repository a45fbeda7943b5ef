"""The tests of a chart, on a control plane that simulates workloads."""

from typing import Any

from deploy.helm.actions.plan import Plan
from deploy.helm.release import Hook, Release
from tests.deploy.helm.actions.world import World, config_map, failure, helm_release, hook, job


def hooks_of(**images: str) -> list[Hook]:
    return [hook(job(name, image=image), "test", name=name) for name, image in images.items()]


async def run(here: World, release: Release, *filters: dict[str, Any]) -> Release:
    obj = helm_release(test={"enable": True, "filters": list(filters)})
    return await here.actions.test(Plan(obj=obj, release=release, timeout=5.0))


def phases(release: Release) -> dict[str, str]:
    return {each.name: each.last_run.phase for each in release.hooks}


async def test_the_tests_run_and_how_they_ended_is_stored(here: World) -> None:
    made = await here.install(config_map(), hooks=hooks_of(one="web:1", two="web:1"))
    assert phases(made) == {"one": "", "two": ""}, "an install runs none"
    tested = await run(here, made)
    assert phases(tested) == {"one": "Succeeded", "two": "Succeeded"}
    assert here.storage.releases["web", 1] == tested
    assert tested.info.status == "deployed"


async def test_a_failed_test_ends_them_and_is_stored(here: World) -> None:
    made = await here.install(config_map(), hooks=hooks_of(a="web:1", b="web:1-crashloop", c="web:1"))
    error = await failure(run(here, made))
    assert error.stored
    assert str(error).startswith("failed early due to stalled resources: [Job/default/b ")
    assert phases(here.storage.releases["web", 1]) == {"a": "Succeeded", "b": "Failed", "c": ""}
    assert here.storage.states() == ["v1 deployed"]


async def test_filters_choose_by_name(here: World) -> None:
    made = await here.install(config_map(), hooks=hooks_of(a="web:1", b="web:1-crashloop", c="web:1"))
    tested = await run(here, made, {"name": "b", "exclude": True}, {"name": "a"}, {"name": "b"})
    assert phases(tested) == {"a": "Succeeded", "b": "", "c": ""}


async def test_a_chart_without_tests_passes(here: World) -> None:
    assert phases(await run(here, await here.install(config_map()))) == {}


async def test_only_the_last_revision_is_tested(here: World) -> None:
    first = await here.install(config_map())
    await here.upgrade(config_map())
    error = await failure(run(here, first))
    assert str(error) == "release default/web.v1 is no longer the last one, and is not tested"
    assert not error.stored


async def test_a_release_that_was_left_pending_is_unlocked_and_goes_on(here: World) -> None:
    first = await here.install(config_map(a="1"))
    here.storage.refusals = [None, None, OSError("killed")]
    try:
        await here.upgrade(config_map(a="2"))
    except OSError:
        assert here.storage.states() == ["v1 superseded", "v2 pending-upgrade"]
    last = await here.storage.last("web")
    assert last is not None
    unlocked = await here.actions.unlock(last)
    assert unlocked.info.status == "failed"
    assert await here.description(2) == "Release unlocked from stale 'pending-upgrade' state"
    assert await here.actions.unlock(first) == first, "it was not locked"
    await here.upgrade(config_map(a="3"))
    assert here.storage.states() == ["v1 superseded", "v2 failed", "v3 deployed"]
