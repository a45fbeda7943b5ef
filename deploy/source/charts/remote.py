"""A Helm repository over HTTP: its index, asked for with what is known of it, and the charts that it names.

Answers to `ChartRepository.DownloadIndex` and `DownloadChart` of source-controller. Beyond it: a server that says that
its index is still the same sends it no second time, and nothing larger than its limit is kept.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit, urlunsplit

from yarl import URL

from gotk.http import errors
from gotk.http.tls import InvalidTLS
from gotk.http.transport import Answer, Request, Transport
from gotk.sources.helm_access import HelmAccess

# What is stored is counted and hashed as it is: an archive is compressed already.
_PLAIN = {"Accept-Encoding": "identity"}
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_CONDITIONS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}


class FetchError(Exception):
    """Something could not be fetched. `refused` tells that it is for want of credentials or trust."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An index that was fetched before: with which access, what the server called it and what it came to."""

    access: HelmAccess
    revision: str
    conditions: tuple[tuple[str, str], ...]


def normalized(url: str) -> str:
    """Return a repository's address with one slash at its end; that of a registry with none. Raises ValueError."""
    parts = urlsplit(url)
    if not parts.hostname or parts.port == 0:
        raise ValueError(f'parse "{parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()}": no host')
    path = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=path if parts.scheme == "oci" else f"{path}/"))


def index_url(url: str) -> str:
    """Return where a repository's index is."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/index.yaml"))


def chart_url(url: str, reference: str) -> str:
    """Resolve where a chart is against its repository's address, whose query goes with it. Raises ValueError."""
    if urlsplit(reference).scheme:
        return reference
    base = urlsplit(url)
    path = f"{base.path.rstrip('/')}/"
    joined = URL(urlunsplit(base._replace(path=path, query="")), encoded=True).join(URL(reference, encoded=True))
    return str(joined.with_query(base.query or None))


class Repositories:
    """Fetches from Helm repositories."""

    def __init__(self, transport: Transport, *, index_limit: int, chart_limit: int) -> None:
        """Take the transport, and how many bytes an index and a chart may have."""
        self._transport = transport
        self._index_limit = index_limit
        self._chart_limit = chart_limit

    async def index(
        self, access: HelmAccess, known: Known | None, write: Callable[[bytes], object], *, timeout: float
    ) -> Known:
        """Fetch an index into `write`, or nothing where it is still the known one. Raises FetchError."""
        url = index_url(access.url)
        asked = dict(known.conditions) if known is not None and known.access == access else {}
        digest = hashlib.sha256()

        def sink(data: bytes) -> None:
            digest.update(data)
            write(data)

        request = Request(method="GET", url=_parsed(url), headers=asked, limit=self._index_limit)
        answer = await self._send(request, access, url, sink=sink, timeout=timeout)
        if answer.status == 304 and known is not None and asked:
            return known
        _check(answer, url)
        told = tuple((ask, answer.headers[name]) for name, ask in _CONDITIONS.items() if name in answer.headers)
        return Known(access=access, revision=f"sha256:{digest.hexdigest()}", conditions=told)

    async def chart(self, access: HelmAccess, url: str, *, timeout: float) -> bytes:
        """Fetch a chart that the repository's index names. Raises FetchError."""
        target, own = _parsed(url), URL(access.url, encoded=True)
        request = Request(
            method="GET",
            url=target,
            headers=_PLAIN,
            limit=self._chart_limit,
            chosen_by=None if target.origin() == own.origin() else own,
        )
        answer = await self._send(request, access, url, sink=None, timeout=timeout)
        _check(answer, url)
        return answer.body

    async def _send(
        self, request: Request, access: HelmAccess, url: str, *, sink: Callable[[bytes], object] | None, timeout: float
    ) -> Answer:
        try:
            async with asyncio.timeout(timeout):
                return await self._transport.send(
                    request, tls=access.tls, authorization=access.authorization_for(url), sink=sink
                )
        except TimeoutError:
            raise FetchError(f"{request}: no complete answer within {timeout:g}s") from None
        except (errors.HTTPError, InvalidTLS) as error:
            raise FetchError(str(error), refused=isinstance(error, errors.Untrusted | InvalidTLS)) from error


def _parsed(url: str) -> URL:
    try:
        found = URL(url, encoded=True)
        found.origin()
    except ValueError as error:
        raise FetchError(f"{errors.printable(url)!r} is no address: {error}") from None
    if found.scheme not in {"http", "https"}:
        raise FetchError(f"{errors.printable(url)!r} is no address of a web server")
    return found.with_user(None)


def _check(answer: Answer, url: str) -> None:
    if answer.status == 200:
        return
    phrase = _PHRASES.get(answer.status, "")
    shown = URL(url, encoded=True).with_user(None).with_query(None)
    message = f"failed to fetch {shown} : {answer.status} {phrase}".rstrip()
    raise FetchError(message, refused=answer.status in {401, 403})
