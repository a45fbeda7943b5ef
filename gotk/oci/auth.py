"""Answering a registry's challenge: Basic, or a bearer token from the realm it names.

Answers to the distribution project's token authentication (GET with Basic, or the OAuth2 POST for an identity token).
Tokens are kept per realm, service, scope and credential, so that a sweep asks once; and the challenge per origin, so
that the next repository's scan does not begin with a refusal. The scope is always ours, `repository:<path>:pull`, never
one that the server would like. A realm is another server: https unless the registry itself speaks http, no redirects,
and credentials only where it belongs to the registry's site or is named as trusted; else we ask anonymously.
"""

import hashlib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

import msgspec
from yarl import URL

from gotk.bounded import Bounded
from gotk.http.pace import retry_after
from gotk.http.transport import Request, Transport
from gotk.oci import errors
from gotk.oci.access import Access
from gotk.oci.challenge import Challenge
from gotk.oci.keychain import Credentials
from gotk.oci.name import Repository

_BODY_LIMIT = 256 * 1024
_TOKENS_KEPT = 10_000
_LEEWAY = 10.0
_USABLE = re.compile(r"[\x21-\x7e]{1,16384}", re.ASCII)
# Second-level labels under which a country's registrations stand: `a.co.uk` and `b.co.uk` are strangers.
_GENERIC = frozenset({"ac", "co", "com", "edu", "gov", "mil", "net", "org"})


class _TokenAnswer(msgspec.Struct):
    token: str = ""
    access_token: str = ""
    expires_in: float = 60


@dataclass(frozen=True, slots=True)
class _Key:
    realm: str
    service: str
    scope: str
    identity: bytes


class Authenticator:
    """Makes `Authorization` headers; remembers challenges by origin and tokens by what they are for."""

    def __init__(
        self, transport: Transport, *, monotonic: Callable[[], float], trusted_realms: Collection[str] = ()
    ) -> None:
        self._transport = transport
        self._monotonic = monotonic
        self._trusted = frozenset(trusted_realms)
        self._challenges: dict[URL, Challenge] = {}
        self._tokens: Bounded[_Key, tuple[str, float]] = Bounded(_TOKENS_KEPT)

    async def known(self, origin: URL, name: Repository, access: Access) -> str | None:
        """Return the header for a registry whose challenge is known, or None to ask without one."""
        if access.credentials.registry_token:
            return f"Bearer {access.credentials.registry_token}"
        challenge = self._challenges.get(origin)
        return await self._header(challenge, origin, name, access) if challenge else None

    async def answer(self, challenge: Challenge, origin: URL, name: Repository, access: Access) -> str | None:
        """Return the header that answers a refusal, or None where there is nothing (more) to say."""
        self._challenges[origin] = challenge
        self._tokens.pop(self._key(challenge, name, access))
        return await self._header(challenge, origin, name, access)

    async def _header(self, challenge: Challenge, origin: URL, name: Repository, access: Access) -> str | None:
        if challenge.scheme == "basic":
            return access.credentials.basic if access.credentials.username else None
        key = self._key(challenge, name, access)
        token, expiry = self._tokens.get(key) or ("", 0.0)
        if expiry <= self._monotonic():
            try:
                token, lifetime = await self._fetch(key, origin, access)
            except errors.RegistryError:
                # The registry may name another realm by now: the next try begins with its refusal.
                self._challenges.pop(origin, None)
                raise
            self._keep(key, token, self._monotonic() + lifetime - _LEEWAY)
        return f"Bearer {token}"

    def _key(self, challenge: Challenge, name: Repository, access: Access) -> _Key:
        parameters = challenge.parameters
        return _Key(
            parameters.get("realm", ""),
            parameters.get("service", ""),
            f"repository:{name.path}:pull",
            _fingerprint(access.credentials),
        )

    def _keep(self, key: _Key, token: str, expiry: float) -> None:
        self._tokens.put(key, (token, expiry))

    async def _fetch(self, key: _Key, origin: URL, access: Access) -> tuple[str, float]:
        realm = _realm(key.realm, origin)
        trusted = realm.host in self._trusted or same_site(origin.host or "", realm.host or "")
        credentials = access.credentials if trusted else Credentials()
        request = _token_request(key, realm, origin, credentials)
        answer = await self._transport.send(request, tls=access.tls, proxy=access.proxy)
        if answer.status != 200:
            after = retry_after(answer.headers.get("Retry-After"))
            error = errors.from_answer(str(request), answer.status, answer.body, retry_after=after)
            if access.credentials and not trusted and isinstance(error, errors.Unauthorized):
                raise errors.Unauthorized(
                    f"{error}; the credentials for {origin.host} were not sent to {realm.host}, which is another site",
                    status=answer.status,
                )
            raise error
        return _token(answer.body, str(request))


def same_site(registry: str, realm: str) -> bool:
    """Tell whether a realm's host belongs to a registry's site: the same host, or one under the same domain."""
    if registry == realm:
        return True
    ours, theirs = registry.split("."), realm.split(".")
    if ours[-1].isdigit() or ":" in registry + realm:
        return False
    size = 3 if len(ours[-1]) == 2 and len(ours) > 2 and ours[-2] in _GENERIC else 2
    return len(ours) >= size and len(theirs) >= size and ours[-size:] == theirs[-size:]


def _realm(text: str, origin: URL) -> URL:
    try:
        realm = URL(text)
    except ValueError as error:
        raise errors.BadAnswer(f"{origin.host}: the token realm is no URL") from error
    allowed = {"https", "http"} if origin.scheme == "http" else {"https"}
    if realm.scheme not in allowed or not realm.host:
        raise errors.BadAnswer(f"{origin.host}: the token realm {errors.printable(text)!r} is not an https URL")
    return realm.with_user(None).with_fragment(None)


def _token_request(key: _Key, realm: URL, origin: URL, credentials: Credentials) -> Request:
    fields = {"service": key.service, "scope": key.scope}
    chosen_by = None if realm.origin() == origin else origin
    if credentials.identity_token:
        return Request(
            method="POST",
            url=realm,
            headers={},
            data={
                **fields,
                "grant_type": "refresh_token",
                "client_id": "image-automation",
                "refresh_token": credentials.identity_token,
            },
            limit=_BODY_LIMIT,
            chosen_by=chosen_by,
            follow=False,
        )
    return Request(
        method="GET",
        url=realm.update_query({k: v for k, v in fields.items() if v}),
        headers={"Authorization": credentials.basic} if credentials.username else {},
        limit=_BODY_LIMIT,
        chosen_by=chosen_by,
        follow=False,
    )


def _token(body: bytes, request: str) -> tuple[str, float]:
    try:
        answer = msgspec.json.decode(body, type=_TokenAnswer)
    except msgspec.DecodeError as error:
        raise errors.BadAnswer(f"{request}: the answer is not a token") from error
    token = answer.token or answer.access_token
    if not _USABLE.fullmatch(token):
        raise errors.BadAnswer(f"{request}: the token is empty, too long or not fit for a header")
    return token, min(max(answer.expires_in, 60.0), 3600.0)


def _fingerprint(credentials: Credentials) -> bytes:
    parts = (credentials.username, credentials.password, credentials.identity_token)
    return hashlib.sha256("\0".join(parts).encode()).digest()
