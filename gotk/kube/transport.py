"""Requests to one API server: authorization, deadlines and the translation of every failure into `kube.errors`."""

import asyncio
import io
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from multidict import CIMultiDict
from yarl import URL

from gotk import fence
from gotk.http.egress import Refused
from gotk.kube import errors
from gotk.kube.config import Config
from gotk.kube.connections import Connections
from gotk.kube.credentials import Authorization

JSON = "application/json"
_USER_AGENT = "image-automation"
_BODY_LIMIT = 256 << 20
_STATUS_LIMIT = 1 << 20
#: Longer bodies are sent in pieces, so that the event loop does other things between.
_SENT_AT_ONCE = 1 << 20
#: As client-go: so often a request is sent to a server that says when to ask again.
_TRIES = 11


class Stream:
    """The body of a long answer."""

    def __init__(self, content: aiohttp.StreamReader, end: float) -> None:
        self._content = content
        self._end = end

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield pieces. Raises TimeoutError when the body outlasts its time."""
        while True:
            async with asyncio.timeout_at(self._end):
                piece = await self._content.readany()
            if not piece:
                return
            yield piece


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says to a question that is passed on: a refusal is an answer, too."""

    status: int
    content_type: str
    body: Stream


class Transport:
    """Requests to one API server; an async context manager.

    An answer may take `timeout` seconds, and a stream may outlast what the server was asked for by `grace`.
    """

    def __init__(
        self,
        config: Config,
        *,
        timeout: float = 30.0,
        grace: float = 5.0,
        write_time: Callable[[], float] | None = None,
        connections: Connections | None = None,
        impersonate: str = "",
        groups: Sequence[str] = (),
    ) -> None:
        """Make a transport; with `connections` of another one it needs no opening.

        `impersonate` is a user's name, and `groups` those that the user counts as a member of.
        """
        self._config = config
        self._timeout = timeout
        self._grace = grace
        self._write_time = write_time
        self._connections = connections
        self._headers = [("Impersonate-User", impersonate)] if impersonate else []
        self._headers += [("Impersonate-Group", group) for group in groups]

    async def __aenter__(self) -> Self:
        self._connections = Connections(self._config.context, {"User-Agent": _USER_AGENT}, most=self._config.most)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connections is not None:
            await self._connections.close()

    @property
    def config(self) -> Config:
        """How the server is reached."""
        return self._config

    def acting_as(self, user: str, groups: Sequence[str] = ()) -> "Transport":
        """Return a transport that impersonates a user over the connections of this open one."""
        return Transport(
            self._config,
            timeout=self._timeout,
            grace=self._grace,
            write_time=self._write_time,
            connections=self._connections,
            impersonate=user,
            groups=groups,
        )

    async def unproven(self) -> "Transport":
        """Return a transport, not open yet, to the same server that proves nothing by itself. Raises ConfigError."""
        return Transport(
            await self._config.unproven(), timeout=self._timeout, grace=self._grace, write_time=self._write_time
        )

    def proving(self, authorization: Authorization) -> "Transport":
        """Return a transport over the connections of this open one, for somebody with an own Authorization header."""
        return Transport(
            replace(self._config, authorization=authorization),
            timeout=self._timeout,
            grace=self._grace,
            write_time=self._write_time,
            connections=self._connections,
        )

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> bytes:
        """Send one request and return the body of a good answer. Raises APIError, of the kind that fits.

        A server that is busy and says for how long (429 or 5xx with `Retry-After`) has not begun, and is asked again,
        as long as the request's time lasts. One that does not accept our credentials is asked again with newer ones,
        where there are any.
        """
        data = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        limit = self._timeout if method == "GET" else self._limit_of_writes()
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(limit):
                for left in reversed(range(_TRIES)):
                    generation = self._generation
                    try:
                        async with self._send(method, path, query, data, content_type, accept=accept) as response:
                            return await self._body(response)
                    except (errors.Unauthorized, aiohttp.ClientError, OSError) as error:
                        newer = await self._prove_anew(error, generation)
                        if not left or not newer or not (method == "GET" or _was_not_begun(error)):
                            raise
                    except errors.APIError as error:
                        await _wait_to_try_again(error, left, began + limit)
                raise AssertionError("the last try returns or raises")
        except TimeoutError as error:
            await self._distrust(began)
            raise self._unreachable(f"no answer within {limit:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._unreachable(_cause(error)) from error

    @asynccontextmanager
    async def stream(self, path: str, query: Mapping[str, str], *, lasts: float) -> AsyncIterator[Stream]:
        """Open a long answer, such as a watch, and give its body.

        `lasts` is for how many seconds the server was asked to talk: a connection on which it has not ended by then
        passes nothing on any more.
        """
        began, generation = asyncio.get_running_loop().time(), self._generation
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(self._timeout):
                    response = await stack.enter_async_context(self._send("GET", path, query, None, JSON))
                yield Stream(response.content, asyncio.get_running_loop().time() + lasts + self._grace)
        except TimeoutError as error:
            await self._distrust(began)
            raise self._unreachable("the connection went silent") from error
        except errors.Unauthorized as error:
            await self._prove_anew(error, generation)
            raise
        except (aiohttp.ClientError, OSError) as error:
            await self._prove_anew(error, generation)
            raise self._unreachable(_cause(error)) from error

    @asynccontextmanager
    async def raw(self, path: str, query: Mapping[str, str], *, accept: str) -> AsyncIterator[Answer]:
        """Ask for what a path holds, in a form of the asker's choice, and give the answer as it comes.

        The path is encoded. Raises Unreachable alone.
        """
        began, generation = asyncio.get_running_loop().time(), self._generation
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(self._timeout):
                    sent = self._send("GET", path, query, None, JSON, accept=accept, passes_on=True)
                    response = await stack.enter_async_context(sent)
                    if response.status == 401 and await self._prove_anew(_unauthorized(), generation):
                        sent = self._send("GET", path, query, None, JSON, accept=accept, passes_on=True)
                        response = await stack.enter_async_context(sent)
                form = response.headers.get("Content-Type", JSON)
                yield Answer(response.status, form, Stream(response.content, began + self._timeout))
        except TimeoutError as error:
            await self._distrust(began)
            raise self._unreachable(f"no answer within {self._timeout:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            await self._prove_anew(error, generation)
            raise self._unreachable(_cause(error)) from error

    @asynccontextmanager
    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        data: bytes | None,
        content_type: str,
        *,
        accept: str = JSON,
        passes_on: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._connections is None:
            raise RuntimeError("the client is not open: use it with `async with`")
        headers = CIMultiDict([("Accept", accept), *self._headers])
        if data is not None:
            headers["Content-Type"] = content_type
        if self._config.renewal is not None:
            await self._config.renewal.look()
        if authorization := await self._config.authorization():
            headers["Authorization"] = authorization
        url = URL(self._config.host + path, encoded=True).with_query({k: v for k, v in (query or {}).items() if v})
        async with (
            self._connections.session() as session,
            session.request(
                method,
                url,
                data=io.BytesIO(data) if data is not None and len(data) > _SENT_AT_ONCE else data,
                headers=headers,
                proxy=self._config.proxy,
                server_hostname=self._config.tls_server_name,
                allow_redirects=False,
            ) as response,
        ):
            if response.status >= 300 and not passes_on:
                raise await _refusal(response)
            yield response

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """Read a body, but not one without end."""
        body = bytearray()
        while piece := await response.content.readany():
            body += piece
            if len(body) > _BODY_LIMIT:
                response.close()
                raise self._unreachable(f"the answer is larger than {_BODY_LIMIT >> 20} MiB")
        return bytes(body)

    @property
    def _generation(self) -> int:
        return self._config.renewal.generation if self._config.renewal is not None else 0

    async def _prove_anew(self, error: Exception, generation: int) -> bool:
        """Look for newer credentials after a refusal, or what may be one; tell whether there are any.

        In TLS 1.3 a certificate is refused after the handshake, which can look like a server that hangs up.
        """
        renewal = self._config.renewal
        hung_up = isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
        if renewal is None or not (_was_not_begun(error) or (hung_up and renewal.shows_certificate)):
            return False
        await renewal.look(refused=generation)
        return renewal.generation != generation

    async def _distrust(self, began: float) -> None:
        """Leave the connections of before that moment: one of them was silent, and the others may be no better."""
        if self._connections is not None:
            await self._connections.renew(opened_before=began)

    def _limit_of_writes(self) -> float:
        """Return for how long a request that writes may take. Raises Fenced where none may be sent."""
        try:
            return fence.limit(self._timeout, self._write_time)
        except fence.Closed as error:
            raise errors.Fenced(0, "Fenced", f"not written: {error}") from None

    def _unreachable(self, cause: str) -> errors.Unreachable:
        return errors.Unreachable(0, "Unreachable", f"cannot reach the Kubernetes API at {self._config.host}: {cause}")


def _unauthorized() -> errors.Unauthorized:
    return errors.Unauthorized(401, "Unauthorized", "the server does not accept our credentials")


def _cause(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection broke off"
    if isinstance(error.__cause__, Refused):
        return str(error.__cause__)
    return str(error) or type(error).__name__


def _was_not_begun(error: Exception) -> bool:
    """Tell whether a request was refused for who we are, or the server for who it is, before anything was done."""
    return isinstance(error, errors.Unauthorized | aiohttp.ClientSSLError) or isinstance(error.__cause__, ssl.SSLError)


async def _wait_to_try_again(error: errors.APIError, left: int, end: float) -> None:
    """Wait as long as the server asks for. Raises the error where it asks for nothing, or for more than there is."""
    after = error.retry_after
    if after is None or not left or asyncio.get_running_loop().time() + after >= end:
        raise error
    await asyncio.sleep(after)


async def _refusal(response: aiohttp.ClientResponse) -> errors.APIError:
    """Make the error of an answer that is none; a busy server (429, 5xx) may say when to ask again."""
    found = errors.from_status(response.status, await _status_body(response))
    after = response.headers.get("Retry-After", "")
    if (response.status == 429 or response.status >= 500) and after.isascii() and after.isdecimal() and len(after) < 9:
        found.retry_after = float(after)
    return found


async def _status_body(response: aiohttp.ClientResponse) -> dict[str, Any]:
    """Read the Status of a refusal, in however many pieces it comes; what is not one becomes a short message."""
    body = b""
    while len(body) < _STATUS_LIMIT and (piece := await response.content.read(_STATUS_LIMIT - len(body))):
        body += piece
    try:
        status = msgspec.json.decode(body)
    except msgspec.DecodeError:
        text = body[:200].decode(errors="replace").strip()
        return {"message": text} if text else {}
    return status if isinstance(status, dict) else {}
