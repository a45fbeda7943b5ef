"""What a release waits for, by strategy and by the expressions of its object."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from deploy.cluster.expressions import Checks
from deploy.cluster.health import Health
from deploy.cluster.wait import NO_RULES, Rules
from deploy.helm.actions.plan import Plan
from gotk.api.meta import CustomHealthCheck
from gotk.cel.evaluator import Evaluator
from gotk.runtime.clock import SystemClock
from tests.deploy.helm.actions.world import World, deployment, failure, helm_release, job, rendered

DEFINITION = """---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.shop.io}
spec:
  group: shop.io
  scope: Namespaced
  names: {kind: Gadget, listKind: GadgetList, plural: gadgets, singular: gadget}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
GADGET = "---\napiVersion: shop.io/v1\nkind: Gadget\nmetadata: {name: g}\nspec: {size: SIZE}\n"
NOT_READY = {"status": {"conditions": [{"type": "Ready", "status": "False", "message": "later"}]}}


class Failing:
    """Rules for which every Gadget has failed."""

    async def health(self, obj: Mapping[str, Any]) -> Health | None:
        return Health("Failed", "broken") if obj["kind"] == "Gadget" else None


@pytest.fixture
async def gadgets(here: World) -> World:
    """A release with a Gadget that is not ready."""
    await here.install(DEFINITION, GADGET.replace("SIZE", "1"), disableWait=True)
    await here.client.patch_object("shop.io/v1", "Gadget", "default", "g", NOT_READY)
    return here


@pytest.fixture
async def evaluator() -> AsyncIterator[Evaluator]:
    async with Evaluator(clock=SystemClock()) as made:
        yield made


async def upgrade(here: World, *more: str, checks: Rules = NO_RULES, **spec: Any) -> None:
    release = rendered(DEFINITION, GADGET.replace("SIZE", "2"), *more, version=2)
    await here.actions.upgrade(Plan(obj=helm_release(**spec), release=release, timeout=0.4, checks=checks))


async def test_an_object_that_says_that_it_is_not_ready_is_awaited(gadgets: World) -> None:
    error = await failure(upgrade(gadgets))
    assert str(error) == "timeout waiting for: [Gadget/default/g status: 'InProgress']"


async def test_the_legacy_strategy_knows_no_kinds_beside_helms_own(gadgets: World) -> None:
    await upgrade(gadgets, waitStrategy={"name": "legacy"})
    assert gadgets.storage.states() == ["v1 superseded", "v2 deployed"]


async def test_the_legacy_strategy_awaits_workloads_and_does_not_fail_early(gadgets: World) -> None:
    failing, waiting = job(image="web:1-crashloop"), deployment(image="web:1-crashloop")
    error = await failure(upgrade(gadgets, failing, waiting, waitStrategy={"name": "legacy"}))
    assert str(error).startswith("timeout waiting for: [")
    assert "Job/default/migrate status: 'Failed': " in str(error)


async def test_expressions_tell_the_health_of_their_kinds(gadgets: World, evaluator: Evaluator) -> None:
    check = CustomHealthCheck(api_version="shop.io/v1", kind="Gadget", current="spec.size == 2")
    await upgrade(gadgets, checks=Checks([check], expressions=evaluator, owner="u"))
    assert gadgets.storage.states() == ["v1 superseded", "v2 deployed"]


async def test_a_failure_that_a_rule_tells_ends_the_wait_early(gadgets: World) -> None:
    error = await failure(upgrade(gadgets, checks=Failing()))
    assert str(error).startswith("failed early due to stalled resources: [Gadget/default/g status: 'Failed': broken")


async def test_rules_are_for_the_poller_alone(gadgets: World) -> None:
    await upgrade(gadgets, checks=Failing(), waitStrategy={"name": "legacy"})
    assert gadgets.storage.states() == ["v1 superseded", "v2 deployed"]


async def test_a_job_that_cleans_itself_up_is_done_when_it_is_gone(here: World) -> None:
    manifest = """---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  ttlSecondsAfterFinished: 0
  template: {spec: {restartPolicy: Never, containers: [{name: main, image: "web:1"}]}}
"""
    release = await here.install(manifest)
    assert release.info.status == "deployed"
