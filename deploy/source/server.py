"""The HTTP server that hands artifacts out: plain files, no questions asked.

Answers to source-controller's file server (`--storage-addr`): GET, HEAD, ranges, `If-Modified-Since` and listings of
directories; `GET /` is what a readiness probe asks for. Whoever reaches it may read every artifact.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

_SHUTDOWN_SECONDS = 5.0


class ArtifactServer:
    """Serves the storage's directory while it is entered; port 0 takes a free one."""

    def __init__(self, root: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._root = root
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    @property
    def address(self) -> str:
        """The address that it listens on, `host:port`."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}"

    async def __aenter__(self) -> Self:
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        app = web.Application()
        app.router.add_static("/", self._root, show_index=True, follow_symlinks=False)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
