"""The service: everything of `wiring`, and the HTTP servers beside it, from start to a clean stop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence

import structlog

from gotk.kube.client import Client
from gotk.kube.config import Config
from gotk.runtime import health, readiness
from gotk.runtime.clock import SystemClock
from gotk.runtime.leader_election import Elector, Fence, LeadershipLost
from gotk.runtime.logging import redact
from gotk.runtime.manager import Manager
from gotk.runtime.metrics import Metrics
from image_automation.app import addresses, leadership, memory_watch, served, wiring
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
    """Run the controllers on a cluster until `stop` is set. `started` is set once everything listens.

    With leader election that is once this replica stands by: the controllers begin with the lease. Raises ServiceError,
    also when the lease is lost.
    """
    started = started or asyncio.Event()
    metrics = Metrics()
    fence = Fence(guarded=settings.election is not None)
    service = _Service(settings=settings, config=config, metrics=metrics, fence=fence, stop=stop, started=started)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(memory_watch.watching(settings.memory_limit, stop))
        client = await stack.enter_async_context(Client(config, write_time=fence.left))
        with _start():
            for option, address, app in (
                ("--metrics-addr", settings.metrics_addr, health.metrics_app(metrics)),
                ("--health-addr", settings.health_addr, health.health_app(unready=service.unready)),
            ):
                await stack.enter_async_context(addresses.chosen_by(option, address, health.serve(address, app)))
        if settings.election is None:
            await service.work(client)
            return
        leases = await stack.enter_async_context(Client(config))
        elector = Elector(client=leases, election=settings.election, fence=fence, clock=SystemClock())
        service.stand_by(elector)
        mark = leadership.Mark(client, settings.pod)
        started.set()
        try:
            await leadership.lead(elector, lambda: service.work(client), stop, mark)
        except LeadershipLost as error:
            raise ServiceError(f"{error}; this replica ends, so that it starts anew as one that stands by") from None


class _Service:
    """The controllers of one process, which may have to wait for the lease of the leader first."""

    def __init__(
        self,
        *,
        settings: Settings,
        config: Config,
        metrics: Metrics,
        fence: Fence,
        stop: asyncio.Event,
        started: asyncio.Event,
    ) -> None:
        self._settings = settings
        self._config = config
        self._metrics = metrics
        self._fence = fence
        self._stop = stop
        self._started = started
        self._manager: Manager | None = None
        self._elector: Elector | None = None
        self._unready = "the controllers have not started"

    def stand_by(self, elector: Elector) -> None:
        """Count as ready while the lease is waited for, which is as it should be, unless the API is out of reach."""
        self._elector = elector

    def unready(self) -> Sequence[str]:
        """Return why it neither works nor stands by to."""
        if self._elector is not None:
            away = self._elector.unreached
            return [readiness.unreached(*away)] if away is not None and away[0] >= readiness.PATIENCE else []
        return [self._unready] if self._manager is None else self._manager.unready()

    async def work(self, client: Client) -> None:
        """Run the controllers until `stop` is set. Raises ServiceError."""
        self._elector = None
        narrowing = served.narrow(self._settings, client, clock=SystemClock(), tell=self._tell)
        narrowed = await leadership.unless(self._stop, narrowing)
        if narrowed is None:
            return
        settings = narrowed.result()
        async with contextlib.AsyncExitStack() as stack:
            with _start():
                self._manager = await stack.enter_async_context(
                    wiring.manager(settings, client, self._metrics, write_time=self._fence.left)
                )
            config = self._config
            structlog.get_logger().info(
                "starting", cluster=config.origin, server=config.host, controllers=sorted(settings.controllers)
            )
            self._started.set()
            await self._manager.run(self._stop)

    def _tell(self, message: str) -> None:
        self._unready = f"the Kubernetes API has not answered yet: {redact(message)}"


@contextlib.contextmanager
def _start() -> Iterator[None]:
    """Tell what the service cannot start for. Raises ServiceError."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise ServiceError(f"cannot start: {error}") from error
