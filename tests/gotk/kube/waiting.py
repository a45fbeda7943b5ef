"""Waiting for what has to come true by itself."""

import asyncio
from collections.abc import Callable


async def until(true: Callable[[], bool]) -> None:
    """Look until it is so, for a minute at most."""
    for _ in range(3000):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came true")
