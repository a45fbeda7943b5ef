"""An object at rest has its turn without a run, and whoever looks sees what a run would have done."""

import asyncio
from typing import Any

import msgspec
import pytest

from gotk import selectors
from gotk.api.kustomize import Kustomization, Snapshot
from gotk.runtime import errors
from gotk.runtime.reconciler import Outcome, Rested
from gotk.runtime.settings import Settings
from tests.gotk.runtime.managed import Scripted, World, kustomizations, managed
from tests.memory_cluster import MemoryCluster
from tests.virtual_clock import in_virtual_time

INTERVAL = 60.0
REQUESTED = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}}


def outcome() -> Outcome:
    return Outcome(message="Applied revision: x", requeue_after=INTERVAL, changed=True, routine=True, event="finished")


def counted(status: Any) -> tuple[Snapshot, ...]:
    before = status.history[0].total_reconciliations if status.history else 0
    snapshot = Snapshot(
        digest="d",
        first_reconciled="2026-01-01T12:00:00Z",
        last_reconciled="2026-01-01T12:00:00Z",
        last_reconciled_duration="1s",
        last_reconciled_status="ok",
        total_reconciliations=before + 1,
    )
    return (snapshot,)


class Counting(Scripted):
    """Counts runs in the history, and rests where a test says so."""

    def __init__(self, *, at_rest: bool = True) -> None:
        super().__init__(Kustomization, self._count, rules=kustomizations(self._count).rules)
        self.at_rest = at_rest
        self.rested = 0
        self.fails: Exception | None = None
        self.message = ""

    async def _count(self, obj: Any, run: Any) -> Outcome:
        if self.message:
            raise errors.Retry("Failed", self.message, after=INTERVAL)
        run.update(history=counted(run.status))
        return outcome()

    def without_times(self, status: Any) -> Any:
        return msgspec.structs.replace(status, history=())

    def rest(self, obj: Any) -> Rested | None:
        if self.fails is not None:
            raise self.fails
        if not self.at_rest:
            return None
        self.rested += 1
        return Rested(msgspec.structs.replace(obj.status, history=counted(obj.status)), outcome())


def stored() -> MemoryCluster:
    cluster = MemoryCluster()
    cluster.put(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "app", "namespace": "default", "labels": {"a": "b"}},
            "spec": {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "x"}},
        }
    )
    return cluster


def known(world: World) -> Any:
    """Return the object as this process knows it."""
    found = world.caches.get(Kustomization, "default", "app")
    assert found is not None
    return found


def counts(world: World) -> dict[str, float]:
    """Return what is counted of runs."""
    read = world.metrics.registry.get_sample_value
    of_controller, of_queue = {"controller": "kustomization"}, {"name": "kustomization"}
    of_object = {"kind": "Kustomization", "namespace": "default", "name": "app"}
    results = {"controller": "kustomization", "result": "requeue_after"}
    samples = {
        "runs": read("controller_runtime_reconcile_total", results),
        "times": read("controller_runtime_reconcile_time_seconds_count", of_controller),
        "work": read("workqueue_work_duration_seconds_count", of_queue),
        "durations": read("gotk_reconcile_duration_seconds_count", of_object),
        "active": read("controller_runtime_active_workers", of_controller),
        "depth": read("workqueue_depth", of_queue),
    }
    return {name: value if value is not None else -1 for name, value in samples.items()}


def test_whoever_looks_sees_what_a_run_would_have_done() -> None:
    seen: list[Any] = []
    for at_rest in (True, False):
        look(seen, at_rest=at_rest)
    assert seen[0] == seen[1]
    assert seen[0][0].status.history[0].total_reconciliations == 10


@in_virtual_time
async def look(seen: list[Any], *, at_rest: bool) -> None:
    reconciler = Counting(at_rest=at_rest)
    async with managed(stored(), reconciler, settings=Settings(interval_jitter=0.0)) as world:
        await asyncio.sleep(9.5 * INTERVAL)
        seen.append((known(world), world.cluster.patches, world.sink.told(), counts(world)))
    assert (len(reconciler.runs), reconciler.rested) == ((1, 9) if at_rest else (10, 0))


@in_virtual_time
async def test_its_times_are_written_when_they_are_due() -> None:
    reconciler = Counting()
    async with managed(stored(), reconciler) as world:
        await asyncio.sleep(700)
        (snapshot,) = world.status("Kustomization")["history"]
        assert snapshot["totalReconciliations"] > 8
    assert len(reconciler.runs) == 2, "the first one, and the one that writes"


@in_virtual_time
async def test_times_that_are_to_be_written_each_time_have_a_run_made() -> None:
    reconciler = Counting()
    async with managed(stored(), reconciler, settings=Settings(hold_unchanged=0.0)) as world:
        await asyncio.sleep(5.5 * INTERVAL)
        (snapshot,) = world.status("Kustomization")["history"]
        assert snapshot["totalReconciliations"] == len(reconciler.runs) == 6
    assert not reconciler.rested


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(REQUESTED, id="a request"),
        pytest.param({"spec": {"prune": False}}, id="a spec"),
        pytest.param({"status": {"conditions": []}}, id="conditions that somebody took away"),
        pytest.param({"status": {"observedGeneration": 0}}, id="a generation that somebody says is not observed"),
        pytest.param({"metadata": {"finalizers": None}}, id="a finalizer that somebody took away"),
    ],
)
def test_what_asks_for_a_run_gets_one(change: dict[str, Any]) -> None:
    asked(change)


@in_virtual_time
async def asked(change: dict[str, Any]) -> None:
    reconciler = Counting()
    async with managed(stored(), reconciler) as world:
        await asyncio.sleep(2.5 * INTERVAL)
        assert len(reconciler.runs) == 1
        world.cluster.change("Kustomization", "default", "app", change)
        await asyncio.sleep(1.2 * INTERVAL)
        assert len(reconciler.runs) == 2
        assert world.ready("Kustomization")[0] == "True"
        assert world.cluster.objects["Kustomization", "default", "app"]["metadata"]["finalizers"]
        await asyncio.sleep(2 * INTERVAL)
        assert len(reconciler.runs) == 2


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"spec": {"suspend": True}}, id="suspended"),
        pytest.param({"metadata": {"labels": {"a": "c"}}}, id="of another shard"),
    ],
)
def test_what_is_left_alone_has_no_turn(change: dict[str, Any]) -> None:
    left_alone(change)


@in_virtual_time
async def left_alone(change: dict[str, Any]) -> None:
    reconciler = Counting()
    async with managed(stored(), reconciler, settings=Settings(shard=selectors.parse_labels("a=b"))) as world:
        await asyncio.sleep(2.5 * INTERVAL)
        world.cluster.change("Kustomization", "default", "app", change)
        await asyncio.sleep(0.1)
        rested = reconciler.rested
        await asyncio.sleep(3 * INTERVAL)
    assert (len(reconciler.runs), reconciler.rested) == (1, rested)


@in_virtual_time
async def test_a_failure_is_told_at_each_interval() -> None:
    reconciler = Counting(at_rest=False)
    async with managed(stored(), reconciler) as world:
        await asyncio.sleep(1.5 * INTERVAL)
        reconciler.message = "no"
        await asyncio.sleep(INTERVAL)
        reconciler.at_rest = True  # which it is not asked about
        await asyncio.sleep(2 * INTERVAL)
        assert world.ready("Kustomization") == ("False", "Failed", "no")
    assert not reconciler.rested


@in_virtual_time
async def test_a_bug_has_a_run_made() -> None:
    reconciler = Counting()
    reconciler.fails = RuntimeError("a bug")
    async with managed(stored(), reconciler) as world:
        await asyncio.sleep(2.5 * INTERVAL)
        assert world.ready("Kustomization")[0] == "True"
    assert len(reconciler.runs) == 3
