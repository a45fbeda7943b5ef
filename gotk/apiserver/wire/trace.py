"""A line for every request, for whoever wants to see what a client does: never a body, never a credential."""

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

#: nginx' number for a client that did not wait for the end of the answer.
_CLIENT_CLOSED = 499
_HIDDEN = frozenset({"token", "access_token", "password"})


class Trace:
    """A file of JSON lines. Raises OSError when it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._file = self._path.open("ab", buffering=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def note(self, request: web.BaseRequest, response: web.StreamResponse | None, user: str, began: float) -> None:
        """Write down a request and its answer, None where the client went away; `began` is on the monotonic clock."""
        line: dict[str, Any] = {
            "method": request.method,
            "path": _path(request),
            "accept": request.headers.get("Accept", ""),
            "contentType": request.headers.get("Content-Type", ""),
            "status": response.status if response is not None else _CLIENT_CLOSED,
            "bytes": _size(response),
            "ms": round((time.monotonic() - began) * 1000, 2),
            "user": user,
            "agent": request.headers.get("User-Agent", ""),
        }
        self._file.write(orjson.dumps(line) + b"\n")


def _size(response: web.StreamResponse | None) -> int:
    """Return how long the body is: of an answer that is yet to be sent, or of a stream that has ended."""
    if response is None:
        return 0
    body = response.body if isinstance(response, web.Response) else None
    return len(body) if isinstance(body, bytes) else response.body_length


def _path(request: web.BaseRequest) -> str:
    if not request.query:
        return request.path
    query = [(key, "***" if key in _HIDDEN else value) for key, value in request.query.items()]
    return str(request.rel_url.with_query(query))
