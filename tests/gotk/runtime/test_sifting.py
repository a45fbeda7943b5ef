"""A change that asks nothing of an object is noted without a run where that may be, else recorded after the others."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from deploy.kustomize import history
from gotk.api.kustomize import Kustomization, KustomizationStatus
from gotk.api.source import GitRepository
from gotk.runtime.conditions import Rules
from gotk.runtime.event_sinks import KubernetesEvents
from gotk.runtime.events import Event, Reference
from gotk.runtime.reconciler import Key, Noted, Outcome, Sifted, Watch
from gotk.runtime.settings import Settings
from tests.gotk.runtime.managed import Scripted, World, managed
from tests.memory_cluster import MemoryCluster
from tests.virtual_clock import VirtualClock, in_virtual_time

HELD = Settings(hold_revision=300.0)
NAMES = ("app", "changed", "other")
FIRST, SECOND = "main@sha1:1", "main@sha1:2"


def source() -> dict[str, Any]:
    return {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": "src", "namespace": "default"},
        "spec": {"url": "https://example.com/x", "interval": "1h"},
    }


def kustomization(name: str) -> dict[str, Any]:
    reference = {"kind": "GitRepository", "name": "src"}
    return {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"interval": "1h", "prune": True, "sourceRef": reference},
    }


class Sifting(Scripted):
    """Finds that revisions concern `changed` alone, of all that follow the source, after `delay` seconds."""

    def __init__(self) -> None:
        self.revision = FIRST
        self.delay = 0.0
        self.work = 0.0
        self.fails = False
        self.awaited: set[str] = set()
        self.unknown: set[str] = set()
        keys = [Key("default", name) for name in NAMES]
        watch = Watch(kind=GitRepository, changed=lambda *_: True, requests=lambda *_: keys, sift=self.sift)
        rules = Rules(success_reason="ReconciliationSucceeded", unknown_while_running=True)
        super().__init__(Kustomization, self.apply, rules=rules, watches=(watch,))

    async def sift(self, _: Any, keys: Sequence[Key]) -> Sifted:
        await asyncio.sleep(self.delay)
        if self.fails:
            raise RuntimeError("a bug")
        concerned = [key for key in keys if key.name == "changed"]
        return Sifted(concerned, [key for key in keys if key not in concerned])

    async def apply(self, obj: Any, run: Any) -> Outcome:
        await asyncio.sleep(self.work)
        run.update(last_applied_revision=self.revision)
        if obj.metadata.name == "changed":
            run.update(last_applied_origin_revision=self.revision)
        return Outcome(message=f"Applied revision: {self.revision}", requeue_after=3600)

    def note(self, obj: Kustomization, _: datetime) -> Noted | None:
        if obj.metadata.name in self.unknown:
            return None
        status = msgspec.structs.replace(obj.status, last_applied_revision=self.revision)
        return Noted(status=status, message=f"Applied revision: {self.revision}", event="noted", metadata={})

    def without_revision(self, status: KustomizationStatus) -> KustomizationStatus:
        conditions = history.without_revision(status.conditions)
        return msgspec.structs.replace(status, last_applied_revision="", conditions=conditions)

    def is_awaited(self, obj: Any) -> bool:
        return obj.metadata.name in self.awaited


class Told:
    """Kustomizations that follow a source."""

    def __init__(self, world: World, cluster: MemoryCluster, sifting: Sifting) -> None:
        self.world = world
        self.cluster = cluster
        self.sifting = sifting

    async def commit(self, revision: str = SECOND) -> None:
        self.sifting.revision = revision
        self.sifting.runs.clear()
        self.cluster.change("GitRepository", "default", "src", {"metadata": {"labels": {"of": revision[-1]}}})
        await asyncio.sleep(1)

    @property
    def ran(self) -> list[str]:
        """Who has run since the commit."""
        return [name for _, name in self.sifting.runs]

    def applied(self, name: str = "app") -> str:
        """The revision that the server says was applied, where its condition agrees."""
        revision: str = self.world.status("Kustomization", name)["lastAppliedRevision"]
        assert self.world.ready("Kustomization", name)[2] == f"Applied revision: {revision}"
        return revision

    def change(self, patch: dict[str, Any], name: str = "app") -> None:
        self.cluster.change("Kustomization", "default", name, patch)


class Unused:
    """Events of a cluster that nobody writes."""

    async def create_object(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    async def patch_object(
        self, api_version: str, kind: str, namespace: str, name: str, patch: Mapping[str, Any]
    ) -> dict[str, Any]:
        raise NotImplementedError


@asynccontextmanager
async def told(settings: Settings = HELD, cluster: MemoryCluster | None = None) -> AsyncIterator[Told]:
    sifting = Sifting()
    if cluster is None:
        cluster = MemoryCluster()
        for obj in (source(), *map(kustomization, NAMES)):
            cluster.put(obj)
    async with managed(cluster, sifting, settings=settings) as world:
        await asyncio.sleep(1)
        yield Told(world, cluster, sifting)


@in_virtual_time
async def test_it_runs_those_alone_whom_it_concerns_and_notes_the_others() -> None:
    async with told() as it:
        before = len(it.cluster.patches)
        await it.commit()
        assert it.ran == ["changed"]
        assert (it.applied("changed"), it.applied()) == (SECOND, FIRST)
        assert it.world.sink.told()[-1] == ("Noted", "ReconciliationSucceeded", "noted")
        assert len(it.cluster.patches) == before + 1
        await it.commit("main@sha1:3")
        assert it.ran == ["changed"]
        await asyncio.sleep(140)
        assert it.applied() == FIRST
        await asyncio.sleep(160)
        assert it.applied() == it.applied("other") == "main@sha1:3"
        assert sorted(it.ran) == [*sorted(NAMES)]  # a run each, which writes it
        assert len(it.cluster.patches) == before + 4


@in_virtual_time
async def test_by_default_all_run_and_those_first_whom_it_concerns() -> None:
    async with told(Settings(workers=1)) as it:
        await it.commit()
        assert it.ran == ["changed", "app", "other"]
        assert {it.applied(name) for name in NAMES} == {SECOND}


@in_virtual_time
async def test_who_is_waited_for_runs_and_so_does_whoever_only_a_run_can_tell_about() -> None:
    async with told() as it:
        it.sifting.awaited, it.sifting.unknown = {"app"}, {"other"}
        await it.commit()
        assert sorted(it.ran) == sorted(NAMES)
        assert (it.applied("app"), it.applied("other")) == (SECOND, FIRST)


@pytest.mark.parametrize(
    "patch",
    [
        pytest.param({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}}, id="asked for"),
        pytest.param({"metadata": {"generation": 2}, "spec": {"path": "./other"}}, id="respecified"),
    ],
)
@in_virtual_time
async def test_who_is_to_run_for_another_reason_does(patch: dict[str, Any]) -> None:
    async with told() as it:
        it.change(patch)
        await it.commit()
        assert "app" in it.ran
        assert it.applied() == SECOND


@in_virtual_time
async def test_who_failed_before_runs() -> None:
    async with told() as it:
        ready = {"type": "Ready", "status": "False", "reason": "BuildFailed", "message": "no", "lastTransitionTime": ""}
        it.change({"status": {"conditions": [ready]}})
        await it.commit()
        assert sorted(it.ran) == ["app", "changed"]
        assert it.applied() == SECOND


@in_virtual_time
async def test_the_suspended_and_the_deleted_are_left_as_they_are() -> None:
    async with told() as it:
        it.change({"spec": {"suspend": True}})
        it.change({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, "other")
        await it.commit()
        assert it.ran == ["changed"]
        assert it.sifting.finalized == ["other"]
        assert it.applied() == FIRST


@in_virtual_time
async def test_who_is_running_is_woken_before_and_runs_again() -> None:
    async with told() as it:
        it.sifting.work = 5.0
        it.change({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}})
        await asyncio.sleep(1)
        it.sifting.delay = 60.0
        await it.commit()
        await asyncio.sleep(10)
        assert it.ran == ["app"]
        assert it.applied() == SECOND


@in_virtual_time
async def test_a_bug_while_it_is_taken_apart_lets_everybody_run() -> None:
    async with told() as it:
        it.sifting.fails = True
        await it.commit()
        assert sorted(it.ran) == sorted(NAMES)


@in_virtual_time
async def test_what_is_noted_is_written_at_a_stop_and_a_start_runs_everybody() -> None:
    async with told() as it:
        await it.commit()
        assert it.applied() == FIRST
    assert it.applied() == SECOND
    async with told(cluster=it.cluster) as again:
        assert {*again.ran} == {*NAMES}


@in_virtual_time
async def test_an_object_that_is_suspended_says_what_was_noted() -> None:
    async with told() as it:
        await it.commit()
        it.change({"spec": {"suspend": True}})
        await asyncio.sleep(1)
        assert (it.ran, it.applied()) == (["changed"], SECOND)


@in_virtual_time
async def test_an_object_that_somebody_else_writes_runs_and_tells_the_truth() -> None:
    async with told() as it:
        await it.commit()
        it.change({"metadata": {"labels": {"a": "b"}}})
        await asyncio.sleep(1)
        assert it.ran == ["changed", "app"]
        await asyncio.sleep(300)
        assert it.applied() == SECOND


@in_virtual_time
async def test_the_cluster_keeps_no_event_of_a_note() -> None:
    sink = KubernetesEvents(client=Unused(), clock=VirtualClock())
    about = Reference(api_version="v1", kind="ConfigMap", namespace="default", name="app")
    said = Event(
        about=about, severity="Noted", reason="r", message="m", controller="c", time=datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert not sink.wants(said)
    assert sink.wants(dataclasses.replace(said, severity="Normal"))
