"""How a controller hears of changes: a queue of what to look at, fed by the store and never handled twice at once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from gotk.apiserver.status import Refusal
from gotk.apiserver.storage.database import StoreError

log = logging.getLogger(__name__)

T = TypeVar("T", bound=Hashable)


class Feed(Generic[T]):
    """A queue in which everything waits at most once. What failed comes back after `again` seconds."""

    def __init__(self, *, again: float = 5.0) -> None:
        self._again = again
        self._waiting: dict[T, None] = {}
        self._ready = asyncio.Event()

    def add(self, thing: T) -> None:
        """Have a thing looked at, once, soon."""
        self._waiting[thing] = None
        self._ready.set()

    async def work(self, look: Callable[[T], Awaitable[None]]) -> None:
        """Look at one thing after the other, forever. What failed is logged and looked at again later."""
        loop = asyncio.get_running_loop()
        while True:
            await self._ready.wait()
            thing = next(iter(self._waiting))
            del self._waiting[thing]
            if not self._waiting:
                self._ready.clear()
            try:
                await look(thing)
            except (Refusal, StoreError) as error:
                log.warning("a controller could not finish", extra={"thing": str(thing), "error": str(error)})
                loop.call_later(self._again, self.add, thing)
            except Exception:
                log.exception("a controller met a bug", extra={"thing": str(thing)})
