"""The queue's laws, in a model and in virtual time."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gotk.runtime.queue import Backoff, Queue, WorkQueue
from tests.virtual_clock import VirtualClock, in_virtual_time


def drain(queue: WorkQueue[str], now: float = 0.0) -> list[str]:
    taken = []
    while (key := queue.take(now)) is not None:
        taken.append(key)
        queue.done(key)
    return taken


def test_objects_are_handed_out_in_the_order_they_were_added() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for key in ("a", "b", "c"):
        queue.add(key)
    assert drain(queue) == ["a", "b", "c"]


def test_many_adds_are_one_run() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for _ in range(5):
        queue.add("a")
    assert drain(queue) == ["a"]


def test_an_object_that_runs_is_not_handed_out_again() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert queue.take(0) == "a"
    queue.add("a")
    assert queue.take(0) is None


def test_an_object_added_while_it_runs_runs_once_more_after() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.take(0)
    queue.add("a")
    queue.add("a")
    queue.done("a")
    assert drain(queue) == ["a"]


def test_a_delay_that_ends_during_a_run_is_one_more_run_after() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.take(0)
    queue.add_at("a", 1.0)
    assert queue.take(2.0) is None
    queue.done("a")
    assert queue.take(2.0) == "a"


@pytest.mark.parametrize(
    ("times", "due"),
    [
        pytest.param((10.0, 5.0), 5.0, id="an earlier time replaces a later one"),
        pytest.param((5.0, 10.0), 5.0, id="a later time changes nothing"),
    ],
)
def test_the_earlier_of_two_delays_stands(times: tuple[float, float], due: float) -> None:
    queue: WorkQueue[str] = WorkQueue()
    for when in times:
        queue.add_at("a", when)
    assert queue.next_due() == due
    assert queue.take(due - 0.1) is None
    assert drain(queue, due) == ["a"]
    assert drain(queue, 100.0) == []


def test_an_immediate_add_takes_the_place_of_a_delay() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_at("a", 10.0)
    queue.add("a")
    assert drain(queue) == ["a"]
    assert queue.next_due() is None


def test_what_is_immediate_goes_before_what_was_delayed() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_at("later", 1.0)
    queue.add("now")
    assert drain(queue, 2.0) == ["now", "later"]


def test_a_flood_of_changes_does_not_starve_the_delayed() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_at("interval", 0.0)
    for n in range(20):
        queue.add(f"change-{n}")
    assert drain(queue, 1.0).index("interval") <= 7


def test_backoff_doubles_up_to_its_limit_and_starts_anew_after_success() -> None:
    queue: WorkQueue[str] = WorkQueue(Backoff(base=0.75, limit=900.0))
    delays = [queue.fail("a", 0.0) for _ in range(13)]
    assert delays[:4] == [0.75, 1.5, 3.0, 6.0]
    assert delays[-2:] == [900.0, 900.0]
    queue.succeed("a")
    assert queue.fail("a", 0.0) == 0.75


def test_a_conflict_runs_at_once_but_backs_off_when_it_goes_on() -> None:
    queue: WorkQueue[str] = WorkQueue()
    assert [queue.conflict("a", 0.0) for _ in range(3)] == [0.0, 0.75, 1.5]


def test_an_object_that_is_gone_is_forgotten() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.fail("a", 0.0)
    queue.forget("a")
    assert (queue.next_due(), queue.failures("a")) == (None, 0)


ACTIONS = st.tuples(
    st.sampled_from(("add", "add_at", "fail", "take", "done", "succeed", "forget")), st.sampled_from("abc")
)


@given(st.lists(st.tuples(ACTIONS, st.floats(0, 5)), max_size=60))
def test_no_history_hands_an_object_out_twice_or_loses_a_request(history) -> None:
    queue: WorkQueue[str] = WorkQueue()
    now, running, wanted = 0.0, [], set()
    for (action, key), step in history:
        now += step
        if action == "add":
            queue.add(key)
            wanted.add(key)
        elif action == "add_at":
            queue.add_at(key, now + 1)
        elif action == "fail":
            queue.fail(key, now)
        elif action == "succeed":
            queue.succeed(key)
        elif action == "take" and (taken := queue.take(now)) is not None:
            assert taken not in running
            running.append(taken)
            wanted.discard(taken)
        elif action == "done" and running:
            queue.done(running.pop())
    for key in running:
        queue.done(key)
    assert wanted <= set(drain(queue, now))


@in_virtual_time
async def test_a_waiting_dispatcher_gets_an_object_when_its_delay_ends() -> None:
    clock = VirtualClock()
    queue: Queue[str] = Queue(clock=clock)
    queue.add_after("a", 600)
    assert (await queue.get(), clock.monotonic()) == ("a", 600)


@in_virtual_time
async def test_a_waiting_dispatcher_wakes_for_something_earlier() -> None:
    clock = VirtualClock()
    queue: Queue[str] = Queue(clock=clock)
    queue.add_after("late", 600)

    async def change() -> None:
        await clock.sleep(5)
        queue.add_after("early", 10)

    async with asyncio.TaskGroup() as group:
        group.create_task(change())
        assert (await queue.get(), clock.monotonic()) == ("early", 15)


@in_virtual_time
async def test_a_waiting_dispatcher_gets_again_what_was_asked_for_during_its_run() -> None:
    clock = VirtualClock()
    queue: Queue[str] = Queue(clock=clock)
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")

    async def end() -> None:
        await clock.sleep(5)
        queue.done("a")

    async with asyncio.TaskGroup() as group:
        group.create_task(end())
        assert (await queue.get(), clock.monotonic()) == ("a", 5)


@in_virtual_time
async def test_what_may_come_later_comes_together() -> None:
    clock = VirtualClock()
    queue: Queue[str] = Queue(clock=clock)
    await clock.sleep(1)
    for key, seconds in {"a": 60.0, "b": 61.0, "c": 68.0, "d": 70.0, "exact": 71.0}.items():
        queue.add_after(key, seconds, beside=0.0 if key == "exact" else 10.0)
    seen = [(await queue.get(), clock.monotonic()) for _ in range(5)]
    assert seen == [("a", 70), ("b", 70), ("c", 70), ("exact", 72), ("d", 80)]


@in_virtual_time
async def test_closing_ends_the_wait() -> None:
    clock = VirtualClock()
    queue: Queue[str] = Queue(clock=clock)
    queue.add_after("a", 600)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(queue.get())
        await clock.sleep(1)
        queue.close()
        assert await waiting is None
    assert clock.monotonic() == 1
