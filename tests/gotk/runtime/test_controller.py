"""The controller over a cluster in memory, in virtual time: what an object's owner sees happen."""

import asyncio
import collections
import itertools
from typing import Any

import msgspec
import pytest

from gotk import selectors
from gotk.api.image import ImagePolicy, ImageRepository, ScanResult
from gotk.kube import errors as kube
from gotk.kube.entries import decode
from gotk.runtime import conditions, errors
from gotk.runtime.controller import wakes
from gotk.runtime.reconciler import Key, Outcome, Watch
from gotk.runtime.settings import Settings
from tests.gotk.runtime.managed import kustomizations, managed, policies, repositories
from tests.memory_cluster import MemoryCluster, image_policy, image_repository
from tests.virtual_clock import in_virtual_time

UNSUPPORTED = (
    "spec.serviceAccountName is not supported by this version: remove it, or leave the object to Flux's test-controller"
)
REQUESTED = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}}


async def succeed(obj: Any, run: Any) -> Outcome:
    return Outcome(message="all good", requeue_after=600)


def failing(error: Exception) -> Any:
    async def fail(obj: Any, run: Any) -> Outcome:
        raise error

    return fail


def stored(**spec: Any) -> MemoryCluster:
    cluster = MemoryCluster()
    cluster.put(image_repository(**spec))
    return cluster


@in_virtual_time
async def test_a_new_object_gets_its_finalizer_then_its_status() -> None:
    async def work(obj: Any, run: Any) -> Outcome:
        await asyncio.sleep(2)
        return Outcome(message="all good")

    cluster = stored()
    async with managed(cluster, repositories(work)) as world:
        await asyncio.sleep(3)
        assert cluster.objects["ImageRepository", "default", "app"]["metadata"]["finalizers"] == [
            "finalizers.fluxcd.io"
        ]
        assert world.ready() == ("True", "Succeeded", "all good")
        assert world.status()["observedGeneration"] == 1
        assert "Reconciling" not in cluster.conditions("ImageRepository", "default", "app")
        assert world.sink.told() == [("Normal", "Succeeded", "all good")]
        first = cluster.patches[1][2]["status"]["conditions"]
        assert [(c["type"], c["status"], c["message"]) for c in first] == [
            ("Reconciling", "True", "processing object: new generation -1 -> 1"),
            ("Ready", "Unknown", "processing object: new generation -1 -> 1"),
        ]


@in_virtual_time
async def test_its_own_status_writes_do_not_wake_it() -> None:
    reconciler = repositories(succeed)
    async with managed(stored(), reconciler):
        await asyncio.sleep(599)
        assert reconciler.times() == [0]


@in_virtual_time
async def test_it_runs_again_at_the_interval_and_tells_traces() -> None:
    reconciler = repositories(succeed)
    async with managed(stored(), reconciler) as world:
        await asyncio.sleep(1201)
        assert reconciler.times() == [0, 600, 1200]
        assert [severity for severity, _, _ in world.sink.told()] == ["Normal", "Trace", "Trace"]
        assert len(world.cluster.patches) == 2, "finalizer, end: a run that changes nothing writes nothing"


@in_virtual_time
async def test_the_kinds_of_the_source_controller_spread_their_runs() -> None:
    reconciler = repositories(succeed, rules=conditions.Rules(interval_jitter=True))
    async with managed(stored(), reconciler):
        await asyncio.sleep(3600)
    gaps = [b - a for (a, _), (b, _) in itertools.pairwise(reconciler.runs)]
    assert all(570 <= gap <= 630 for gap in gaps)
    assert len({round(gap) for gap in gaps}) > 1


@in_virtual_time
async def test_runs_that_are_spread_are_made_a_few_at_a_time() -> None:
    cluster, reconciler = MemoryCluster(), repositories(succeed, rules=conditions.Rules(interval_jitter=True))
    for number in range(200):
        cluster.put(image_repository(f"app-{number}"))
    async with managed(cluster, reconciler):
        await asyncio.sleep(900)
    times = collections.Counter(time for time, _ in reconciler.runs if time)
    assert sum(times.values()) == 200
    assert 570 <= min(times) <= max(times) <= 630
    assert len(times) < 12  # moments of 7.5 s


@pytest.mark.parametrize(
    ("change", "runs"),
    [
        pytest.param({"spec": {"image": "example.com/other"}}, 2, id="a new generation wakes"),
        pytest.param(REQUESTED, 2, id="a requested reconcile wakes"),
        pytest.param(
            {"metadata": {"annotations": {"image-automation.dev/minimum-age": "72h"}}}, 2, id="a wish of ours wakes"
        ),
        pytest.param({"metadata": {"annotations": {"example.com/a": "b"}}}, 1, id="a foreign annotation does not wake"),
        pytest.param({"metadata": {"labels": {"a": "b"}}}, 1, id="a label does not wake"),
        pytest.param({"status": {"canonicalImageName": "x"}}, 1, id="a status of someone else does not wake"),
    ],
)
def test_only_some_changes_wake_an_object(change: dict[str, Any], runs: int) -> None:
    @in_virtual_time
    async def scenario() -> None:
        cluster, reconciler = stored(), repositories(succeed)
        async with managed(cluster, reconciler):
            await asyncio.sleep(10)
            cluster.change("ImageRepository", "default", "app", change)
            await asyncio.sleep(10)
            assert len(reconciler.runs) == runs

    scenario()


@in_virtual_time
async def test_a_request_is_recorded_even_when_the_run_fails() -> None:
    cluster = stored()
    async with managed(cluster, repositories(failing(errors.Retry("ReadOperationFailed", "no")))) as world:
        cluster.change("ImageRepository", "default", "app", REQUESTED)
        await asyncio.sleep(0.5)
        assert world.status()["lastHandledReconcileAt"] == "now"
        assert world.status()["observedGeneration"] == -1


@in_virtual_time
async def test_a_suspended_object_is_left_alone_but_its_request_is_recorded() -> None:
    cluster, reconciler = stored(suspend=True), repositories(succeed)
    async with managed(cluster, reconciler) as world:
        await asyncio.sleep(1)
        cluster.change("ImageRepository", "default", "app", REQUESTED)
        await asyncio.sleep(1)
        assert reconciler.runs == []
        assert world.status() == {"observedGeneration": -1, "lastHandledReconcileAt": "now"}


@in_virtual_time
async def test_suspending_a_ready_object_is_observed() -> None:
    cluster = stored()
    async with managed(cluster, repositories(succeed)) as world:
        await asyncio.sleep(1)
        assert world.status()["observedGeneration"] == 1
        cluster.change("ImageRepository", "default", "app", {"spec": {"suspend": True}, "metadata": {"generation": 2}})
        await asyncio.sleep(1)
        assert world.status()["observedGeneration"] == 2


@pytest.mark.parametrize(
    ("error", "times"),
    [
        pytest.param(errors.Retry("A", "b"), [0, 0.75, 2.25, 5.25, 11.25], id="retry backs off"),
        pytest.param(errors.Retry("A", "b", after=4), [0, 4, 8, 12, 16], id="retry after is exact"),
        pytest.param(errors.Waiting("A", "b"), [0], id="waiting comes back after the dependency delay"),
        pytest.param(errors.Waiting("A", "b", after=7), [0, 7, 14], id="waiting may say when"),
        pytest.param(errors.Stalled("A", "b"), [0], id="stalled does not come back"),
        pytest.param(errors.Conflict("moved"), [0, 0, 0.75, 2.25, 5.25, 11.25], id="conflict at once, then backs off"),
        pytest.param(kube.Conflict(409, "Conflict", "moved"), [0, 0, 0.75, 2.25, 5.25, 11.25], id="so does the API's"),
        pytest.param(kube.Unreachable(0, "", "b"), [0, 0.75, 2.25, 5.25, 11.25], id="an API error backs off"),
        pytest.param(KeyError("b"), [0, 0.75, 2.25, 5.25, 11.25], id="a bug backs off"),
        pytest.param(
            ExceptionGroup("tasks", [errors.Retry("A", "b", after=9)]), [0, 9, 18], id="a reason out of a task group"
        ),
    ],
)
def test_the_next_run_follows_from_the_error(error: Exception, times: list[float]) -> None:
    @in_virtual_time
    async def scenario() -> None:
        reconciler = repositories(failing(error))
        async with managed(stored(), reconciler):
            await asyncio.sleep(20)
            assert reconciler.times() == times

    scenario()


@in_virtual_time
async def test_a_failure_is_told_as_a_warning_each_time_and_recovery_as_news() -> None:
    ends: list[Any] = [errors.Retry("ReadOperationFailed", "refused")] * 2

    async def work(obj: Any, run: Any) -> Outcome:
        if ends:
            raise ends.pop()
        return Outcome(message="all good", requeue_after=600)

    async with managed(stored(), repositories(work)) as world:
        await asyncio.sleep(0.5)
        assert world.ready() == ("False", "ReadOperationFailed", "refused")
        reconciling = world.cluster.conditions("ImageRepository", "default", "app")["Reconciling"]
        assert (reconciling["status"], reconciling["reason"]) == ("True", "ProgressingWithRetry")
        await asyncio.sleep(10)
        assert world.sink.told() == [
            ("Warning", "ReadOperationFailed", "refused"),
            ("Warning", "ReadOperationFailed", "refused"),
            ("Normal", "Succeeded", "all good"),
        ]


@in_virtual_time
async def test_a_stalled_object_has_been_observed() -> None:
    async with managed(stored(), repositories(failing(errors.Stalled("ImageURLInvalid", "bad name")))) as world:
        await asyncio.sleep(100)
        seen = world.cluster.conditions("ImageRepository", "default", "app")
        assert {type_: (c["status"], c["reason"]) for type_, c in seen.items()} == {
            "Stalled": ("True", "ImageURLInvalid"),
            "Ready": ("False", "ImageURLInvalid"),
        }
        assert world.status()["observedGeneration"] == 1


@in_virtual_time
async def test_what_a_run_has_told_itself_is_not_told_again_at_its_end() -> None:
    async def work(obj: Any, run: Any) -> Outcome:
        run.event("Warning", "UpgradeFailed", "no such image")
        error = errors.Waiting("UpgradeFailed", "no such image", after=600)
        error.told = True
        raise error

    async with managed(stored(), repositories(work)) as world:
        await asyncio.sleep(1)
        assert world.sink.told() == [("Warning", "UpgradeFailed", "no such image")]


@in_virtual_time
async def test_ready_may_say_more_than_why_an_object_stalls() -> None:
    async def work(obj: Any, run: Any) -> Outcome:
        error = errors.Stalled("RetriesExceeded", "Failed to upgrade after 2 attempt(s)")
        error.ready = ("UpgradeFailed", "no such image")
        raise error

    async with managed(stored(), repositories(work)) as world:
        await asyncio.sleep(1)
        assert world.ready() == ("False", "UpgradeFailed", "no such image")
        stalled = world.cluster.conditions("ImageRepository", "default", "app")["Stalled"]
        assert (stalled["reason"], stalled["message"]) == ("RetriesExceeded", "Failed to upgrade after 2 attempt(s)")


@in_virtual_time
async def test_a_bug_is_told_without_its_secrets() -> None:
    error = RuntimeError("cannot open https://user:hunter2@example.com/x")
    async with managed(stored(), repositories(failing(error))) as world:
        await asyncio.sleep(0.5)
        assert world.ready() == ("False", "Failed", "RuntimeError: cannot open https://*****@example.com/x")
        assert "hunter2" not in str(world.sink.events)


@in_virtual_time
async def test_a_field_that_is_not_supported_stalls_the_object() -> None:
    reconciler = repositories(succeed, unsupported=("spec.accessFrom", "spec.serviceAccountName"))
    async with managed(stored(serviceAccountName="robot"), reconciler) as world:
        await asyncio.sleep(10)
        assert reconciler.runs == []
        assert world.ready() == (
            "False",
            "UnsupportedField",
            UNSUPPORTED,
        )
        world.cluster.change("ImageRepository", "default", "app", {"spec": {"serviceAccountName": None}})
        await asyncio.sleep(1)
        assert world.ready() == ("True", "Succeeded", "all good")


@in_virtual_time
async def test_deletion_gives_back_what_it_held_then_lets_go() -> None:
    cluster = stored()
    cluster.change("ImageRepository", "default", "app", {"metadata": {"finalizers": ["example.com/other"]}})
    reconciler = repositories(succeed)
    async with managed(cluster, reconciler) as world:
        await asyncio.sleep(1)
        assert 'name="app"' in world.metrics.render()[0].decode()
        cluster.delete("ImageRepository", "default", "app")
        await asyncio.sleep(1)
        assert cluster.objects["ImageRepository", "default", "app"]["metadata"]["finalizers"] == ["example.com/other"]
        cluster.change("ImageRepository", "default", "app", {"metadata": {"finalizers": None}})
        cluster.delete("ImageRepository", "default", "app")
        await asyncio.sleep(1)
        assert reconciler.finalized == ["app"]
        assert 'name="app"' not in world.metrics.render()[0].decode()


@in_virtual_time
async def test_a_finalizer_that_fails_is_tried_again_and_says_why() -> None:
    ends = [errors.Stalled("PruneFailed", "in use"), RuntimeError("a bug")]

    async def finalize(obj: Any, run: Any) -> None:
        if ends:
            raise ends.pop()

    cluster = stored()
    reconciler = repositories(succeed, finalize=finalize)
    async with managed(cluster, reconciler) as world:
        await asyncio.sleep(1)
        cluster.delete("ImageRepository", "default", "app")
        await asyncio.sleep(0.1)
        assert world.ready() == ("False", "Failed", "RuntimeError: a bug")
        await asyncio.sleep(10)
        assert reconciler.finalized == ["app"] * 3
        assert ("ImageRepository", "default", "app") not in cluster.objects


@in_virtual_time
async def test_an_object_that_is_only_looked_up_keeps_neither_finalizer_nor_status() -> None:
    cluster, reconciler = stored(), repositories(succeed)
    reconciler.is_static = lambda obj: obj.spec.image == "example.com/static"
    async with managed(cluster, reconciler) as world:
        await asyncio.sleep(1)
        assert world.ready()[0] == "True"
        cluster.change("ImageRepository", "default", "app", {"spec": {"image": "example.com/static"}})
        await asyncio.sleep(1)
        assert len(reconciler.finalized) == 1
        assert world.status() == {}
        assert cluster.objects["ImageRepository", "default", "app"]["metadata"].get("finalizers", []) == []
        patches = len(cluster.patches)
        cluster.change("ImageRepository", "default", "app", REQUESTED)
        await asyncio.sleep(1)
        assert (len(reconciler.runs), len(cluster.patches)) == (1, patches)


@in_virtual_time
async def test_a_reconciler_is_told_of_the_end_of_an_object_without_a_finalizer() -> None:
    cluster, reconciler, forgotten = stored(), repositories(succeed), list[Key]()
    reconciler.is_static = lambda obj: True
    reconciler.forget = forgotten.append
    async with managed(cluster, reconciler):
        await asyncio.sleep(1)
        assert forgotten == []
        cluster.delete("ImageRepository", "default", "app")
        await asyncio.sleep(1)
    assert forgotten == [Key("default", "app")]
    assert reconciler.finalized == []


@in_virtual_time
async def test_a_run_that_is_put_off_comes_after_all_that_is_to_be_done_at_once_and_tells_nothing() -> None:
    cluster = MemoryCluster()
    for name in ("a", "b", "c"):
        cluster.put(image_repository(name))
    runs: list[str] = []

    async def work(obj: Any, run: Any) -> Outcome:
        runs.append(obj.metadata.name)
        return Outcome(message="all good", requeue_after=600, later=runs == ["a"])

    async with managed(cluster, repositories(work), settings=Settings(workers=1)) as world:
        await asyncio.sleep(5)
        assert runs == ["a", "b", "c", "a"]
        assert world.sink.told("a") == [("Normal", "Succeeded", "all good")]


@in_virtual_time
async def test_conditions_of_others_survive_a_conflict() -> None:
    foreign = {
        "type": "Approved",
        "status": "True",
        "reason": "Signed",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    cluster = stored()

    async def work(obj: Any, run: Any) -> Outcome:
        mine = world.status().get("conditions", [])
        cluster.change("ImageRepository", "default", "app", {"status": {"conditions": [*mine, foreign]}})
        run.update(last_scan_result=ScanResult(tag_count=3))
        return Outcome(message="all good")

    async with managed(cluster, repositories(work)) as world:
        await asyncio.sleep(5)
        seen = cluster.conditions("ImageRepository", "default", "app")
        assert seen["Approved"]["reason"] == "Signed"
        assert seen["Ready"]["status"] == "True"
        assert world.status()["lastScanResult"] == {"tagCount": 3}


@pytest.mark.parametrize("early", [True, False], ids=["before the run says what goes on", "before it ends"])
def test_a_run_on_older_knowledge_writes_nothing_and_is_made_anew_on_what_another_decided(early: bool) -> None:
    @in_virtual_time
    async def scenario() -> None:
        cluster = stored()
        newer = {"lastScanResult": {"tagCount": 4, "revision": "four"}}
        seen: list[ScanResult | None] = []

        async def work(obj: Any, run: Any) -> Outcome:
            seen.append(obj.status.last_scan_result)
            if len(seen) == 1 and early:
                cluster.change("ImageRepository", "default", "app", {"status": newer})
            await run.progress("scanning")
            if len(seen) == 1:
                cluster.change("ImageRepository", "default", "app", {"status": newer})
                run.update(last_scan_result=ScanResult(tag_count=3, revision="three"))
            return Outcome(message=f"found {run.status.last_scan_result.tag_count} tags", changed=True)

        async with managed(cluster, repositories(work)) as world:
            await asyncio.sleep(5)
            assert world.status()["lastScanResult"] == newer["lastScanResult"]
            assert world.ready() == ("True", "Succeeded", "found 4 tags")
            assert [message for _, _, message in world.sink.told()] == ["found 4 tags"]
        assert [each and each.revision for each in seen] == [None, "four"]

    scenario()


@in_virtual_time
async def test_fields_are_removed_from_the_status_when_they_go() -> None:
    async def work(obj: Any, run: Any) -> Outcome:
        run.update(last_scan_result=ScanResult(tag_count=3) if obj.spec.image == "a" else None)
        return Outcome(message="all good")

    cluster = stored(image="a")
    async with managed(cluster, repositories(work)) as world:
        await asyncio.sleep(1)
        assert world.status()["lastScanResult"] == {"tagCount": 3}
        cluster.change("ImageRepository", "default", "app", {"spec": {"image": "b"}})
        await asyncio.sleep(1)
        assert "lastScanResult" not in world.status()
        assert world.status()["observedGeneration"] == 2


@in_virtual_time
async def test_a_run_sees_what_the_run_before_it_wrote() -> None:
    """The stream may be behind; the state that our own patch led to is what counts."""
    counts: list[int] = []
    enough = asyncio.Event()

    async def work(obj: Any, run: Any) -> Outcome:
        before = obj.status.last_scan_result.tag_count if obj.status.last_scan_result else 0
        counts.append(before)
        run.update(last_scan_result=ScanResult(tag_count=before + 1))
        if len(counts) >= 50:
            enough.set()
        return Outcome(message="all good", requeue_after=0)

    async with managed(stored(), repositories(work)):
        await enough.wait()
    assert counts[:50] == list(range(50))


@in_virtual_time
async def test_progress_is_written_while_a_step_takes_longer_than_a_moment() -> None:
    gates = [asyncio.Event(), asyncio.Event()]

    async def work(obj: Any, run: Any) -> Outcome:
        await run.progress("looking")
        await run.progress("cloning", ready_unknown=True)
        await gates[0].wait()
        await run.progress("packing")
        await gates[1].wait()
        return Outcome(message="all good")

    async with managed(stored(), repositories(work)) as world:
        for gate, message in zip(gates, ("cloning", "packing"), strict=True):
            await asyncio.sleep(2)
            seen = world.cluster.conditions("ImageRepository", "default", "app")
            assert (seen["Reconciling"]["message"], seen["Ready"]["status"]) == (message, "Unknown")
            gate.set()
        await asyncio.sleep(2)
        assert world.ready()[0] == "True"


@in_virtual_time
async def test_a_run_that_ends_within_a_moment_is_written_once() -> None:
    async def work(obj: Any, run: Any) -> Outcome:
        await run.progress("cloning", ready_unknown=True)
        await asyncio.sleep(0.5)
        await run.progress("packing")
        return Outcome(message="all good")

    cluster = stored()
    async with managed(cluster, repositories(work)) as world:
        await asyncio.sleep(5)
        assert world.ready() == ("True", "Succeeded", "all good")
        assert [part for _, part, _ in cluster.patches] == ["", "status"], "finalizer, end"


@in_virtual_time
async def test_what_a_run_announced_that_put_its_work_off_is_not_written() -> None:
    runs: list[str] = []

    async def work(obj: Any, run: Any) -> Outcome:
        runs.append(obj.metadata.name)
        if len(runs) > 1:
            await asyncio.Event().wait()
        await run.progress("waiting in line")
        return Outcome(message="", later=True)

    cluster = MemoryCluster()
    cluster.put(image_repository(image="a") | {"status": {"observedGeneration": 1}})
    async with managed(cluster, repositories(work)):
        await asyncio.sleep(5)
        assert len(runs) == 2
        assert [part for _, part, _ in cluster.patches] == [""], "finalizer"


def kustomized() -> MemoryCluster:
    cluster = MemoryCluster()
    cluster.put(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "app", "namespace": "default"},
            "spec": {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "x"}},
        }
    )
    return cluster


@in_virtual_time
async def test_a_kustomization_is_unknown_while_it_runs_and_observed_only_when_ready() -> None:
    cluster, seen = kustomized(), []

    async def work(obj: Any, run: Any) -> Outcome:
        await asyncio.sleep(2)
        seen.append(world.ready("Kustomization"))
        if len(seen) == 2:
            raise errors.Stalled("AccessDenied", "no")
        return Outcome(message="Applied revision: x")

    async with managed(cluster, kustomizations(work)) as world:
        await asyncio.sleep(3)
        assert world.ready("Kustomization") == ("True", "ReconciliationSucceeded", "Applied revision: x")
        assert world.status("Kustomization")["observedGeneration"] == 1
        cluster.change("Kustomization", "default", "app", {"spec": {"prune": False}})
        await asyncio.sleep(3)
        assert world.ready("Kustomization") == ("False", "AccessDenied", "no")
        assert world.status("Kustomization")["observedGeneration"] == 1
    assert seen == [("Unknown", "Progressing", "Reconciliation in progress")] * 2


@in_virtual_time
async def test_a_steady_kustomization_does_not_flicker_but_tells_when_it_was_last_reconciled() -> None:
    cluster, seen = kustomized(), []

    async def work(obj: Any, run: Any) -> Outcome:
        await asyncio.sleep(2)
        seen.append(world.ready("Kustomization")[0])
        return Outcome(message="Applied revision: x", requeue_after=60)

    async with managed(cluster, kustomizations(work)) as world:
        await asyncio.sleep(65)
        ready = cluster.conditions("Kustomization", "default", "app")["Ready"]
        assert ready["lastTransitionTime"] >= "2026-01-01T12:00:57Z"
    assert seen == ["Unknown", "True"]


@in_virtual_time
async def test_another_kinds_change_wakes_those_that_it_names() -> None:
    def revision(obj: ImageRepository | None) -> str:
        return obj.status.canonical_image_name if obj else ""

    watch = Watch(
        kind=ImageRepository,
        changed=lambda old, new: revision(old) != revision(new),
        requests=lambda obj, reader: [Key("default", f"{obj.metadata.name}-policy")],
    )
    cluster = stored()
    cluster.put(image_policy("app-policy"))

    async def scan(obj: Any, run: Any) -> Outcome:
        run.update(canonical_image_name=f"{obj.spec.image}-{obj.metadata.generation}")
        return Outcome(message="scanned")

    reconciler = policies(succeed, watches=[watch])
    async with managed(cluster, repositories(scan), reconciler):
        await asyncio.sleep(10)
        before = len(reconciler.runs)
        cluster.change("ImageRepository", "default", "app", {"spec": {"image": "b"}})
        await asyncio.sleep(10)
        assert len(reconciler.runs) == before + 1


@in_virtual_time
async def test_a_run_learns_what_asks_for_the_next_one_meanwhile() -> None:
    told: list[str] = []

    async def reconcile(obj: Any, run: Any) -> Outcome:
        if not told:
            cluster.put(image_policy())
            await run.woken.event.wait()
        told.append(run.woken.by)
        return Outcome(message="all good", requeue_after=600)

    cluster = stored()
    watch = Watch(kind=ImagePolicy, changed=lambda old, new: True, requests=lambda obj, _: [Key("default", "app")])
    async with managed(cluster, repositories(reconcile, watches=[watch])):
        await asyncio.sleep(1)
    assert told == ["ImagePolicy/default/app", ""]


@in_virtual_time
async def test_no_more_runs_than_workers_at_once_and_never_two_of_one_object() -> None:
    active: list[str] = []
    most = 0

    async def work(obj: Any, run: Any) -> Outcome:
        nonlocal most
        assert obj.metadata.name not in active
        active.append(obj.metadata.name)
        most = max(most, len(active))
        await asyncio.sleep(1)
        active.remove(obj.metadata.name)
        return Outcome(message="all good")

    cluster = MemoryCluster()
    for n in range(10):
        cluster.put(image_repository(f"app-{n}"))
    async with managed(cluster, repositories(work), settings=Settings(workers=3)):
        for _ in range(3):
            await asyncio.sleep(0.3)
            for n in range(10):
                cluster.change("ImageRepository", "default", f"app-{n}", {"spec": {"image": f"{_}"}})
        await asyncio.sleep(30)
    assert most == 3


@in_virtual_time
async def test_a_run_that_does_not_end_is_ended() -> None:
    async def work(obj: Any, run: Any) -> Outcome:
        await asyncio.Event().wait()
        return Outcome(message="never")

    async with managed(stored(), repositories(work), settings=Settings(run_limit=60)) as world:
        await asyncio.sleep(60.5)
        assert world.ready() == ("False", "Failed", "the run took longer than 60 s")


@in_virtual_time
async def test_a_cancellation_that_is_not_ours_is_a_bug_of_that_run() -> None:
    async with managed(stored(), repositories(failing(asyncio.CancelledError("library")))) as world:
        await asyncio.sleep(0.5)
        assert world.ready() == ("False", "Failed", "CancelledError: library")


@in_virtual_time
async def test_a_status_that_cannot_be_written_is_tried_again() -> None:
    cluster = stored()
    async with managed(cluster, repositories(succeed)) as world:
        cluster.refusals = [kube.Unreachable(0, "Unreachable", "connection refused") for _ in range(4)]
        await asyncio.sleep(60)
        assert world.ready() == ("True", "Succeeded", "all good")


def test_an_object_that_becomes_decodable_wakes() -> None:
    good = image_repository()
    bad = image_repository(interval="1d")
    entries = [decode(msgspec.json.encode(obj), ImageRepository) for obj in (bad, good)]
    assert wakes(*entries)
    assert not wakes(entries[0], entries[0])


SHARD = Settings(shard=selectors.parse_labels("sharding.fluxcd.io/key=a"))


def of_shard(name: str, key: str | None) -> dict[str, Any]:
    obj = image_repository(name)
    if key is not None:
        obj["metadata"]["labels"] = {"sharding.fluxcd.io/key": key}
    return obj


@in_virtual_time
async def test_only_the_objects_of_the_shard_are_reconciled() -> None:
    cluster = MemoryCluster()
    for name, key in (("ours", "a"), ("theirs", "b"), ("nobodys", None)):
        cluster.put(of_shard(name, key))
    work = repositories(succeed)
    async with managed(cluster, work, settings=SHARD):
        await asyncio.sleep(700)
    assert {name for _, name in work.runs} == {"ours"}
    assert "finalizers" not in cluster.objects["ImageRepository", "default", "theirs"]["metadata"]


@in_virtual_time
async def test_an_object_that_labels_move_to_another_shard_is_let_go_and_taken_up_there() -> None:
    cluster = MemoryCluster()
    cluster.put(of_shard("app", "b"))
    work = repositories(succeed)
    async with managed(cluster, work, settings=SHARD):
        await asyncio.sleep(5)
        assert work.runs == []
        move = {"metadata": {"labels": {"sharding.fluxcd.io/key": "a"}}}
        cluster.change("ImageRepository", "default", "app", move)
        await asyncio.sleep(5)
        taken = len(work.runs)
        assert taken > 0
        cluster.change("ImageRepository", "default", "app", {"metadata": {"labels": {"sharding.fluxcd.io/key": "b"}}})
        await asyncio.sleep(3600)
        assert len(work.runs) == taken


def test_an_object_that_was_made_anew_between_two_looks_wakes() -> None:
    """A watch that was away sees the old and the new one of a name as one change, of the same generation."""
    old = decode(msgspec.json.encode(image_repository()), ImageRepository)
    assert isinstance(old, ImageRepository)
    metadata = msgspec.structs.replace(old.metadata, uid="another", resource_version="2")
    assert wakes(old, msgspec.structs.replace(old, metadata=metadata))
    same = msgspec.structs.replace(old.metadata, resource_version="2")
    assert not wakes(old, msgspec.structs.replace(old, metadata=same))
