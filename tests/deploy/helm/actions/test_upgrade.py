"""Upgrading, on a control plane that simulates workloads."""

import asyncio

import pytest

from deploy.helm.actions.plan import CanceledError
from tests.deploy.helm.actions.world import World, config_map, deployment, failure

CRASHING = deployment(image="web:2-crashloop")
KEEP = "  annotations: {helm.sh/resource-policy: keep}\n"


async def test_an_upgrade_supersedes_the_revision_before(here: World) -> None:
    first = await here.install(deployment())
    second = await here.upgrade(deployment(image="web:2"))
    assert here.storage.written[2:] == ["v2 pending-upgrade", "v1 superseded", "v2 deployed"]
    assert second.info.description == "Upgrade complete"
    assert await here.description(1) == "Install complete"
    assert second.info.first_deployed == first.info.first_deployed < second.info.last_deployed
    assert await here.image() == "web:2"


async def test_what_the_new_revision_does_not_have_is_removed(here: World) -> None:
    await here.install(config_map("a"), config_map("b"), config_map("kept", metadata=KEEP))
    await here.upgrade(config_map("a"))
    assert await here.data("a")
    assert await here.data("b") is None
    assert await here.data("kept"), "it asks to be kept"


async def test_what_another_release_has_taken_over_is_not_removed(here: World) -> None:
    await here.install(config_map("a"), config_map("b"))
    await here.client.patch_object(
        "v1", "ConfigMap", "default", "b", {"metadata": {"annotations": {"meta.helm.sh/release-name": "other"}}}
    )
    await here.upgrade(config_map("a"))
    assert await here.data("b")


async def test_a_failed_upgrade_leaves_the_deployed_revision_deployed(here: World) -> None:
    await here.install(deployment())
    error = await failure(here.upgrade(CRASHING, timeout=0.5))
    assert error.stored
    assert here.storage.states() == ["v1 deployed", "v2 failed"]
    assert await here.description(2) == f'Upgrade "web" failed: {error}'
    await here.upgrade(deployment(image="web:3"))
    assert here.storage.states() == ["v1 superseded", "v2 failed", "v3 deployed"]


async def test_what_a_failed_revision_has_made_is_removed_by_the_next_one(here: World) -> None:
    await here.install(deployment())
    await failure(here.upgrade(CRASHING, config_map("made"), timeout=0.5))
    assert await here.data("made")
    await here.upgrade(deployment(image="web:3"))
    assert await here.data("made") is None


async def test_what_a_failed_upgrade_has_made_is_cleaned_up_where_asked_for(here: World) -> None:
    await here.install(deployment(), config_map("old"))
    await failure(here.upgrade(CRASHING, config_map("old"), config_map("made"), timeout=0.5, cleanupOnFail=True))
    assert await here.data("made") is None
    assert await here.data("old")
    assert await here.get("Deployment", "web", api_version="apps/v1")


async def test_an_upgrade_of_nothing_is_refused(here: World) -> None:
    error = await failure(here.upgrade(config_map()))
    assert str(error) == '"web" has no deployed releases'
    assert not error.stored


async def test_a_release_that_somebody_works_on_is_left_alone(here: World) -> None:
    here.storage.refusals = [None, OSError("killed")]
    try:
        await here.install(config_map())
    except OSError:
        assert here.storage.states() == ["v1 pending-install"]
    error = await failure(here.upgrade(config_map()))
    assert str(error) == "another operation (install/upgrade/rollback) is in progress"
    assert not error.stored


async def test_the_oldest_revisions_are_forgotten(here: World) -> None:
    await here.install(config_map())
    for number in range(2, 5):
        await here.upgrade(config_map(a=str(number)), max_history=2)
    assert here.storage.states() == ["v3 superseded", "v4 deployed"]


async def test_the_wait_of_an_upgrade_is_ended_from_outside(here: World) -> None:
    await here.install(deployment())
    stop = asyncio.Event()
    stop.set()
    error = await failure(here.upgrade(CRASHING, stop=stop))
    assert isinstance(error, CanceledError)
    assert here.storage.states() == ["v1 deployed", "v2 failed"]


async def test_immutable_fields_are_not_changed_even_by_force(here: World) -> None:
    await here.install(deployment())
    changed = deployment().replace("app: web", "app: another")
    error = await failure(here.upgrade(changed, force=True))
    assert "immutable" in str(error)
    assert await here.image() == "web:1"


async def test_an_upgrade_that_is_cut_off_stays_pending_and_is_mended_by_unlocking(here: World) -> None:
    await here.install(deployment())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await here.upgrade(CRASHING)
    assert here.storage.states() == ["v1 deployed", "v2 pending-upgrade"]
    last = await here.storage.last("web")
    assert last is not None
    await here.actions.unlock(last)
    await here.upgrade(deployment(image="web:3"))
    assert here.storage.states() == ["v1 superseded", "v2 failed", "v3 deployed"]
    assert await here.image() == "web:3"
