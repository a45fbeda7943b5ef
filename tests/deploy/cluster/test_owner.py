"""Applying for an owner, to the cluster that it names: nothing here knows a Kind."""

import copy
from typing import Any

import pytest

from deploy.cluster import apply, inventory, objects, prune, trial, wait
from deploy.cluster.changes import Change
from deploy.cluster.owner import Owner
from gotk.kube import errors
from gotk.runtime.clock import SystemClock
from tests.deploy.cluster import owners

OTHER = Owner(field="b-controller", group="b.example.com", name="app", namespace="default", namespace_advice="")


class Cluster:
    """A cluster in memory, whose admission may change what is applied."""

    def __init__(self, **defaults: str) -> None:
        self.held: dict[str, dict[str, Any]] = {}
        self._defaults = defaults

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        try:
            return copy.deepcopy(self.held[name])
        except KeyError:
            raise errors.NotFound(404, "NotFound", "not found") from None

    async def apply_object(
        self,
        obj: dict[str, Any],
        *,
        field_manager: str,
        force: bool = True,
        dry_run: bool = False,
        strict: bool = False,
    ) -> dict[str, Any]:
        applied = copy.deepcopy(obj)
        applied["data"] = {**applied.get("data", {}), **self._defaults}
        applied["metadata"] |= {"resourceVersion": "1", "managedFields": [{"manager": field_manager}]}
        if not dry_run:
            self.held[obj["metadata"]["name"]] = applied
        return applied

    async def delete_object(self, api_version: str, kind: str, namespace: str, name: str, **how: Any) -> None:
        del self.held[name]

    async def is_namespaced(self, api_version: str, kind: str) -> bool:
        return True


def manifest(owner: Owner, **annotations: str) -> objects.Manifest:
    metadata = {"name": "a", "namespace": "default", "labels": dict(owner.labels), "annotations": annotations}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": "v"}}


class Applying:
    """One applier for every cluster and owner."""

    def __init__(self) -> None:
        clock = SystemClock()
        self._applier = apply.Applier(clock=clock, waiter=wait.Waiter(clock=clock), manner=trial.USUAL)

    async def apply(self, obj: objects.Manifest, cluster: Any, owner: Owner = owners.APP) -> str:
        (change,) = await self._applier.apply([obj], cluster=cluster, owner=owner)
        return change.action


async def test_every_cluster_gets_the_objects() -> None:
    applying, one, other = Applying(), Cluster(), Cluster()
    obj = manifest(owners.APP)
    assert [await applying.apply(obj, one), await applying.apply(obj, other)] == ["created", "created"]
    assert [await applying.apply(obj, one), await applying.apply(obj, other)] == ["unchanged", "unchanged"]
    assert one.held.keys() == other.held.keys() == {"a"}


async def test_what_is_in_sync_on_one_cluster_may_have_drifted_on_another() -> None:
    applying, one, other = Applying(), Cluster(), Cluster(sidecar="injected")
    obj = manifest(owners.APP)
    await applying.apply(obj, one)
    assert await applying.apply(obj, one) == "unchanged"
    other.held = copy.deepcopy(one.held)  # restored from a copy: the same object to the byte
    assert await applying.apply(obj, other) == "configured"
    assert other.held["a"]["data"] == {"k": "v", "sidecar": "injected"}


async def test_fields_are_the_owners() -> None:
    applying, cluster = Applying(), Cluster()
    await applying.apply(manifest(OTHER), cluster, OTHER)
    assert cluster.held["a"]["metadata"]["managedFields"] == [{"manager": "b-controller"}]


@pytest.mark.parametrize(
    ("annotations", "action"),
    [
        pytest.param({"app.example.com/reconcile": "disabled"}, "skipped", id="its own key"),
        pytest.param({"app.example.com/ssa": "Ignore"}, "skipped", id="its own key in capitals"),
        pytest.param({"b.example.com/reconcile": "disabled"}, "created", id="a key of another Kind"),
    ],
)
async def test_an_object_asks_its_owner_alone(annotations: dict[str, str], action: str) -> None:
    assert await Applying().apply(manifest(owners.APP, **annotations), Cluster()) == action


@pytest.mark.parametrize(
    ("holder", "left"),
    [
        pytest.param(owners.APP, set(), id="the owner's"),
        pytest.param(OTHER, {"a"}, id="of another Kind with the same name"),
    ],
)
async def test_only_an_owners_objects_are_pruned(holder: Owner, left: set[str]) -> None:
    cluster: Any = Cluster()
    obj = manifest(holder)
    await Applying().apply(obj, cluster, holder)
    pruned = await prune.prune([inventory.item_of(obj)], cluster=cluster, owner=owners.APP)
    assert pruned.changes == [Change(inventory.item_of(obj), "skipped" if left else "deleted")]
    assert set(cluster.held) == left


async def test_an_object_without_a_namespace_is_told_what_its_kind_advises() -> None:
    obj = manifest(owners.APP)
    del obj["metadata"]["namespace"]
    with pytest.raises(trial.ApplyError, match="ConfigMap/a namespace not specified: set a namespace"):
        await Applying().apply(obj, Cluster())
