"""Answering a registry's challenge: Basic, or a bearer token from the realm it names.

Tokens are kept per realm, service, scopes and credential, so that a sweep asks once; and the challenge per origin, so
that the next repository's scan does not begin with a refusal. What a registry said last decides: a refused answer is
forgotten with its challenge, the new one is answered, and where that is nothing new the registry is asked once more
without anything, as if for the first time. A realm is another server: https unless the registry itself speaks http, no
redirects, and credentials only where it belongs to the registry's site or is named as trusted; else we ask anonymously.
"""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

from yarl import URL

from gotk.bounded import Bounded
from gotk.http.pace import retry_after
from gotk.http.transport import Answer, Request, Transport
from gotk.oci import errors, scope, token
from gotk.oci.access import Access
from gotk.oci.challenge import Challenge
from gotk.oci.keychain import Credentials
from gotk.oci.name import Repository
from gotk.oci.token import Wanted

_TOKENS_KEPT = 10_000
_SCOPES_KEPT = 16_384
_LEEWAY = 10.0
# Second-level labels under which a country's registrations stand: `a.co.uk` and `b.co.uk` are strangers.
_GENERIC = frozenset({"ac", "co", "com", "edu", "gov", "mil", "net", "org"})


@dataclass(frozen=True, slots=True)
class _Key:
    """A token for somebody; without a wish, Basic."""

    wanted: Wanted | None
    who: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request to make, with this header or none."""

    authorization: str | None


class Authenticator:
    """Makes `Authorization` headers; remembers challenges by origin and tokens by what they are for."""

    def __init__(
        self,
        transport: Transport,
        *,
        monotonic: Callable[[], float],
        trusted_realms: Collection[str] = (),
        pushes: bool = False,
    ) -> None:
        self._transport = transport
        self._pushes = pushes
        self._monotonic = monotonic
        self._trusted = frozenset(trusted_realms)
        self._challenges: dict[URL, Challenge] = {}
        self._scopes: Bounded[tuple[URL, str], tuple[str, ...]] = Bounded(_SCOPES_KEPT)
        self._tokens: Bounded[_Key, tuple[str, float]] = Bounded(_TOKENS_KEPT)

    def admission(self, origin: URL, name: Repository, access: Access) -> "Admission":
        """Begin a request's way past a registry's refusals."""
        return Admission(self, origin, name, access)

    def challenge(self, origin: URL) -> Challenge | None:
        """Return what the registry wanted to see the last time."""
        return self._challenges.get(origin)

    def forget(self, origin: URL, key: _Key | None) -> None:
        """What was shown is refused: forget it, and what it was the answer to."""
        self._challenges.pop(origin, None)
        if key is not None:
            self._tokens.pop(key)

    def key(self, challenge: Challenge, origin: URL, name: Repository, access: Access) -> _Key | None:
        """Return what would answer a challenge, or None where we have nothing."""
        who = _fingerprint(access.credentials)
        if challenge.scheme == "basic":
            return _Key(None, who) if access.credentials.username else None
        parameters = challenge.parameters
        before = self._scopes.get((origin, name.path)) or (scope.own(name, pushes=self._pushes),)
        scopes = scope.joined(scope.wished(parameters.get("scope", ""), pushes=self._pushes), before)
        return _Key(Wanted(parameters.get("realm", ""), parameters.get("service", ""), scopes), who)

    async def header(self, challenge: Challenge, key: _Key, origin: URL, name: Repository, access: Access) -> str:
        """Return the header that answers a challenge. Raises errors.RegistryError."""
        if key.wanted is None:
            found = access.credentials.basic
        else:
            found = f"Bearer {await self._token(key, key.wanted, origin, access)}"
            self._scopes.put((origin, name.path), key.wanted.scopes)
        # The scope is that of this repository; the next one's is its own.
        self._challenges[origin] = challenge.without("scope")
        return found

    async def _token(self, key: _Key, wanted: Wanted, origin: URL, access: Access) -> str:
        found, expiry = self._tokens.get(key) or ("", 0.0)
        if expiry <= self._monotonic():
            try:
                found, lifetime = await self._fetch(wanted, origin, access)
            except errors.RegistryError:
                # The registry may name another realm by now: the next try begins with its refusal.
                self._challenges.pop(origin, None)
                raise
            self._tokens.put(key, (found, self._monotonic() + lifetime - _LEEWAY))
        return found

    async def _fetch(self, wanted: Wanted, origin: URL, access: Access) -> tuple[str, float]:
        *others, last = wanted.alternatives()
        for each in others:
            try:
                return await self._ask(each, origin, access)
            except errors.RegistryError as error:
                if error.status not in {400, 401, 403}:
                    raise
        return await self._ask(last, origin, access)

    async def _ask(self, wanted: Wanted, origin: URL, access: Access) -> tuple[str, float]:
        server = token.realm(wanted.realm, origin)
        trusted = server.host in self._trusted or same_site(origin.host or "", server.host or "")
        credentials = access.credentials if trusted else Credentials()
        request, answer = await self._exchanged(wanted, server, origin, access, credentials)
        if answer.status == 200:
            return token.read(answer.body, request)
        after = retry_after(answer.headers.get("Retry-After"))
        error = errors.from_answer(str(request), answer.status, answer.body, retry_after=after)
        if access.credentials and not trusted and isinstance(error, errors.Unauthorized):
            raise errors.Withheld(
                f"{error}; the credentials for {origin.host} were not sent to {server.host}, which is another site",
                status=answer.status,
            )
        raise error

    async def _exchanged(
        self, wanted: Wanted, server: URL, origin: URL, access: Access, credentials: Credentials
    ) -> tuple[Request, Answer]:
        authorization = credentials.basic if credentials.username else ""
        if credentials.identity_token:
            request = token.exchange(wanted, server, origin, credentials)
            answer = await self._transport.send(request, tls=access.tls, proxy=access.proxy)
            if answer.status not in token.NO_POST:
                return request, answer
            # Beside an identity token a user without a password is a filler, `<token>`.
            authorization = authorization if credentials.password else ""
        request = token.grant(wanted, server, origin, authorization)
        return request, await self._transport.send(request, tls=access.tls, proxy=access.proxy)


class Admission:
    """One request's way past refusals: nothing is shown twice, and at most once is the registry asked without any."""

    def __init__(self, auth: Authenticator, origin: URL, name: Repository, access: Access) -> None:
        self._auth = auth
        self._origin, self._name, self._access = origin, name, access
        self._shown: _Key | None = None
        self._answered: set[_Key] = set()
        self._asked_openly = False

    async def begin(self) -> Attempt:
        """Return the first request to make: with what the registry wanted the last time. Raises RegistryError."""
        if self._access.credentials.registry_token:
            return Attempt(f"Bearer {self._access.credentials.registry_token}")
        challenge = self._auth.challenge(self._origin)
        if challenge is not None and (key := self._key(challenge)) is not None:
            return await self._show(challenge, key)
        self._asked_openly = True
        return Attempt(None)

    async def refused(self, challenge: Challenge | None) -> Attempt | None:
        """Return the request to make after a refusal, or None where there is nothing left. Raises RegistryError."""
        self._auth.forget(self._origin, self._shown)
        key = self._key(challenge) if challenge is not None else None
        if challenge is not None and key is not None and key not in self._answered:
            self._answered.add(key)
            return await self._show(challenge, key)
        self._shown = None
        if self._asked_openly:
            return None
        self._asked_openly = True
        return Attempt(None)

    def _key(self, challenge: Challenge) -> _Key | None:
        return self._auth.key(challenge, self._origin, self._name, self._access)

    async def _show(self, challenge: Challenge, key: _Key) -> Attempt:
        self._shown = key
        return Attempt(await self._auth.header(challenge, key, self._origin, self._name, self._access))


def same_site(registry: str, realm: str) -> bool:
    """Tell whether a realm's host belongs to a registry's site: the same host, or one under the same domain."""
    if registry == realm:
        return True
    ours, theirs = registry.split("."), realm.split(".")
    if ours[-1].isdigit() or ":" in registry + realm:
        return False
    size = 3 if len(ours[-1]) == 2 and len(ours) > 2 and ours[-2] in _GENERIC else 2
    return len(ours) >= size and len(theirs) >= size and ours[-size:] == theirs[-size:]


def _fingerprint(credentials: Credentials) -> bytes:
    parts = (credentials.username, credentials.password, credentials.identity_token)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).digest()
