"""Whose objects a release may make its own, and the namespace that it may make."""

from deploy.helm.actions.plan import Plan
from tests.deploy.helm.actions.world import World, config_map, failure, helm_release, rendered

THEIRS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "default"},
    "data": {"theirs": "x"},
}
START = (
    'unable to continue with install: ConfigMap "settings" in namespace "default" exists and cannot be imported into '
    "the current release: invalid ownership metadata; "
)


async def test_objects_of_others_are_taken_over_by_default(here: World) -> None:
    await here.client.create_object(THEIRS)
    await here.install(config_map(a="b"))
    assert await here.data() == {"theirs": "x", "a": "b"}


async def test_objects_of_others_are_left_where_taking_over_is_switched_off(here: World) -> None:
    await here.client.create_object(THEIRS)
    error = await failure(here.install(config_map(a="b"), disableTakeOwnership=True))
    assert str(error) == START + (
        'label validation error: missing key "app.kubernetes.io/managed-by": must be set to "Helm"; '
        'annotation validation error: missing key "meta.helm.sh/release-name": must be set to "web"; '
        'annotation validation error: missing key "meta.helm.sh/release-namespace": must be set to "default"'
    )
    assert not error.stored
    assert here.storage.written == []
    assert await here.data() == {"theirs": "x"}


async def test_what_is_marked_for_the_release_is_its_own(here: World) -> None:
    marks = {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "default"}
    metadata = {
        "name": "settings",
        "namespace": "default",
        "annotations": marks,
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
    }
    await here.client.create_object({**THEIRS, "metadata": metadata})
    await here.install(config_map(a="b"), disableTakeOwnership=True)
    assert await here.data() == {"theirs": "x", "a": "b"}


async def test_an_upgrade_takes_no_more_than_the_older_revision_had(here: World) -> None:
    await here.install(config_map("old"))
    await here.client.create_object(THEIRS)
    error = await failure(here.upgrade(config_map("old"), config_map(a="b"), disableTakeOwnership=True))
    assert str(error).startswith(START.replace("install", "update"))
    release = await here.upgrade(config_map("old", a="c"), disableTakeOwnership=True)
    assert release.version == 2


async def test_another_releases_object_is_told_apart(here: World) -> None:
    marks = {"meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": "default"}
    metadata = {
        "name": "settings",
        "namespace": "default",
        "annotations": marks,
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
    }
    await here.client.create_object({**THEIRS, "metadata": metadata})
    error = await failure(here.install(config_map(a="b"), disableTakeOwnership=True))
    assert str(error) == START + (
        'annotation validation error: key "meta.helm.sh/release-name" must equal "web": current value is "other"'
    )


async def test_the_target_namespace_is_made_where_asked_for(here: World) -> None:
    obj = helm_release(targetNamespace="shop", install={"createNamespace": True})
    plan = Plan(obj=obj, release=rendered(config_map(), namespace="shop"), timeout=5)
    await here.actions.install(plan)
    assert (await here.get("Namespace", "shop", namespace=""))["metadata"]["labels"]["name"] == "shop"
    assert await here.get("ConfigMap", "settings", namespace="shop")


async def test_a_namespace_that_is_there_stays_as_it_is(here: World) -> None:
    await here.client.create_object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    obj = helm_release(targetNamespace="shop", install={"createNamespace": True})
    await here.actions.install(Plan(obj=obj, release=rendered(config_map(), namespace="shop"), timeout=5))
    assert "name" not in ((await here.get("Namespace", "shop", namespace=""))["metadata"].get("labels") or {})


async def test_without_its_namespace_a_release_fails(here: World) -> None:
    obj = helm_release(targetNamespace="shop")
    error = await failure(
        here.actions.install(Plan(obj=obj, release=rendered(config_map(), namespace="shop"), timeout=5))
    )
    assert str(error) == 'ConfigMap/shop/settings not found: namespaces "shop" not found'
