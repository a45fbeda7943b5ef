"""Who shares an object with another Kustomization, or did when the other let it go, is applied for each revision."""

from typing import Any

import msgspec
import pytest

from deploy.kustomize.claims import Claims
from gotk.api.kustomize import Kustomization
from gotk.api.meta import ResourceInventory, ResourceRef
from tests.deploy.kustomize.sources import kustomization
from tests.virtual_clock import VirtualClock, in_virtual_time


def holding(name: str, *items: str, **spec: Any) -> Kustomization:
    obj = kustomization(name, **spec)
    inventory = ResourceInventory(entries=tuple(ResourceRef(id=f"default_{item}__ConfigMap", v="v1") for item in items))
    return msgspec.structs.replace(obj, status=msgspec.structs.replace(obj.status, inventory=inventory))


REMOTE = {"kubeConfig": {"secretRef": {"name": "far"}}}


@pytest.mark.parametrize(
    ("spec", "shared"),
    [pytest.param({}, True, id="in one cluster"), pytest.param(REMOTE, False, id="in another cluster")],
)
def test_an_object_in_two_inventories_is_shared(spec: dict[str, Any], shared: bool) -> None:
    claims = Claims(clock=VirtualClock())
    one, two, other = holding("one", "a", "b"), holding("two", "b", "c", **spec), holding("other", "d")
    for each in (one, two, other):
        assert not claims.changed(None, each)
    assert [claims.is_shared(each) for each in (one, two, other)] == [shared, shared, False]


@in_virtual_time
async def test_who_keeps_an_object_that_another_gave_up_looks_after_it_once() -> None:
    clock = VirtualClock()
    claims = Claims(clock=clock)
    one, two = holding("one", "a"), holding("two", "a", "b")
    claims.changed(None, one)
    claims.changed(None, two)
    await clock.sleep(1)
    claims.changed(two, holding("two", "b"))
    assert claims.is_shared(one)
    claims.applied(one, 0.5)  # by a run that had begun before
    assert claims.is_shared(one)
    claims.applied(one, 2.0)
    assert not claims.is_shared(one)


@in_virtual_time
async def test_who_is_gone_claims_nothing() -> None:
    claims = Claims(clock=VirtualClock())
    one, two = holding("one", "a"), holding("two", "a")
    claims.changed(None, one)
    claims.changed(None, two)
    claims.changed(one, None)
    claims.applied(two, 1e9)
    assert not claims.is_shared(two)


@in_virtual_time
async def test_who_goes_to_another_cluster_takes_the_claims_along() -> None:
    claims = Claims(clock=VirtualClock())
    one, two, far = holding("one", "a"), holding("two", "a"), holding("far", "a", **REMOTE)
    for each in (one, far):
        claims.changed(None, each)
    moved = holding("one", "a", **REMOTE)
    claims.changed(one, moved)
    claims.changed(None, two)
    assert [claims.is_shared(each) for each in (moved, far, two)] == [True, True, False]
