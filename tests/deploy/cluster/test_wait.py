"""Waiting, in virtual time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.cluster import wait
from deploy.cluster.inventory import Item, ObjectID
from gotk.kube import errors

START = datetime(2026, 1, 1, tzinfo=UTC)
READY = {"conditions": [{"type": "Ready", "status": "True"}]}
NOT_READY = {"conditions": [{"type": "Ready", "status": "False"}]}
STALLED = {"conditions": [{"type": "Stalled", "status": "True", "message": "why"}]}


class Theatre:
    """A cluster and its clock: every object's status follows a script of (from second, status); None is not there."""

    def __init__(self, **scripts: list[tuple[float, Any]]) -> None:
        self.scripts = scripts
        self.time = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        status = next((s for since, s in reversed(self.scripts.get(name, [])) if since <= self.time), None)
        if isinstance(status, errors.APIError):
            raise status
        if status is None:
            raise errors.NotFound(404, "NotFound", "not found")
        return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "status": status}

    async def until_current(self, *names: str, timeout: float, fail_fast: bool = True, **how: Any) -> None:
        waiter = wait.Waiter(clock=self, fail_fast=fail_fast)
        await waiter.until_current([item(name) for name in names], cluster=self._cluster, timeout=timeout, **how)

    async def until_gone(self, *names: str, timeout: float) -> list[Item]:
        waiter = wait.Waiter(clock=self)
        return await waiter.until_gone([item(name) for name in names], cluster=self._cluster, timeout=timeout)

    @property
    def _cluster(self) -> Any:
        return self  # waiting only reads


def item(name: str) -> Item:
    return Item(ObjectID("ns", name, "x.io", "Thing"), "v1")


async def test_the_wait_ends_soon_after_the_last_is_ready() -> None:
    theatre = Theatre(a=[(0, READY)], b=[(1, NOT_READY), (20, READY)])
    await theatre.until_current("a", "b", timeout=60)
    assert 20 <= theatre.time <= 25


async def test_without_fail_fast_a_failure_waits_for_the_others() -> None:
    theatre = Theatre(a=[(0, STALLED)], b=[(0, NOT_READY), (20, READY)])
    with pytest.raises(wait.WaitError, match=r"^failed early .*Thing/ns/a status: 'Failed': why"):
        await theatre.until_current("a", "b", timeout=60, fail_fast=False)
    assert 20 <= theatre.time <= 27


async def test_nothing_to_wait_for_takes_no_time() -> None:
    theatre = Theatre()
    await theatre.until_current(timeout=60)
    assert theatre.time == 0


async def test_the_time_is_up() -> None:
    theatre = Theatre(a=[(0, NOT_READY)], c=[(0, READY)], d=[(0, errors.Unreachable(0, "", "no route"))])
    with pytest.raises(wait.WaitError) as raised:
        await theatre.until_current(*"abcd", timeout=60)
    assert str(raised.value) == (
        "timeout waiting for: [Thing/ns/a status: 'InProgress', Thing/ns/b status: 'NotFound', "
        "Thing/ns/d status: 'Unknown': no route]"
    )
    assert theatre.time == pytest.approx(60)


async def test_a_failure_ends_the_wait_at_once() -> None:
    theatre = Theatre(a=[(0, NOT_READY)], b=[(0, NOT_READY), (3, STALLED)])
    with pytest.raises(wait.WaitError) as raised:
        await theatre.until_current("a", "b", timeout=600)
    assert str(raised.value) == "failed early due to stalled resources: [Thing/ns/b status: 'Failed': why]"
    assert theatre.time < 9


async def test_a_job_that_cleans_itself_up_is_done() -> None:
    await Theatre().until_current("a", timeout=60, missing_ok={item("a").id})


async def test_gone_is_gone() -> None:
    theatre = Theatre(a=[(0, READY), (5, None)], b=[(0, READY)])
    assert await theatre.until_gone("a", timeout=60) == []
    assert await theatre.until_gone("a", "b", timeout=10) == [item("b")]
