"""Applying, where the server refuses: what is told, what is kept back."""

import base64
import dataclasses
from typing import Any

import pytest

from deploy.cluster import apply, managers, order, trial, wait
from deploy.cluster.comparing import normal
from gotk.kube import errors
from gotk.runtime.clock import SystemClock
from tests.deploy.cluster import owners


class Refusing:
    """A cluster in which nothing exists and every apply is refused."""

    def __init__(self, error: errors.APIError) -> None:
        self._error = error

    async def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        raise errors.NotFound(404, "NotFound", "not found")

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        raise errors.NotFound(404, "NotFound", "not found")

    async def apply_object(
        self, obj: Any, *, field_manager: str, force: bool = True, dry_run: bool = False, strict: bool = False
    ) -> Any:
        raise self._error

    async def patch_object(self, *place: Any, **how: Any) -> dict[str, Any]:
        raise self._error

    async def delete_object(self, *place: Any, **how: Any) -> None:
        raise self._error

    async def is_namespaced(self, api_version: str, kind: str) -> bool:
        return True


SECRET: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "s", "namespace": "apps"},
    "data": {"a": base64.b64encode(b"hunter22").decode()},
}
MAP: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "apps"}}

REFUSALS: dict[str, tuple[dict[str, Any], errors.APIError, str]] = {
    "invalid": (
        MAP,
        errors.Invalid(422, "Invalid", "data: wrong"),
        "ConfigMap/apps/c dry-run failed (Invalid): data: wrong",
    ),
    "forbidden": (
        MAP,
        errors.Forbidden(403, "Forbidden", "not you"),
        "ConfigMap/apps/c dry-run failed (Forbidden): not you",
    ),
    "no namespace": (
        MAP,
        errors.NotFound(404, "NotFound", 'namespaces "apps" not found'),
        'ConfigMap/apps/c not found: namespaces "apps" not found',
    ),
    "no reason": (
        MAP,
        errors.Unreachable(0, "", "connection refused"),
        "ConfigMap/apps/c dry-run failed: connection refused",
    ),
    "secret, plain": (
        SECRET,
        errors.Invalid(422, "Invalid", 'a: Invalid value: "hunter22"'),
        'Secret/apps/s dry-run failed (Invalid): a: Invalid value: "***"',
    ),
    "secret, encoded": (
        SECRET,
        errors.Invalid(422, "Invalid", f"cannot take {SECRET['data']['a']} for data"),
        "Secret/apps/s dry-run failed (Invalid): cannot take *** for data",
    ),
}


@pytest.mark.parametrize(("obj", "error", "expected"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_refusal_is_told(obj: dict[str, Any], error: errors.APIError, expected: str) -> None:
    cluster, clock = Refusing(error), SystemClock()
    applier = apply.Applier(clock=clock, waiter=wait.Waiter(clock=clock), manner=trial.USUAL)
    with pytest.raises(trial.ApplyError) as raised:
        await applier.apply([obj], cluster=cluster, owner=owners.APP)
    assert str(raised.value) == expected


class Moving(Refusing):
    """A cluster that has an older version of a Secret, and refuses to move it to another."""

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        entry = {"manager": owners.APP.field, "operation": "Apply", "apiVersion": "v0"}
        return {**SECRET, "metadata": {**SECRET["metadata"], "resourceVersion": "1", "managedFields": [entry]}}


async def test_a_refused_migration_is_told_without_a_value() -> None:
    cluster, clock = Moving(errors.Invalid(422, "Invalid", 'a: Invalid value: "hunter22"')), SystemClock()
    manner = dataclasses.replace(trial.USUAL, migrate_api_version=True)
    applier = apply.Applier(clock=clock, waiter=wait.Waiter(clock=clock), manner=manner)
    with pytest.raises(trial.ApplyError) as raised:
        await applier.apply([SECRET], cluster=cluster, owner=owners.APP)
    assert str(raised.value) == 'Secret/apps/s failed to migrate API version: a: Invalid value: "***"'


class Busy(Refusing):
    """A cluster whose ConfigMap kubectl made, and that somebody else writes before each of the first patches."""

    def __init__(self, writes: int) -> None:
        super().__init__(errors.Conflict(409, "Conflict", "the object has been modified"))
        self._writes = writes
        self.version = 1
        self.managers: list[dict[str, Any]] = [
            {"manager": "kubectl", "operation": "Apply", "apiVersion": "v1", "fieldsV1": {"f:data": {}}}
        ]

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        more = {"resourceVersion": str(self.version), "managedFields": self.managers}
        return {**MAP, "metadata": {**MAP["metadata"], **more}}

    async def patch_object(self, *place: Any, **how: Any) -> dict[str, Any]:
        if self._writes:
            self._writes, self.version = self._writes - 1, self.version + 1
        patch = {step["path"]: step["value"] for step in place[-1]}
        if patch["/metadata/resourceVersion"] != str(self.version):
            raise self._error
        self.managers = patch["/metadata/managedFields"]
        return await self.get_object("v1", "ConfigMap", "apps", "c")

    async def apply_object(
        self, obj: Any, *, field_manager: str, force: bool = True, dry_run: bool = False, strict: bool = False
    ) -> Any:
        return await self.get_object("v1", "ConfigMap", "apps", "c")


async def test_an_object_that_is_written_meanwhile_is_taken_over_as_it_has_become() -> None:
    cluster, clock = Busy(writes=4), SystemClock()
    applier = apply.Applier(clock=clock, waiter=wait.Waiter(clock=clock), manner=trial.USUAL)
    await applier.apply([MAP], cluster=cluster, owner=owners.APP)
    assert [entry["manager"] for entry in cluster.managers] == [owners.APP.field]


async def test_an_object_that_is_written_all_the_time_is_left_to_the_next_run() -> None:
    cluster, clock = Busy(writes=100), SystemClock()
    applier = apply.Applier(clock=clock, waiter=wait.Waiter(clock=clock), manner=trial.USUAL)
    with pytest.raises(trial.ApplyError) as raised:
        await applier.apply([MAP], cluster=cluster, owner=owners.APP)
    assert str(raised.value) == "ConfigMap/apps/c apply failed: the object has been modified"


def of_version(version: str) -> dict[str, Any]:
    entry = {"manager": "old", "operation": "Apply", "apiVersion": version, "fieldsV1": {"f:spec": {}}}
    return {"metadata": {"resourceVersion": "7", "managedFields": [entry]}}


def test_entries_of_managers_are_brought_to_the_version_that_is_applied() -> None:
    moved, version = managers.migration(of_version("example.com/v1beta1"), "example.com/v1")
    assert moved["value"] == of_version("example.com/v1")["metadata"]["managedFields"]
    assert (version["path"], version["value"]) == ("/metadata/resourceVersion", "7")
    assert managers.migration(of_version("example.com/v1"), "example.com/v1") == []


def test_kinds_that_the_operator_names_have_a_stage_before_the_last() -> None:
    objs = [{**MAP, "kind": kind} for kind in ("Deployment", "ConfigMap", "IngressClass", "Namespace")]
    stages = order.stages(objs, {("", "ConfigMap")})
    assert [[each["kind"] for each in stage] for stage in stages] == [
        ["Namespace"],
        ["IngressClass"],
        ["ConfigMap"],
        ["Deployment"],
    ]


def test_an_authority_that_is_none_is_taken_out_of_a_definition() -> None:
    client = {"caBundle": "Cg==", "service": {"name": "x"}}
    obj = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "x"},
        "spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": client}}},
    }
    normal.prepare(obj, owner=owners.APP, labels={}, annotations={})
    assert client == {"service": {"name": "x"}}
