"""Doing it again: so many tries with pauses that double up to a longest one.

For the loops whose rule is that and no more. Which failures pass, and whether a server asked for another pause, is the
caller's to say.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

#: More are no number any more, and no pause that anybody waits for.
_MOST_DOUBLINGS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How often in all, and how long between; seconds."""

    tries: int
    first: float
    longest: float = float("inf")

    def pause(self, failures: int) -> float:
        """Return the pause after the first, second, ... failure in a row."""
        return min(self.first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS), self.longest)


async def run(
    work: Callable[[], Awaitable[T]],
    backoff: Backoff,
    *,
    sleep: Callable[[float], Awaitable[None]],
    pause: Callable[[Exception, float], float | None],
) -> T:
    """Return what the work returns, or raise what its last try raises.

    `pause` gets a failure and the pause that is due, and returns the pause to make; None where another try is no use.
    """
    failures = 0
    while True:
        try:
            return await work()
        except Exception as error:
            failures += 1
            wanted = pause(error, backoff.pause(failures)) if failures < backoff.tries else None
            if wanted is None:
                raise
        await sleep(wanted)
