import asyncio

import uvloop

from image_automation.cli import loop


def test_the_service_runs_on_uvloop():
    async def which() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert isinstance(loop.run(which()), uvloop.Loop)
