"""Doing the same thing once for everybody who wants it at the same moment.

Answers to Go's `singleflight`: who comes while the work is under way waits for its result. Unlike there, nobody is tied
to the fate of the first: when that one is cancelled, the next in line does the work.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Flights(Generic[K, T]):
    """Work under way, by key."""

    def __init__(self) -> None:
        self._flights: dict[K, asyncio.Future[T]] = {}

    async def share(self, key: K, work: Callable[[], Awaitable[T]]) -> T:
        """Return the result of the work under way, or do it. Raises what the work raises."""
        while (flight := self._flights.get(key)) is not None:
            await asyncio.wait([flight])
            if not flight.cancelled():
                return flight.result()
        flight = self._flights[key] = asyncio.get_running_loop().create_future()
        try:
            result = await work()
        except asyncio.CancelledError:
            flight.cancel()
            raise
        except BaseException as error:
            flight.set_exception(error)
            flight.exception()  # retrieved here, for perhaps nobody waits
            raise
        else:
            flight.set_result(result)
            return result
        finally:
            del self._flights[key]
