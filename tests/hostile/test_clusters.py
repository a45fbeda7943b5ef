"""A cluster that fights what is applied to it: each way is bounded, named, and prunes nothing that is not ours.

The steps after a build run in virtual time over a cluster in memory that hangs, refuses, keeps and lies.
"""

import asyncio
import copy
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from deploy.cluster import wait
from deploy.kustomize import dependencies, finalize
from deploy.kustomize.attempt import Attempt
from deploy.kustomize.building.assembly import Assembled
from deploy.kustomize.steps import Steps
from gotk.api import scheme
from gotk.api.kustomize import Kustomization
from gotk.api.meta import Artifact
from gotk.kube import errors
from gotk.runtime.errors import Retry
from tests.deploy.kustomize.sources import kustomization
from tests.deploy.kustomize.world import POLICY
from tests.running import FakeRun
from tests.virtual_clock import VirtualClock, in_virtual_time

Manifest = dict[str, Any]
OURS = {"kustomize.toolkit.fluxcd.io/name": "app", "kustomize.toolkit.fluxcd.io/namespace": "default"}
ARTIFACT = Artifact(
    digest="sha256:aa", path="x", url="http://x/x", revision="main@sha1:1", last_update_time="2026-01-01T00:00:00Z"
)


class Cluster:
    """Objects by kind and name. `on` answers in place of the cluster: None lets a call go on."""

    def __init__(self, *objects: Manifest, on: Callable[..., Awaitable[Any]] | None = None) -> None:
        self.objects = {(obj["kind"], obj["metadata"]["name"]): obj for obj in objects}
        self.calls: list[str] = []
        self._on = on

    async def _asked(self, verb: str, kind: str, name: str, obj: Manifest | None = None) -> Any:
        self.calls.append(f"{verb} {kind}/{name}")
        return await self._on(verb, kind, name, obj) if self._on else None

    async def is_namespaced(self, api_version: str, kind: str) -> bool:
        return kind not in {"CustomResourceDefinition", "Namespace"}

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> Manifest:
        found = await self._asked("get", kind, name) or self.objects.get((kind, name))
        if found is None:
            raise errors.NotFound(404, "NotFound", "not found")
        return copy.deepcopy(found)

    async def apply_object(
        self, obj: Manifest, *, field_manager: str, force: bool = True, dry_run: bool = False, strict: bool = False
    ) -> Any:
        kind, name = obj["kind"], obj["metadata"]["name"]
        said = await self._asked("try" if dry_run else "apply", kind, name, obj)
        if not dry_run and said is None:
            self.objects[kind, name] = copy.deepcopy(obj)
        return said or copy.deepcopy(obj)

    async def patch_object(self, *place: Any, **how: Any) -> Manifest:
        raise AssertionError("nothing is patched here")

    async def delete_object(
        self, api_version: str, kind: str, namespace: str, name: str, *, propagation: str = "", uid: str = ""
    ) -> None:
        if await self._asked("delete", kind, name) is None:
            self.objects.pop((kind, name), None)


def manifest(kind: str, name: str, api_version: str = "v1", **more: Any) -> Manifest:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "default"}, **more}


def owned(obj: Manifest, **labels: str) -> Manifest:
    return {**obj, "metadata": {**obj["metadata"], "uid": "1", "labels": {**OURS, **labels}}}


def inventory(*names: str) -> dict[str, Any]:
    return {"inventory": {"entries": [{"id": f"default_{name}__ConfigMap", "v": "v1"} for name in names]}}


def having(spec: dict[str, Any], status: dict[str, Any]) -> Kustomization:
    return scheme.convert({**scheme.to_builtins(kustomization(**spec)), "status": status}, Kustomization)


async def apply(cluster: Any, *objects: Manifest, status: dict[str, Any] | None = None, **spec: Any) -> Any:
    """Apply objects and return the run, and why it failed."""
    obj = having({"retryInterval": "1m", "timeout": "2m", **spec}, status or {})
    run: FakeRun[Any] = FakeRun(obj)
    clock = VirtualClock()
    attempt = Attempt(obj, run, ARTIFACT, clock.monotonic(), False)
    try:
        assembled = Assembled(msgspec.Raw(msgspec.json.encode(objects)), "sha256:bb")
        await Steps(clock=clock, policy=POLICY).run(attempt, assembled, cluster)
    except Retry as error:
        return run, error
    return run, None


@in_virtual_time
async def test_a_definition_that_is_never_established_ends_the_stage_by_name() -> None:
    cluster = Cluster()
    definition = manifest("CustomResourceDefinition", "things.example.com", "apiextensions.k8s.io/v1")
    run, error = await apply(cluster, definition, manifest("Thing", "x", "example.com/v1"), status=inventory("old"))
    assert error is not None
    assert error.reason == "ReconciliationFailed"
    assert error.message.startswith(
        "timeout waiting for: [CustomResourceDefinition/things.example.com status: 'InProgress']"
    )
    assert not any("Thing/x" in call for call in cluster.calls)
    assert asyncio.get_running_loop().time() < 70
    assert run.status.inventory is not None, "the old inventory stays"


@in_virtual_time
async def test_an_admission_webhook_that_times_out_is_told_and_nothing_of_its_stage_is_written() -> None:
    told = 'Internal error occurred: failed calling webhook "hook.example.com": context deadline exceeded'

    async def hook(verb: str, kind: str, name: str, obj: Any) -> None:
        if verb == "try" and name == "b":
            await asyncio.sleep(10)
            raise errors.APIError(500, "InternalError", told)

    old = owned(manifest("ConfigMap", "old"))
    cluster = Cluster(old, on=hook)
    maps = [manifest("ConfigMap", name) for name in "abc"]
    _, error = await apply(cluster, *maps, status=inventory("old"))
    assert error is not None
    assert (error.reason, error.after) == ("ReconciliationFailed", 60)
    assert error.message.strip() == f"ConfigMap/default/b dry-run failed (InternalError): {told}"
    assert not [call for call in cluster.calls if call.startswith(("apply", "delete"))]


@in_virtual_time
async def test_a_server_that_never_answers_is_given_up_after_the_timeout() -> None:
    async def hang(*_: Any) -> None:
        await asyncio.sleep(1e9)

    _, error = await apply(Cluster(on=hang), manifest("ConfigMap", "a"))
    assert error is not None
    assert (error.reason, error.message) == ("ReconciliationFailed", "apply did not finish within 2m0s")
    assert asyncio.get_running_loop().time() == 120


@in_virtual_time
async def test_a_finalizer_that_never_ends_holds_a_recreation_for_a_minute_and_no_longer() -> None:
    async def immutable(verb: str, kind: str, name: str, obj: Any) -> Any:
        if verb == "try":
            raise errors.Invalid(422, "Invalid", "data: field is immutable when `immutable` is set")
        return {} if verb == "delete" else None

    cluster = Cluster(owned(manifest("ConfigMap", "a")), on=immutable)
    _, error = await apply(cluster, manifest("ConfigMap", "a", data={"k": "v"}), force=True)
    assert error is not None
    told = "ConfigMap/default/a immutable field detected, failed to delete object: still there after 60s"
    assert error.message.strip() == told
    assert asyncio.get_running_loop().time() < 70


@in_virtual_time
async def test_a_finalizer_that_never_ends_holds_a_deletion_until_the_timeout() -> None:
    async def keep(verb: str, *_: Any) -> Any:
        return {} if verb == "delete" else None

    cluster: Any = Cluster(owned(manifest("ConfigMap", "a")), on=keep)
    obj = having({"deletionPolicy": "WaitForTermination", "timeout": "2m"}, inventory("a"))
    pruned = await finalize.delete_objects(obj, cluster=cluster)
    waiter = wait.Waiter(clock=VirtualClock())
    left = await finalize.wait_for_termination(obj, pruned.deleted, cluster=cluster, waiter=waiter, timeout=120)
    assert [item.id.name for item in left] == ["a"]
    assert asyncio.get_running_loop().time() == 120


FOREIGN = {
    "of another Kustomization": owned(manifest("ConfigMap", "x"), **{"kustomize.toolkit.fluxcd.io/name": "other"}),
    "of one of that name elsewhere": owned(
        manifest("ConfigMap", "x"), **{"kustomize.toolkit.fluxcd.io/namespace": "elsewhere"}
    ),
    "of nobody": manifest("ConfigMap", "x"),
    "marked in its annotations": {
        **manifest("ConfigMap", "x"),
        "metadata": {"name": "x", "namespace": "default", "annotations": OURS},
    },
}


@pytest.mark.parametrize("live", FOREIGN.values(), ids=FOREIGN.keys())
def test_an_inventory_that_names_what_is_not_ours_deletes_nothing(live: Manifest) -> None:
    @in_virtual_time
    async def run() -> None:
        cluster = Cluster(live)
        _, error = await apply(cluster, status=inventory("x", "gone"))
        assert error is None
        await finalize.delete_objects(having({"deletionPolicy": "Delete"}, inventory("x")), cluster=cluster)  # type: ignore[arg-type]
        assert not [call for call in cluster.calls if call.startswith("delete")]
        assert ("ConfigMap", "x") in cluster.objects

    run()


@in_virtual_time
async def test_an_object_that_two_claim_goes_to_the_last_and_the_first_lets_it_be() -> None:
    cluster = Cluster()
    first = owned(manifest("ConfigMap", "shared"))
    await apply(cluster, first)
    second = owned(manifest("ConfigMap", "shared"), **{"kustomize.toolkit.fluxcd.io/name": "other"})
    await apply(cluster, second)
    run, error = await apply(cluster, status=inventory("shared"))
    assert error is None
    assert ("ConfigMap", "shared") in cluster.objects
    assert [event.message for event in run.events] == ["ConfigMap/default/shared skipped"]


@in_virtual_time
async def test_a_deletion_that_is_refused_is_tried_again_and_stays_in_the_inventory() -> None:
    async def refuse(verb: str, kind: str, name: str, obj: Any) -> None:
        if verb == "delete" and name == "kept":
            raise errors.Forbidden(403, "Forbidden", "admission webhook says no")

    cluster = Cluster(*(owned(manifest("ConfigMap", name)) for name in ("kept", "gone")), on=refuse)
    run, error = await apply(cluster, status=inventory("kept", "gone"))
    assert error is not None
    assert error.reason == "PruneFailed"
    assert error.message == ("delete failed, errors: ConfigMap/default/kept delete failed: admission webhook says no;")
    assert [entry.id for entry in run.status.inventory.entries] == ["default_kept__ConfigMap"]
    assert ("ConfigMap", "gone") not in cluster.objects


def test_a_circle_of_dependencies_never_becomes_ready_and_each_names_the_next() -> None:
    names = "abc"
    ring = [kustomization(name, dependsOn=[{"name": names[(index + 1) % 3]}]) for index, name in enumerate(names)]
    told = [dependencies.unmet(obj, ring[(index + 1) % 3], "main@sha1:1") for index, obj in enumerate(ring)]
    assert told == [f"dependency 'default/{name}' is not ready" for name in "bca"]
