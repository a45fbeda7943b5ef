"""The control plane as one thing to start and stop: `async with ControlPlane(directory) as plane`.

Answers to `kube-apiserver` and the controllers that no cluster is without, for one machine and one admin. On an empty
directory it makes its authority, token, namespaces and kubeconfig in a fraction of a second; on a used one it goes on
where it stopped. TLS always: kubectl sends no credentials over plain HTTP.
"""

import asyncio
import contextlib
import socket
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from gotk.apiserver import bootstrap
from gotk.apiserver.access import authentication, authorization, identity, kubeconfig, tls
from gotk.apiserver.access.rbac import Rbac
from gotk.apiserver.access.tokens import TokenIssuer
from gotk.apiserver.builtin import served
from gotk.apiserver.call import Plane
from gotk.apiserver.controllers.aggregation import RoleAggregation
from gotk.apiserver.controllers.definitions import DefinitionController
from gotk.apiserver.controllers.expiry import EventExpiry
from gotk.apiserver.controllers.garbage import GarbageCollector
from gotk.apiserver.controllers.namespaces import NamespaceController
from gotk.apiserver.handler import Handler
from gotk.apiserver.offload import Offload
from gotk.apiserver.resources.registry import Registry
from gotk.apiserver.simulator.simulator import WorkloadSimulator
from gotk.apiserver.storage.store import Store
from gotk.apiserver.storage.watch import Hub
from gotk.apiserver.wire import body
from gotk.apiserver.wire.trace import Trace
from gotk.apiserver.writer import Writer

_BACKLOG = 4096
#: How long a request's first line, or any header, may be: long label selectors fit, and nothing absurd does.
_LINE = 32 * 1024


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

    `url`, `kubeconfig` and `store` are known once it has been entered. `crds` are created, or updated where they
    changed.
    With `simulate`, workloads seem to run and are ready after so many seconds.
    A line for every request goes to the file `trace`.
    `authorization_mode` is `AlwaysAllow`, or `RBAC` to have the stored roles obeyed.
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
        simulate: float | None = None,
        trace: Path | None = None,
        authorization_mode: str = authorization.ALWAYS_ALLOW,
    ) -> None:
        if authorization_mode not in authorization.MODES:
            raise ValueError(f"authorization mode {authorization_mode!r}: there are {', '.join(authorization.MODES)}")
        self._directory = data_dir
        self._host = host
        self._port = port
        self._crds = crds
        self._clock = clock or MachineClock()
        self._simulate = simulate
        self._trace = trace
        self._authorization = authorization_mode
        self._stack = contextlib.AsyncExitStack()
        self.url = ""
        self.kubeconfig = data_dir / "kubeconfig"
        self.registry = Registry(served.RESOURCES)

    async def __aenter__(self) -> Self:
        try:
            async with self._stack:
                await self._start()
                self._stack = self._stack.pop_all()
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:  # the task group's wrapping says nothing about why it did not start
                raise group.exceptions[0] from None
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        store = self.store = Store(self._directory)
        self._stack.callback(store.close)
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        hub = Hub(store)
        offload = Offload()
        self._stack.callback(offload.close)
        writer = Writer(store=store, registry=self.registry, now=self._clock.now, offload=offload)
        token = authentication.token(self._directory / "token")
        issuer = TokenIssuer(self._directory / "pki" / "service-account.key", store, self._clock.now)
        plane = Plane(
            store=store,
            registry=self.registry,
            hub=hub,
            writer=writer,
            offload=offload,
            authenticator=authentication.Authenticator(token, issuer, self._clock.now),
            authorizer=Rbac(store) if self._authorization == authorization.RBAC else authorization.AlwaysAllow(),
            issuer=issuer,
        )
        self._work(group, "store", store.commit_forever())
        ca = tls.authority(self._directory / "pki", self._clock.now())
        definitions = DefinitionController(plane)
        await bootstrap.run(plane, self._crds)
        self._work(group, "definitions", definitions.run())
        self._work(group, "namespaces", NamespaceController(plane, certificate=ca.certificate_pem.decode()).run())
        self._work(group, "garbage", GarbageCollector(plane).run())
        self._work(group, "aggregation", RoleAggregation(plane).run())
        self._work(group, "expiry", EventExpiry(plane, self._clock.now).run())
        if self._simulate is not None:
            self._work(group, "simulator", WorkloadSimulator(plane, delay=self._simulate).run())
        await self._listen(plane, ca, token)

    def _work(self, group: asyncio.TaskGroup, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run something until the control plane stops."""
        self._stack.callback(group.create_task(work, name=name).cancel)

    async def _listen(self, plane: Plane, ca: tls.Pair, token: str) -> None:
        now = self._clock.now()
        directory = self._directory / "pki"
        certificate = tls.server(directory, ca, _names(self._host), now)
        admin = tls.client(directory, ca, identity.ADMIN, identity.MASTERS, now)
        # A client that goes away takes its watch with it; a write that was staged is committed all the same.
        trace = self._stack.enter_context(Trace(self._trace)) if self._trace is not None else None
        server = web.Server(
            Handler(plane, trace),
            request_factory=_request,
            handler_cancellation=True,
            access_log=None,
            max_line_size=_LINE,
            max_field_size=_LINE,
        )
        runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(_hang_up, server, runner)
        self._stack.callback(plane.hub.close)
        site = web.TCPSite(runner, self._host, self._port, ssl_context=tls.context(ca, certificate), backlog=_BACKLOG)
        await site.start()
        host, port = runner.addresses[0][:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - whoever listens everywhere is here too
        self.url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        kubeconfig.write(self.kubeconfig, url=self.url, ca=ca, admin=admin, token=token)


async def _hang_up(server: web.Server, runner: web.ServerRunner) -> None:
    """Stop listening, let requests end, and leave no connection behind that waits for its client to say goodbye."""
    open_ones = [connection.transport for connection in server.connections if connection.transport is not None]
    await runner.cleanup()
    for transport in open_ones:
        with contextlib.suppress(AttributeError):  # Python 3.11.2 raises it for a TLS connection that has ended already
            transport.abort()
    await asyncio.sleep(0)


def _names(host: str) -> tuple[str, ...]:
    """Return what clients may call the server: where it listens, and the machine's name where that is everywhere."""
    return (host, socket.gethostname()) if host in {"0.0.0.0", "::"} else (host,)  # noqa: S104 - compared, not bound


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    """Make a request whose body may be as large as upstream allows."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=body.LIMIT)
