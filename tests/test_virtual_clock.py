import asyncio

from tests.virtual_clock import EPOCH, VirtualClock, in_virtual_time


@in_virtual_time
async def test_an_hour_passes_at_once_when_every_task_waits() -> None:
    clock = VirtualClock()
    await clock.sleep(3600)
    assert (clock.now() - EPOCH).total_seconds() == 3600


@in_virtual_time
async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    clock, woken = VirtualClock(), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        for seconds in (30.0, 10.0, 20.0):
            group.create_task(sleeper(seconds))
    assert woken == [(10.0, 10.0), (20.0, 20.0), (30.0, 30.0)]


@in_virtual_time
async def test_time_stands_still_while_a_task_can_run() -> None:
    clock = VirtualClock()
    async with asyncio.TaskGroup() as group:
        group.create_task(clock.sleep(1))
        for _ in range(1000):
            await asyncio.sleep(0)
        assert clock.monotonic() == 0


@in_virtual_time
async def test_time_waits_for_threads() -> None:
    clock = VirtualClock()
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        group.create_task(clock.sleep(5))
        await loop.run_in_executor(None, lambda: sum(range(200_000)))
        assert clock.monotonic() == 0
        gate.set()
