import asyncio

import uvloop

from image_automation.cli import serving


def test_the_service_runs_on_uvloop():
    async def which() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert isinstance(serving.run(which()), uvloop.Loop)
