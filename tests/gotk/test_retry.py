"""Doing it again: how often, after which pauses, and when no more."""

import pytest

from gotk import retry
from gotk.retry import Backoff


class Slept:
    """Remembers the pauses, which take no time."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


class Work:
    """Fails so often, then succeeds."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.failures = failures
        self.error = error
        self.done = 0

    async def __call__(self) -> str:
        self.done += 1
        if self.done <= self.failures:
            raise self.error
        return "done"


BACKOFF = Backoff(tries=6, first=1, longest=8)


def due(error: Exception, pause: float) -> float | None:
    return pause if isinstance(error, OSError) else None


@pytest.mark.parametrize(("failures", "pauses"), [(0, []), (1, [1]), (3, [1, 2, 4]), (5, [1, 2, 4, 8, 8])], ids=str)
async def test_pauses_double_up_to_the_longest(failures: int, pauses: list[float]):
    slept, work = Slept(), Work(failures, OSError())
    assert await retry.run(work, BACKOFF, sleep=slept.sleep, pause=due) == "done"
    assert slept.pauses == pauses


def test_however_many_failures_have_a_pause():
    assert Backoff(tries=1, first=0.5, longest=15).pause(5000) == 15
    assert Backoff(tries=1, first=0.5).pause(5000) > 1e9


async def test_the_last_failure_is_raised_without_another_pause():
    slept, work = Slept(), Work(9, OSError("the last one"))
    with pytest.raises(OSError, match="the last one"):
        await retry.run(work, BACKOFF, sleep=slept.sleep, pause=due)
    assert (work.done, slept.pauses) == (6, [1, 2, 4, 8, 8])


async def test_a_failure_that_no_retry_changes_is_raised_at_once():
    slept, work = Slept(), Work(9, ValueError())
    with pytest.raises(ValueError, match=r"^$"):
        await retry.run(work, BACKOFF, sleep=slept.sleep, pause=due)
    assert (work.done, slept.pauses) == (1, [])


async def test_the_pause_that_a_server_asks_for_is_made():
    slept = Slept()
    await retry.run(Work(2, OSError()), BACKOFF, sleep=slept.sleep, pause=lambda error, pause: 30 + pause)
    assert slept.pauses == [31, 32]
