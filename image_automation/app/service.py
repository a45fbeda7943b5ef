"""The service: everything of `wiring`, and the HTTP servers beside it, from start to a clean stop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from gotk.kube.client import Client
from gotk.kube.config import Config
from gotk.runtime import health
from gotk.runtime.metrics import Metrics
from image_automation.app import served, wiring
from image_automation.app.settings import Settings


class ServiceError(Exception):
    """The service cannot start: the message names the address or folder and the cause."""


@contextlib.asynccontextmanager
async def beside(settings: Settings, config: Config) -> AsyncIterator[None]:
    """Run the service beside the block, and stop it cleanly when the block ends, however it ends.

    Raises what the block raises, or ServiceError when the service cannot start.
    """
    stop, started = asyncio.Event(), asyncio.Event()
    failure: Exception | None = None
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(run(settings, config, stop, started=started))
            await started.wait()
            try:
                yield
            except Exception as error:  # noqa: BLE001 - raised again once the service has stopped
                failure = error
            finally:
                stop.set()
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    if failure is not None:
        raise failure


async def run(settings: Settings, config: Config, stop: asyncio.Event, *, started: asyncio.Event | None = None) -> None:
    """Run the controllers on a cluster until `stop` is set. `started` is set once everything listens."""
    metrics = Metrics()
    async with contextlib.AsyncExitStack() as stack:
        try:
            client = await stack.enter_async_context(Client(config))
            settings = await served.narrow(settings, client)
            manager = await stack.enter_async_context(wiring.manager(settings, client, metrics))
            await stack.enter_async_context(health.serve(settings.metrics_addr, health.metrics_app(metrics)))
            app = health.health_app(ready=lambda: manager.ready)
            await stack.enter_async_context(health.serve(settings.health_addr, app))
        except (OSError, ValueError) as error:
            raise ServiceError(f"cannot start: {error}") from error
        structlog.get_logger().info(
            "starting", cluster=config.origin, server=config.host, controllers=sorted(settings.controllers)
        )
        if started is not None:
            started.set()
        await manager.run(stop)
