"""Uninstalling, on a control plane that simulates workloads."""

from deploy.helm.actions import recording
from deploy.helm.release import Release
from gotk.kube.errors import APIError
from tests.deploy.helm.actions.world import World, config_map, deployment, failure, helm_release, hook, job

KEEP = "  annotations: {helm.sh/resource-policy: keep}\n"
HELD = "  finalizers: [example.com/held]\n"


async def uninstall(here: World, *, timeout: float = 1.0, **settings: object) -> Release | None:
    return await here.actions.uninstall(helm_release(uninstall=settings), "web", timeout=timeout)


async def test_objects_and_history_are_gone(here: World) -> None:
    await here.install(deployment(), config_map())
    await here.upgrade(deployment(), config_map(a="2"))
    release = await uninstall(here)
    assert release is not None
    assert (release.version, release.info.status) == (2, "uninstalled")
    assert release.info.description == "Uninstallation complete"
    assert release.info.deleted != ""
    assert here.storage.states() == []
    assert await here.data() is None
    assert await here.get("Deployment", "web", api_version="apps/v1") is None


async def test_the_history_is_kept_where_asked_for(here: World) -> None:
    await here.install(config_map())
    await failure(here.upgrade(deployment(image="web:1-crashloop"), timeout=0.3))
    await uninstall(here, keepHistory=True)
    assert here.storage.written[-3:] == ["v2 uninstalling", "v2 uninstalled", "v1 superseded"]
    assert here.storage.states() == ["v1 superseded", "v2 uninstalled"]


async def test_what_is_uninstalled_already_is_forgotten_unless_it_is_to_be_kept(here: World) -> None:
    await here.install(config_map())
    await uninstall(here, keepHistory=True)
    written = len(here.storage.written)
    kept = await uninstall(here, keepHistory=True)
    assert kept is not None
    assert kept.info.status == "uninstalled"
    assert len(here.storage.written) == written
    await uninstall(here)
    assert here.storage.states() == []


async def test_where_nothing_is_stored_there_is_nothing_to_do(here: World) -> None:
    assert await uninstall(here) is None


async def test_what_asks_to_be_kept_or_is_another_releases_stays(here: World) -> None:
    await here.install(config_map("kept", metadata=KEEP), config_map("taken"), config_map("gone"))
    taken = {"metadata": {"annotations": {"meta.helm.sh/release-name": "other"}}}
    await here.client.patch_object("v1", "ConfigMap", "default", "taken", taken)
    await uninstall(here)
    assert await here.data("kept")
    assert await here.data("taken")
    assert await here.data("gone") is None


async def test_what_a_failed_upgrade_no_longer_had_goes_as_well(here: World) -> None:
    await here.install(config_map("old"))
    await failure(here.upgrade(deployment().replace("replicas: 1", "replicas: many")))
    assert await here.data("old")
    await uninstall(here)
    assert await here.data("old") is None


async def test_hooks_run_before_and_after(here: World) -> None:
    hooks = [hook(job(name), f"{name}-delete", name=name) for name in ("pre", "post")]
    await here.install(config_map(), hooks=hooks)
    release = await uninstall(here)
    assert release is not None
    assert [each.last_run.phase for each in release.hooks] == ["Succeeded", "Succeeded"]
    assert await here.get("Job", "post", api_version="batch/v1"), "no policy deletes it"


async def test_a_failed_hook_before_keeps_the_objects(here: World) -> None:
    await here.install(config_map(), hooks=[hook(job(image="web:1-crashloop"), "pre-delete", name="migrate")])
    error = await failure(uninstall(here))
    assert error.stored
    assert here.storage.states() == ["v1 uninstalling"]
    assert here.storage.releases["web", 1].hooks[0].last_run.phase == "Failed"
    assert await here.data()
    await uninstall(here, disableHooks=True)
    assert await here.data() is None


async def test_a_failed_hook_after_is_told_and_keeps_nothing_back(here: World) -> None:
    await here.install(config_map(), hooks=[hook(job(image="web:1-crashloop"), "post-delete", name="migrate")])
    error = await failure(uninstall(here))
    assert str(error).startswith("uninstallation completed with 1 error(s): failed early due to stalled resources: [")
    assert here.storage.states() == []


async def test_what_does_not_go_in_time_is_told(here: World) -> None:
    await here.install(config_map("held", metadata=HELD))
    error = await failure(uninstall(here, timeout=0.3))
    told = "uninstallation completed with 1 error(s): still there after 300ms: ConfigMap/default/held"
    assert str(error) == told
    assert here.storage.states() == []


async def test_without_waiting_what_goes_later_is_no_failure(here: World) -> None:
    await here.install(config_map("held", metadata=HELD))
    await uninstall(here, disableWait=True)
    assert here.storage.states() == []


async def test_orphans_are_left_where_asked_for(here: World) -> None:
    await here.install(deployment())
    await uninstall(here, deletionPropagation="orphan")
    assert await here.get("Deployment", "web", api_version="apps/v1") is None
    assert len(await here.client.list_objects("apps/v1", "ReplicaSet", "default")) == 1


async def test_a_history_that_cannot_be_forgotten_is_told(here: World) -> None:
    release = await here.install(config_map())
    here.storage.removals = [APIError(403, "Forbidden", "not you")]
    error = await failure(uninstall(here))
    assert str(error) == "uninstall: Failed to purge the release: not you"
    assert here.storage.states() == ["v1 uninstalling"]
    await here.actions.unlock(recording.marked(release, "uninstalling", ""))
    assert await here.description(1) == "Release unlocked from stale 'uninstalling' state"
