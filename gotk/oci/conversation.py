"""Asking a registry as someone: find out where it is, show what it wants to see, ask again where a failure passes.

Answers to `go-containerregistry/pkg/v1/remote/transport`: the ping that tries https before http where plain HTTP is
allowed, and challenges, each answered once. A refusal that comes from another origin, after a redirect, is not
answered: our credentials are for the registry that we asked.
"""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import lru_cache

from yarl import URL

from gotk.http.flights import Flights
from gotk.http.pace import Pace, retry_after
from gotk.http.proxy import Proxy
from gotk.http.tls import TLS
from gotk.http.transport import Answer, Request, Sink, Transport
from gotk.oci import challenge, errors
from gotk.oci.access import Access
from gotk.oci.auth import Authenticator
from gotk.oci.name import Repository

_PING_LIMIT = 1 << 20
_WELL = frozenset({200})


class Conversation:
    """Sends requests about repositories."""

    def __init__(
        self,
        transport: Transport,
        auth: Authenticator,
        pace: Pace,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._transport = transport
        self._now = now
        self._auth = auth
        self._pace = pace
        self._origins: dict[tuple[str, bool], URL] = {}
        self._pings: Flights[tuple[str, bool, TLS, Proxy | None], URL] = Flights()

    async def origin(self, repository: Repository, access: Access) -> URL:
        """Return where the registry is: https, or what answers first where plain HTTP is allowed."""
        if not (access.insecure or repository.is_local):
            return _secure(repository.registry)
        key = (repository.registry, access.insecure)
        if key not in self._origins:
            # Who comes meanwhile waits; as it depends on trust and proxy, only those who have the same.
            way = (*key, access.tls, access.proxy)
            self._origins[key] = await self._pings.share(way, lambda: self._ping(_secure(repository.registry), access))
        return self._origins[key]

    async def ask(
        self,
        request: Request,
        repository: Repository,
        access: Access,
        *,
        begin: Callable[[], Sink] | None = None,
        well: Collection[int] = _WELL,
    ) -> Answer:
        """Send a request until it succeeds, which `well` are the statuses of. Raises errors.RegistryError.

        `begin` makes the sink that takes the body instead of the answer, for each try anew.
        """

        async def once() -> Answer:
            return await self._once(request, repository, access, begin, well)

        try:
            return await self._pace.run(repository.registry, access.credentials, once)
        except errors.Unreachable:
            # It may have moved to https or back; the next scan finds out.
            self._origins.pop((repository.registry, access.insecure), None)
            raise

    async def _once(
        self,
        request: Request,
        repository: Repository,
        access: Access,
        begin: Callable[[], Sink] | None,
        well: Collection[int],
    ) -> Answer:
        answer = await self._admitted(request, repository, access, begin)
        self._pace.heed(repository.registry, access.credentials, answer.headers, now=self._now)
        if answer.status not in well and not (answer.status == 304 and "If-None-Match" in request.headers):
            after = retry_after(answer.headers.get("Retry-After"))
            raise errors.from_answer(str(request), answer.status, answer.body, retry_after=after)
        return answer

    async def _admitted(
        self, request: Request, repository: Repository, access: Access, begin: Callable[[], Sink] | None
    ) -> Answer:
        """Send a request, again with what refusals ask for while there is something new to show."""
        origin = request.url.origin()
        admission = self._auth.admission(origin, repository, access)
        attempt = await admission.begin()
        while True:
            sink = begin() if begin is not None else None
            answer = await self._send(request, access, attempt.authorization, sink)
            if answer.status != 401 or answer.url.origin() != origin:
                return answer
            wanted = challenge.strongest(answer.headers.getall("WWW-Authenticate", ()))
            following = await admission.refused(wanted)
            if following is None:
                return answer
            attempt = following

    async def _send(
        self, request: Request, access: Access, authorization: str | None = None, sink: Sink | None = None
    ) -> Answer:
        return await self._transport.send(
            request, tls=access.tls, proxy=access.proxy, authorization=authorization, sink=sink
        )

    async def _ping(self, secure: URL, access: Access) -> URL:
        failures: list[errors.RegistryError] = []
        for origin in (secure, secure.with_scheme("http")):
            request = Request(method="GET", url=origin / "v2/", headers={}, limit=_PING_LIMIT)
            try:
                answer = await self._send(request, access)
            except errors.RegistryError as error:
                failures.append(error)
                continue
            if answer.status in {200, 401}:
                return origin
            failures.append(errors.from_answer(str(request), answer.status, answer.body))
        raise errors.Unreachable("; ".join(map(str, failures)))


@lru_cache(maxsize=4096)
def _secure(registry: str) -> URL:
    return URL(f"https://{registry}")
