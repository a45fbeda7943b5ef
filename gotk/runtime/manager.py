"""The manager: caches, controllers and events in one task group, from the first list to a clean stop.

Answers to controller-runtime's `Manager`. A controller or a cache that fails against all expectation is started again
after a while; the others never notice.
"""

import asyncio
import random as randomness
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from gotk.kube.cache import Caches
from gotk.runtime import events, readiness, status
from gotk.runtime.clock import Clock, SystemClock
from gotk.runtime.controller import Controller
from gotk.runtime.metrics import Metrics
from gotk.runtime.reconciler import Reconciler
from gotk.runtime.settings import Settings

_RESTART = 5.0
_FLUSH = 1.0


class Manager:
    """Runs reconcilers over a cluster. `caches` are those that the reconcilers were given as their Reader."""

    def __init__(
        self,
        *,
        client: status.Objects,
        caches: Caches,
        reconcilers: Sequence[Reconciler[Any, Any]],
        recorder: events.Recorder,
        metrics: Metrics,
        clock: Clock | None = None,
        settings: Settings | None = None,
        random: randomness.Random | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._settings = settings or Settings()
        self._caches = caches
        self._recorder = recorder
        self._log = structlog.get_logger().bind(logger="manager")
        self._running = False
        self._controllers = [
            Controller(
                reconciler,
                caches=caches,
                client=client,
                recorder=recorder,
                metrics=metrics,
                clock=self._clock,
                settings=self._settings,
                random=random or randomness.Random(),  # noqa: S311 - jitter
            )
            for reconciler in reconcilers
        ]

    def unready(self) -> Sequence[str]:
        """Return why it cannot be relied on: the answer of `/readyz`; nothing where it can."""
        if not self._running:
            return ["the controllers do not run"]
        return readiness.of_caches(self._caches, self._clock.monotonic())

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then let the runs under way finish within the grace, and cancel what has not."""
        async with asyncio.TaskGroup() as group:
            support = [group.create_task(self._recorder.run(), name="events")]
            support += [
                group.create_task(self._keep("cache", cache.run), name=f"cache {cache.kind.__name__}")
                for cache in self._caches
            ]
            working = [
                group.create_task(self._keep("controller", controller.run), name=controller.kind)
                for controller in self._controllers
            ]
            self._running = True
            try:
                await stop.wait()
            finally:
                self._running = False
            await self._finish(working)
            for task in support:
                task.cancel()

    async def _finish(self, working: Sequence[asyncio.Task[None]]) -> None:
        self._log.info("stopping")
        for controller, task in zip(self._controllers, working, strict=True):
            controller.stop()
            if not controller.started:
                task.cancel()
        if working:
            _, late = await asyncio.wait(working, timeout=self._settings.grace)
            for task in late:
                self._log.info("cancelling runs that did not finish in time", controllerKind=task.get_name())
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=_FLUSH)
        try:
            async with asyncio.timeout(_FLUSH):
                await self._recorder.flush()
        except TimeoutError:
            self._log.info("some events were not delivered in time")

    async def _keep(self, what: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run until it returns; start it again after an error that nobody expected."""
        while True:
            try:
                return await run()
            except Exception:  # noqa: BLE001 - a bug in one part must not end the others
                self._log.exception("unexpected error, starting again", part=what)
            await self._clock.sleep(_RESTART)
