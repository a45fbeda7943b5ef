"""Hooks, on a control plane that simulates workloads."""

from collections.abc import Sequence

import pytest

from deploy.helm.actions.plan import Plan
from tests.deploy.helm.actions.world import World, config_map, deployment, failure, helm_release, hook, job, rendered

POD = """---
apiVersion: v1
kind: Pod
metadata: {name: check}
spec: {restartPolicy: Never, containers: [{name: main, image: "web:1"}]}
"""


def phases(here: World, version: int = 1) -> list[str]:
    return [each.last_run.phase for each in here.storage.releases["web", version].hooks]


async def test_hooks_run_to_their_end_and_their_execution_is_stored(here: World) -> None:
    release = await here.install(config_map(), hooks=[hook(job(), "pre-install", name="migrate")])
    ran = release.hooks[0].last_run
    assert ran.phase == "Succeeded"
    assert "" < ran.started_at < ran.completed_at
    assert here.storage.written == ["v1 pending-install", "v1 pending-install", "v1 deployed"]
    live = await here.get("Job", "migrate", api_version="batch/v1")
    assert live["status"]["succeeded"] == 1


async def test_hooks_are_no_part_of_the_release(here: World) -> None:
    await here.install(config_map(), hooks=[hook(config_map("greeting"), "post-install", name="greeting")])
    metadata = (await here.get("ConfigMap", "greeting"))["metadata"]
    assert not metadata.get("labels")
    assert not metadata.get("annotations")
    await here.upgrade(config_map())
    assert await here.data("greeting"), "what is no part of the old revision is not removed with it"


async def test_only_the_hooks_of_the_moment_run(here: World) -> None:
    both = [hook(config_map(name), event, name=name) for name, event in (("a", "pre-install"), ("b", "post-upgrade"))]
    await here.install(config_map(), hooks=both)
    assert (await here.data("a"), await here.data("b")) == ({"a": "b"}, None)
    await here.upgrade(config_map(), hooks=both)
    assert await here.data("b")


async def test_hooks_run_by_weight_and_name_and_the_first_failure_ends_the_action(here: World) -> None:
    failing = hook(job("failing", image="web:1-crashloop"), "pre-install", name="failing", weight=1)
    first = hook(job("z"), "pre-install", name="z", weight=-5)
    last = hook(job("a"), "pre-install", name="a", weight=1_000)
    error = await failure(here.install(config_map(), hooks=[last, failing, first]))
    assert str(error).startswith("failed pre-install: failed early due to stalled resources: [Job/default/failing ")
    assert error.stored
    assert phases(here) == ["", "Failed", "Succeeded"]
    assert here.storage.states() == ["v1 failed"]
    assert await here.data() is None, "nothing was applied"


async def test_a_hook_that_fails_an_upgrade_is_told_as_helm_tells_it(here: World) -> None:
    await here.install(deployment())
    failing = hook(POD.replace("web:1", "web:1-crashloop"), "pre-upgrade", name="check")
    error = await failure(here.upgrade(deployment(image="web:2"), hooks=[failing]))
    assert str(error).startswith("pre-upgrade hooks failed: failed early due to stalled resources: [Pod/default/check ")
    assert str(error).endswith("pod check failed]")
    assert await here.image() == "web:1"
    assert here.storage.states() == ["v1 deployed", "v2 failed"]


async def test_a_hook_that_never_ends_is_bounded_by_the_timeout(here: World) -> None:
    endless = hook(job(image="web:1-neverready"), "post-install", name="endless")
    error = await failure(here.install(config_map(), hooks=[endless], timeout=0.5))
    assert str(error).startswith("failed post-install: timeout waiting for: [Job/default/migrate ")
    assert await here.data()


LEFT: dict[str, tuple[Sequence[str], str, bool]] = {
    "by default it stays": ((), "web:1", True),
    "after success": (("hook-succeeded",), "web:1", False),
    "after success, but it failed": (("hook-succeeded",), "web:1-crashloop", True),
    "after a failure": (("hook-failed",), "web:1-crashloop", False),
    "after a failure, but it succeeded": (("before-hook-creation", "hook-failed"), "web:1", True),
}


@pytest.mark.parametrize(("policies", "image", "stays"), LEFT.values(), ids=LEFT)
async def test_policies_say_what_is_deleted(here: World, policies: Sequence[str], image: str, stays: bool) -> None:
    work = here.install(config_map(), hooks=[hook(job(image=image), "pre-install", name="migrate", policies=policies)])
    await (failure(work) if "crash" in image else work)
    assert (await here.get("Job", "migrate", api_version="batch/v1") is not None) == stays


async def test_a_failure_deletes_the_earlier_hooks_that_go_after_success(here: World) -> None:
    first = hook(job("first"), "pre-install", name="first", policies=["hook-succeeded"], weight=-1)
    second = hook(job("second", image="web:1-crashloop"), "pre-install", name="second")
    await failure(here.install(config_map(), hooks=[first, second]))
    assert await here.get("Job", "first", api_version="batch/v1") is None
    assert await here.get("Job", "second", api_version="batch/v1")


async def test_a_hook_is_made_anew_where_an_earlier_run_has_left_one(here: World) -> None:
    hooks = [hook(job(), ["pre-install", "pre-upgrade"][0], "pre-upgrade", name="migrate")]
    await here.install(config_map(), hooks=hooks)
    first = await here.get("Job", "migrate", api_version="batch/v1")
    await here.upgrade(config_map(), hooks=hooks)
    second = await here.get("Job", "migrate", api_version="batch/v1")
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    assert phases(here, 2) == ["Succeeded"]


async def test_a_definition_is_never_deleted_as_a_hook(here: World) -> None:
    definition = """---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.shop.io}
spec:
  group: shop.io
  scope: Namespaced
  names: {kind: Gadget, listKind: GadgetList, plural: gadgets, singular: gadget}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"""
    policies = ["before-hook-creation", "hook-succeeded"]
    await here.install(config_map(), hooks=[hook(definition, "pre-install", name="crd", policies=policies)])
    assert await here.get("CustomResourceDefinition", "gadgets.shop.io", api_version="apiextensions.k8s.io/v1")


async def test_a_name_may_be_left_to_the_cluster(here: World) -> None:
    nameless = hook(job().replace("name: migrate", "generateName: migrate-"), "pre-install", name="")
    release = await here.install(config_map(), hooks=[nameless])
    assert release.hooks[0].last_run.phase == "Succeeded"
    found = await here.client.list_objects("batch/v1", "Job", "default")
    assert [each["metadata"]["name"].startswith("migrate-") for each in found] == [True]


async def test_disabled_hooks_do_not_run(here: World) -> None:
    await here.install(config_map(), hooks=[hook(config_map("a"), "pre-install", name="a")], disableHooks=True)
    assert await here.data("a") is None


async def test_a_hook_that_the_server_refuses_is_named_and_no_secret_is_told(here: World) -> None:
    secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: not-base64-hunter22}\n"
    error = await failure(here.install(config_map(), hooks=[hook(secret, "pre-install", name="s")]))
    assert str(error).startswith("failed pre-install: warning: Hook pre-install web/templates/s.yaml failed: ")
    assert "hunter22" not in str(error)
    assert phases(here) == ["Failed"]


async def test_a_hook_of_a_kind_that_nobody_serves_is_named(here: World) -> None:
    gadget = "apiVersion: shop.io/v1\nkind: Gadget\nmetadata: {name: g}\n"
    error = await failure(here.install(config_map(), hooks=[hook(gadget, "pre-install", name="g")]))
    start = "failed pre-install: unable to build kubernetes object for pre-install hook web/templates/g.yaml: "
    assert str(error).startswith(start)


async def test_hooks_go_to_the_namespace_of_the_release(here: World) -> None:
    obj = helm_release(targetNamespace="shop", install={"createNamespace": True})
    release = rendered(config_map(), namespace="shop", hooks=[hook(config_map("a"), "pre-install", name="a")])
    await here.actions.install(Plan(obj=obj, release=release, timeout=5))
    assert await here.get("ConfigMap", "a", namespace="shop")
