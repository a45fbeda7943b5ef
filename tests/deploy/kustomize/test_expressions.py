"""Expressions of a Kustomization: when a dependency is ready, when objects are well, and what ends the wait."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gotk.api import scheme
from gotk.runtime import errors
from tests.deploy.kustomize import world
from tests.deploy.kustomize.sources import config_map, kustomization
from tests.deploy.kustomize.test_kustomization import pytestmark as needs_kustomize
from tests.deploy.kustomize.world import World
from tests.running import FakeRun

pytestmark = needs_kustomize
TERMINAL = "Reconciliation failed terminally due to configuration error: "
SAME = "self.metadata.labels.version == dep.metadata.labels.version"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world.new(tmp_path) as made:
        made.publish({"cm.yaml": config_map()})
        yield made


async def put_base(here: World, **labels: str) -> None:
    base = scheme.to_builtins(kustomization("base"))
    base["metadata"] = {"name": "base", "namespace": "default", "labels": labels}
    await here.client.apply_object(base, field_manager="someone")


def dependent(text: str) -> Any:
    plain = scheme.to_builtins(
        kustomization(targetNamespace="default", dependsOn=[{"name": "base", "readyExpr": text}])
    )
    plain["metadata"]["labels"] = {"version": "2"}
    return scheme.convert(plain, type(kustomization()))


async def test_an_expression_says_when_a_dependency_is_ready(here: World) -> None:
    await put_base(here, version="1")
    ended = await here.reconcile(dependent(SAME))
    assert ended.ready == (
        "False",
        "DependencyNotReady",
        "dependency 'default/base' is not ready according to readyExpr eval",
    )
    assert isinstance(ended.error, errors.Waiting)
    await put_base(here, version="2")
    ended = await here.reconcile(dependent(SAME))
    assert ended.ready[0] == "True", "the dependency itself was never reconciled, and need not be"


async def test_with_the_feature_gate_an_expression_comes_on_top(here: World) -> None:
    await put_base(here, version="2")
    here.reconciler = here.reconciler_for(here.client, additive_expressions=True)
    ended = await here.reconcile(dependent(SAME))
    assert ended.ready == ("False", "DependencyNotReady", "dependency 'default/base' is not ready")


INVALID = {
    "unreadable": ("self.", "failed to evaluate dependency base: failed to parse the CEL expression 'self.': "),
    "of another type": (
        "dep.metadata.name",
        "failed to evaluate dependency base: CEL expression output type mismatch: expected bool, got dyn",
    ),
    "of an unknown variable": (
        "other.x == 1",
        "failed to evaluate dependency base: failed to parse the CEL expression",
    ),
}


async def test_an_expression_that_cannot_be_used_stalls_and_one_that_fails_is_asked_again(here: World) -> None:
    await put_base(here)
    for name, (text, message) in INVALID.items():
        ended = await here.reconcile(dependent(text))
        assert ended.ready[:2] == ("False", "InvalidCELExpression"), name
        assert ended.ready[2].startswith(f"{TERMINAL}{message}"), name
        assert isinstance(ended.error, errors.Stalled)
    ended = await here.reconcile(dependent("dep.status.nothing == 1"))
    assert ended.ready[1] == "DependencyNotReady"
    assert ended.ready[2].startswith("failed to evaluate the CEL expression 'dep.status.nothing == 1': ")


async def test_expressions_tell_when_objects_are_well(here: World) -> None:
    check = {"apiVersion": "v1", "kind": "ConfigMap", "current": "data.key == 'other'", "failed": "data.key == 'value'"}
    whole = {"wait": True, "targetNamespace": "default"}
    ended = await here.reconcile(kustomization(healthCheckExprs=[check], **whole))
    assert ended.ready[:2] == ("False", "HealthCheckFailed")
    assert "failed early due to stalled resources: [ConfigMap/default/cm status: 'Failed']" in ended.ready[2]
    check |= {"failed": "", "current": "data.key == 'value'"}
    ended = await here.reconcile(world.again(ended, healthCheckExprs=[check]))
    assert ended.ready[0] == "True"
    ended = await here.reconcile(world.again(ended, healthCheckExprs=[{**check, "current": "data."}]))
    assert ended.ready[:2] == ("False", "InvalidCELExpression")
    assert ended.ready[2].startswith(f"{TERMINAL}failed to create custom status evaluator for healthchecks[0]: ")


async def test_what_wakes_a_kustomization_ends_its_health_check_where_that_is_wanted(here: World) -> None:
    here.reconciler = here.reconciler_for(here.client, cancel_health_checks=True)
    never = {"apiVersion": "v1", "kind": "ConfigMap", "current": "false"}
    obj = kustomization(wait=True, targetNamespace="default", healthCheckExprs=[never])
    run: FakeRun[Any] = FakeRun(obj)
    run.woken.wake("GitRepository/default/src")
    with pytest.raises(errors.Waiting) as raised:
        await here.reconciler.reconcile(obj, run)
    assert (raised.value.reason, raised.value.message, raised.value.after) == (
        "HealthCheckCanceled",
        "New reconciliation triggered by GitRepository/default/src",
        0,
    )
    told = "Health checks canceled due to new reconciliation triggered by GitRepository/default/src"
    assert told in [event.message for event in run.events]
    assert run.status.history == ()
    assert await here.get("ConfigMap", "cm")
