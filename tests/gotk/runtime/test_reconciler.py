"""The contract's small parts: what counts as a field that is set, and the limiter and clock that runs are given."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gotk.api import scheme
from gotk.api.image import ImageRepository
from gotk.runtime import clock
from gotk.runtime.blocking import Limiter
from gotk.runtime.reconciler import Key, is_set
from tests.deploy.kustomize.sources import kustomization
from tests.memory_cluster import image_repository
from tests.virtual_clock import VirtualClock, in_virtual_time


@pytest.mark.parametrize(
    ("spec", "path", "expected"),
    [
        pytest.param({}, "spec.secretRef", False, id="absent"),
        pytest.param({"secretRef": {"name": "a"}}, "spec.secretRef", True, id="present"),
        pytest.param({"secretRef": {"name": "a"}}, "spec.secretRef.name", True, id="within"),
        pytest.param({}, "spec.secretRef.name", False, id="within what is absent"),
        pytest.param({"provider": "generic"}, "spec.provider", False, id="the default is not set"),
        pytest.param({"provider": "aws"}, "spec.provider", True, id="another value is"),
        pytest.param({"insecure": True}, "spec.insecure", True, id="a switch"),
        pytest.param(
            {"accessFrom": {"namespaceSelectors": []}}, "spec.accessFrom.namespaceSelectors", False, id="empty"
        ),
    ],
)
def test_a_field_is_set_when_it_holds_more_than_its_default(spec: dict, path: str, expected: bool) -> None:
    assert is_set(scheme.convert(image_repository(**spec), ImageRepository), path) is expected


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param([], False, id="no entry"),
        pytest.param([{"name": "a"}], False, id="an entry without it"),
        pytest.param([{"name": "a"}, {"name": "b", "readyExpr": "true"}], True, id="the second entry"),
    ],
)
def test_a_field_of_a_list_is_set_where_an_entry_sets_it(entries: list[dict], expected: bool) -> None:
    assert is_set(kustomization(dependsOn=entries), "spec.dependsOn[].readyExpr") is expected
    assert is_set(kustomization(dependsOn=entries), "spec.dependsOn") is bool(entries)


def test_a_key_reads_as_namespace_and_name() -> None:
    assert str(Key("default", "app")) == "default/app"


async def test_the_limiter_runs_no_more_than_its_width_and_off_the_loop() -> None:
    lock, active, most, threads = threading.Lock(), 0, 0, set()
    gate = threading.Barrier(2)

    def work() -> None:
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)
            threads.add(threading.current_thread().name)
        gate.wait(5)
        with lock:
            active -= 1

    with Limiter(width=2, name="git") as limiter:
        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                group.create_task(limiter.run(work))
    assert most == 2
    assert all(name.startswith("git") for name in threads)


async def test_the_limiter_passes_results_and_errors_on() -> None:
    with Limiter(width=1) as limiter:
        assert await limiter.run(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await limiter.run(divmod, 7, 0)


async def test_a_cancelled_waiter_waits_no_longer() -> None:
    release = threading.Event()
    with Limiter(width=1) as limiter:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(limiter.run(release.wait, 5), timeout=0.01)
        release.set()


@in_virtual_time
async def test_waiting_ends_with_the_event_or_the_time() -> None:
    time, event = VirtualClock(), asyncio.Event()
    assert await clock.wait(event, 5, time) is False
    assert time.monotonic() == 5

    async def set_later() -> None:
        await time.sleep(2)
        event.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(set_later())
        assert await clock.wait(event, 100, time) is True
    assert time.monotonic() == 7
    assert await clock.wait(event, 100, time) is True
    assert time.monotonic() == 7


def test_times_are_printed_in_whole_seconds_of_utc_and_read_back() -> None:
    moment = datetime(2026, 1, 2, 5, 4, 5, 999, tzinfo=timezone(timedelta(hours=2)))
    assert clock.rfc3339(moment) == "2026-01-02T03:04:05Z"
    assert clock.parse_rfc3339("2026-01-02T03:04:05Z") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert clock.SystemClock().now().tzinfo is UTC
