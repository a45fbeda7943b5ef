"""Applying as Helm 3 did, on a control plane."""

from typing import Any

import msgspec

from deploy.helm.actions.plan import Plan
from tests.deploy.helm.actions.world import World, config_map, deployment, failure, helm_release, hook

#: A server-side apply does not take two variables of a name.
TWICE = deployment().replace("ports:", "env: [{name: A, value: '1'}, {name: A, value: '2'}], ports:")


async def operations(here: World, name: str = "settings") -> list[tuple[str, str]]:
    entries = (await here.get("ConfigMap", name))["metadata"]["managedFields"]
    return [(entry["manager"], entry["operation"]) for entry in entries]


async def test_what_a_server_side_apply_refuses_is_applied_by_the_client(here: World) -> None:
    error = await failure(here.install(TWICE))
    assert "duplicate entries for key" in str(error)
    release = await here.install(TWICE, replace=True, serverSideApply=False)
    assert release.apply_method == "csa"
    live = await here.get("Deployment", "web", api_version="apps/v1")
    assert [each["value"] for each in live["spec"]["template"]["spec"]["containers"][0]["env"]] == ["1", "2"]
    await here.upgrade(TWICE.replace("web:1", "web:2"))
    assert await here.image() == "web:2"


async def test_an_upgrade_is_applied_as_the_revision_before_unless_it_is_told_otherwise(here: World) -> None:
    first = await here.install(config_map(a="1", b="1"), serverSideApply=False)
    assert await operations(here) == [("helm-controller", "Update")]
    second = await here.upgrade(config_map(a="2"))
    assert (first.apply_method, second.apply_method) == ("csa", "csa")
    assert await here.data() == {"a": "2"}
    third = await here.upgrade(config_map(a="3", c="1"), serverSideApply="enabled")
    assert third.apply_method == "ssa"
    assert await operations(here) == [("helm-controller", "Apply")]
    await here.upgrade(config_map(a="4"))
    assert await here.data() == {"a": "4"}
    fifth = await here.upgrade(config_map(a="5"), serverSideApply="disabled")
    assert fifth.apply_method == "csa"
    assert await here.data() == {"a": "5"}


async def test_a_rollback_is_applied_as_the_revision_was_that_it_goes_back_to(here: World) -> None:
    first = await here.install(config_map(a="1"), serverSideApply=False)
    await here.upgrade(config_map(a="2", b="2"), serverSideApply="enabled")
    release = await here.actions.rollback(Plan(obj=helm_release(), release=first, timeout=5))
    assert release.apply_method == "csa"
    assert await here.data() == {"a": "1"}


async def test_a_release_of_helm_3_names_no_method_and_stays_with_the_client(here: World) -> None:
    first = await here.install(config_map(a="1"), serverSideApply=False)
    await here.storage.update(msgspec.structs.replace(first, apply_method=""))
    assert (await here.upgrade(config_map(a="2"))).apply_method == "csa"


async def test_what_others_have_written_stays_unless_forced(here: World) -> None:
    await here.install(config_map(a="1"), serverSideApply=False)
    theirs: dict[str, Any] = {"data": {"theirs": "x"}, "metadata": {"labels": {"theirs": "x"}}}
    await here.client.patch_object("v1", "ConfigMap", "default", "settings", theirs)
    await here.upgrade(config_map(a="2"))
    assert await here.data() == {"a": "2", "theirs": "x"}
    await here.upgrade(config_map(a="3"), force=True)
    assert await here.data() == {"a": "3"}
    assert (await here.get("ConfigMap", "settings"))["metadata"]["labels"]["theirs"] == "x"


async def test_definitions_and_namespaces_come_first(here: World) -> None:
    namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
    inside = config_map("a").replace("name: a", "name: a\n  namespace: shop")
    await here.install(inside, namespace, serverSideApply=False)
    assert await here.get("ConfigMap", "a", namespace="shop")


async def test_the_first_refusal_ends_it_and_tells_no_secret(here: World) -> None:
    secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: not-base64-hunter22}\n"
    error = await failure(here.install(config_map("a"), secret, serverSideApply=False))
    assert str(error).startswith("Secret/default/s apply failed: ")
    assert "hunter22" not in str(error)
    assert await here.data("a")


async def test_a_hook_that_is_there_already_fails_unless_its_policy_deletes_it(here: World) -> None:
    kept = [hook(config_map("a"), "pre-install", "pre-upgrade", name="a", policies=["hook-failed"])]
    await here.install(config_map(), hooks=kept, serverSideApply=False)
    error = await failure(here.upgrade(config_map(), hooks=kept))
    assert "already exists" in str(error)
