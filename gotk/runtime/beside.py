"""What runs beside the controllers for as long as they do, and ends with them: the watchdog, what tells of versions."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any


@contextlib.asynccontextmanager
async def running(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Run something without an end for as long as the block lasts. Raises what the block raises, no group of it."""
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work, name=name)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again below
            failure = error
        finally:
            task.cancel()
    if failure is not None:
        raise failure
