"""The control plane as one thing to start and stop: `async with ControlPlane(directory) as plane`.

Answers to `kube-apiserver` and the controllers that no cluster is without, for one machine and one admin. On an empty
directory it makes its authority, token, namespaces and kubeconfig in a fraction of a second; on a used one it goes on
where it stopped. TLS always: kubectl sends no credentials over plain HTTP.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from aiohttp import web

from gotk.apiserver import auth, bootstrap, builtin, kubeconfig, tls
from gotk.apiserver.call import Plane
from gotk.apiserver.handler import Handler
from gotk.apiserver.resources import Registry
from gotk.apiserver.store import Store
from gotk.apiserver.watch import Hub
from gotk.apiserver.writer import Writer

_BACKLOG = 4096


class Clock(Protocol):
    """Where the control plane takes the time from."""

    def now(self) -> datetime:
        """Return the current time, in UTC."""
        ...


class MachineClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the current time, in UTC."""
        return datetime.now(UTC)


class ControlPlane:
    """A Kubernetes-compatible API server in this process.

    `url` and `kubeconfig` are known once it has been entered. `crds` are created, or updated where they changed.
    Raises StoreError when the directory is in use or damaged.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        crds: Sequence[dict[str, Any]] = (),
        clock: Clock | None = None,
    ) -> None:
        self._directory = data_dir
        self._host = host
        self._port = port
        self._crds = crds
        self._clock = clock or MachineClock()
        self._stack = contextlib.AsyncExitStack()
        self.url = ""
        self.kubeconfig = data_dir / "kubeconfig"
        self.registry = Registry(builtin.RESOURCES)

    async def __aenter__(self) -> Self:
        async with self._stack:
            await self._start()
            self._stack = self._stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        store = Store(self._directory)
        self._stack.callback(store.close)
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        hub = Hub(store)
        writer = Writer(store=store, registry=self.registry, now=self._clock.now)
        token = auth.token(self._directory / "token")
        plane = Plane(
            store=store, registry=self.registry, hub=hub, writer=writer, authenticator=auth.Authenticator(token)
        )
        work = [group.create_task(store.commit_forever(), name="store")]
        self._stack.callback(_cancel, work)
        await bootstrap.run(plane, self._crds)
        await self._listen(plane, token)

    async def _listen(self, plane: Plane, token: str) -> None:
        now = self._clock.now()
        directory = self._directory / "pki"
        ca = tls.authority(directory, now)
        certificate = tls.server(directory, ca, (self._host,), now)
        admin = tls.client(directory, ca, auth.ADMIN, auth.MASTERS, now)
        runner = web.ServerRunner(web.Server(Handler(plane), access_log=None), shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(
            runner, self._host, self._port, ssl_context=tls.context(ca, certificate), backlog=_BACKLOG
        )
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        kubeconfig.write(self.kubeconfig, url=self.url, ca=ca, admin=admin, token=token)


def _cancel(work: Sequence[asyncio.Task[None]]) -> None:
    for task in work:
        task.cancel()
