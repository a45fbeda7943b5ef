"""A window to a cluster for a program that must not have its credentials: it can look, and do nothing else.

helm asks the API server what it serves, and charts look up objects with `lookup`. The child is given an address on this
machine with a word in it that nobody guesses (Kubernetes' clients keep tokens to themselves without TLS), good for one
rendering. What it asks is asked again through the client of the
cluster's view that the release is for, so an account that is impersonated sees what it may see, whatever proves who we
are stays in this process, and nothing but reading gets through: no other method, no watch, and no path beneath an
object, where reading may act (`exec`, `proxy`) or never end (`log`).
"""

import asyncio
import hmac
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import msgspec
from aiohttp import web

from gotk.kube.errors import APIError
from gotk.kube.transport import Answer

_HOST = "127.0.0.1"
_LARGEST_ANSWER = 64 << 20
_LARGEST_SUM = 256 << 20
_MOST_QUESTIONS = 10_000
_AT_ONCE = 16
_OPEN = {"version", "api", "apis", "openapi"}
_ACTING = {"proxy", "watch"}
_ENDLESS = {"watch", "follow"}


class Readable(Protocol):
    """A cluster whose answers are passed on."""

    def raw(self, path: str, query: Mapping[str, str], *, accept: str) -> AbstractAsyncContextManager[Answer]:
        """Ask for what an encoded path holds. Raises the errors of `gotk.kube.errors` where there is no answer."""
        ...


class Window:
    """One open window. `closed_by` says what was asked that is too much, and is empty otherwise."""

    def __init__(self, cluster: Readable, *, largest_answer: int, largest_sum: int, most_questions: int) -> None:
        self._cluster = cluster
        self._largest_answer = largest_answer
        self._largest_sum = largest_sum
        self._left = largest_sum
        self._questions_left = self._most_questions = most_questions
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._token = secrets.token_urlsafe(32)
        self.port = 0
        self.closed_by = ""

    @property
    def address(self) -> str:
        """Return where it is, a secret for as long as it is open."""
        return f"http://{_HOST}:{self.port}/{self._token}"

    def kubeconfig(self) -> bytes:
        """Return what a client needs to look through it, a secret as well."""
        name = "window"
        return msgspec.json.encode(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": name, "cluster": {"server": self.address}}],
                "contexts": [{"name": name, "context": {"cluster": name}}],
                "current-context": name,
            }
        )

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Pass a question on."""
        token, _, rest = request.rel_url.raw_path.removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return _refused(401, "Unauthorized", "this window is for another program")
        if request.method != "GET":
            return _refused(405, "MethodNotAllowed", "a chart that is rendered may read, and nothing else")
        path, query = f"/{rest}", dict(request.query)
        if not passes(path, query):
            return _refused(403, "Forbidden", "a chart that is rendered may read objects, and nothing beneath them")
        if self._questions_left <= 0:
            return self._close(f"the chart asks the cluster more than {self._most_questions} times")
        self._questions_left -= 1
        async with self._slots:
            return await self._pass_on(request, path, query)

    async def _pass_on(self, request: web.BaseRequest, path: str, query: Mapping[str, str]) -> web.StreamResponse:
        response: web.StreamResponse | None = None
        try:
            async with self._cluster.raw(path, query, accept=request.headers.get("Accept", "")) as answer:
                response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
                size = 0
                async for piece in answer.body:
                    size += len(piece)
                    self._left -= len(piece)
                    if size > self._largest_answer or self._left < 0:
                        return self._cut(request, path, size)
                    if not response.prepared:
                        await response.prepare(request)
                    await response.write(piece)
        except APIError as error:
            if response is None or not response.prepared:
                return _refused(502, "ServiceUnavailable", error.message)
            _hang_up(request)
            return response
        if not response.prepared:
            await response.prepare(request)
        await response.write_eof()
        return response

    def _cut(self, request: web.BaseRequest, path: str, size: int) -> web.StreamResponse:
        _hang_up(request)
        if size > self._largest_answer:
            return self._close(f"the cluster's answer to {path} is larger than {self._largest_answer >> 20} MiB")
        return self._close(f"the cluster's answers to the chart are larger than {self._largest_sum >> 20} MiB together")

    def _close(self, cause: str) -> web.Response:
        self.closed_by = self.closed_by or cause
        return _refused(403, "Forbidden", cause)


@asynccontextmanager
async def opened(
    cluster: Readable,
    *,
    largest_answer: int = _LARGEST_ANSWER,
    largest_sum: int = _LARGEST_SUM,
    most_questions: int = _MOST_QUESTIONS,
) -> AsyncIterator[Window]:
    """Open a window to a cluster, for as long as the block lasts."""
    window = Window(cluster, largest_answer=largest_answer, largest_sum=largest_sum, most_questions=most_questions)
    runner = web.ServerRunner(_server(window), shutdown_timeout=0.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, _HOST, 0).start()
        window.port = runner.addresses[0][1]
        yield window
    finally:
        await runner.cleanup()


def passes(path: str, query: Mapping[str, str]) -> bool:
    """Tell whether a question only reads: what is served, a collection of objects, or one of them.

    The path is encoded, and a slash stays one only where it is not.
    """
    lowered = path.lower()
    root, *rest = path.strip("/").split("/")
    if "%2f" in lowered or "%5c" in lowered or ".." in path or "//" in path or root not in _OPEN:
        return False
    if any(query.get(name, "0").lower() not in {"", "0", "f", "false"} for name in _ENDLESS):
        return False
    place = rest[1:] if root == "api" else rest[2:] if root == "apis" else []
    if place[:1] == ["namespaces"] and len(place) > 2:
        place = place[2:]
    return len(place) <= 2 and (not place or place[0] not in _ACTING)


def _server(window: Window) -> web.Server:
    return web.Server(window.answer, handler_cancellation=True, access_log=None)


def _refused(status: int, reason: str, message: str) -> web.Response:
    document = {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "code": status,
    }  # fmt: skip
    return web.Response(status=status, body=msgspec.json.encode(document), content_type="application/json")


def _hang_up(request: web.BaseRequest) -> None:
    """Break off an answer that is not whole, so that nobody takes it for one."""
    if request.transport is not None:
        request.transport.abort()
