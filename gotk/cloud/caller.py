"""One call to a cloud's token endpoint: bounded in time and size, its errors without secrets.

The requests are few and plain, documented HTTP, so the vendors' libraries (tens of megabytes each, and blocking) stay
outside; what carries them is the HTTP client's transport, with its proxies, caps and error texts. Metadata
services live on the node: they are asked without any proxy, and not for long, for off the cloud nobody answers.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec
from yarl import URL

from gotk import lenient, plain_xml
from gotk.cloud.errors import CloudError, NotFound, NotHere
from gotk.http.egress import Reach
from gotk.http.errors import HTTPError, printable
from gotk.http.proxy import Proxy
from gotk.http.tls import SYSTEM, TLS
from gotk.http.transport import Answer, Request, Route, Transport, direct

T = TypeVar("T")

_LIMIT = 1 << 20
_PATIENCE = 30.0
_NODE_PATIENCE = 3.0


class Caller:
    """Calls token endpoints; an async context manager that owns the connections.

    `most` is how private an endpoint may be that somebody else chose; the node's own services are always asked.
    """

    def __init__(self, *, route: Route = direct, most: Reach = Reach.METADATA) -> None:
        self._most = most
        self._remote = Transport(route=route)
        self._node = Transport()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._remote)
        await self._stack.enter_async_context(self._node)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def ask(
        self,
        method: str,
        url: URL,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        proxy: Proxy | None = None,
        tls: TLS = SYSTEM,
    ) -> bytes:
        """Return the body of a success. Raises NotFound, and CloudError for anything else."""
        request = Request(
            method=method,
            url=url,
            headers=headers or {},
            data=form if content is None else content,
            limit=_LIMIT,
            follow=False,
            most=self._most,
        )
        answer = await _send(self._remote, request, _PATIENCE, tls=tls, proxy=proxy)
        if answer.status == 404:
            raise NotFound(f"{_spelt(request)}: {_said(answer)}")
        if answer.status not in {200, 201}:
            raise CloudError(f"{_spelt(request)}: {_said(answer)}")
        return answer.body

    async def ask_node(self, method: str, url: URL, *, headers: Mapping[str, str]) -> bytes:
        """Ask the metadata service of the machine. Raises NotHere where there is none, CloudError when it refuses."""
        request = Request(method=method, url=url, headers=headers, limit=_LIMIT, follow=False)
        try:
            answer = await _send(self._node, request, _NODE_PATIENCE)
        except CloudError as error:
            raise NotHere(str(error)) from error
        if answer.status == 404:
            raise NotHere(f"{_spelt(request)}: {_said(answer)}")
        if answer.status != 200:
            raise CloudError(f"{_spelt(request)}: {_said(answer)}")
        return answer.body


def decode(body: bytes, shape: type[T], what: object) -> T:
    """Read an endpoint's JSON. Raises CloudError without quoting it."""
    try:
        return lenient.decode(body, shape)
    except lenient.Misfit as error:
        raise CloudError(f"{what}: the answer is not what the service documents: {printable(str(error))}") from None
    except lenient.Unreadable:
        raise CloudError(f"{what}: the answer is not what the service documents") from None


async def _send(
    transport: Transport, request: Request, patience: float, *, tls: TLS = SYSTEM, proxy: Proxy | None = None
) -> Answer:
    try:
        async with asyncio.timeout(patience):
            return await transport.send(request, tls=tls, proxy=proxy)
    except TimeoutError:
        raise CloudError(f"{_spelt(request)}: no answer within {patience:g}s") from None
    except HTTPError as error:
        raise CloudError(str(error)) from error


def _spelt(request: Request) -> str:
    return f"{request.method} {printable(str(request.url.with_query(None)))}"


def _said(answer: Answer) -> str:
    """Return the status and what the service says about it: the clouds have a handful of spellings."""
    if answer.body.lstrip().startswith(b"<"):
        return ": ".join([f"status {answer.status}", *map(printable, _in_xml(answer.body))])
    try:
        lenient.check_depth(answer.body)
        document: Any = msgspec.json.decode(answer.body)
    except (lenient.Unreadable, msgspec.DecodeError, UnicodeDecodeError):
        document = None
    words: list[str] = []
    inner = document.get("error") if isinstance(document, dict) else None
    for place in (document, inner):
        if isinstance(place, dict):
            names = ("__type", "error", "error_description", "message", "Message", "status")
            words += [text for name in names if isinstance(text := place.get(name), str)]
    return ": ".join([f"status {answer.status}", *(printable(word) for word in words)])


def _in_xml(body: bytes) -> list[str]:
    """Return the code and the message of an error of STS; nothing of other documents."""
    try:
        found = {plain_xml.local_name(node): node.text or "" for node in plain_xml.parse(body).iter()}
    except ValueError:
        return []
    return [found[name] for name in ("Code", "Message") if found.get(name)]
