"""How a controller hears of changes: a queue of what to look at, fed by the store and never handled twice at once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from gotk.apiserver.status import Refusal
from gotk.apiserver.store import StoreError

log = logging.getLogger(__name__)

T = TypeVar("T", bound=Hashable)


class Feed(Generic[T]):
    """A queue in which everything waits at most once."""

    def __init__(self) -> None:
        self._waiting: dict[T, None] = {}
        self._ready = asyncio.Event()
        self._busy = False

    def add(self, thing: T) -> None:
        """Have a thing looked at, once, soon."""
        self._waiting[thing] = None
        self._ready.set()

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being looked at."""
        return not self._waiting and not self._busy

    async def work(self, look: Callable[[T], Awaitable[None]]) -> None:
        """Look at one thing after the other, forever. A refusal is logged; the next event brings the thing back."""
        while True:
            await self._ready.wait()
            thing = next(iter(self._waiting))
            del self._waiting[thing]
            if not self._waiting:
                self._ready.clear()
            self._busy = True
            try:
                await look(thing)
            except (Refusal, StoreError) as error:
                log.warning("a controller could not finish", extra={"thing": str(thing), "error": str(error)})
            except Exception:
                log.exception("a controller met a bug", extra={"thing": str(thing)})
            finally:
                self._busy = False
