"""Signing in at an issuer (OpenID Connect): the code flow with PKCE, and who the cluster is told that somebody is.

Answers to OpenID Connect Core 3.1, RFC 7636 and RFC 9207, and to the claims that kube-apiserver's own OIDC options map.
The cluster need not know the issuer: each request of such a person impersonates them, by name and groups. So neither
may be empty, which would be a request as the service, and neither may be one of the system's own.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from yarl import URL

from gotk.bounded import Bounded
from gotk.http.basic import basic
from gotk.http.egress import Reach
from gotk.http.errors import HTTPError
from gotk.http.transport import Request, Transport
from gotk.runtime.clock import Clock
from image_automation.dashboard.access import Person
from image_automation.dashboard.entering.claims import Claims
from image_automation.dashboard.entering.claims_worker import Rules
from image_automation.dashboard.people import Impersonates, NobodyError, check_identity
from image_automation.notification.receivers.call import RefusedError
from image_automation.notification.webhooks.tokens import Issuers, belongs

#: For how many seconds somebody may be away at the issuer, and how many may be.
_AWAY: Final = 600.0
_MOST: Final = 500
_LIMIT: Final = 256 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An issuer, who we are to it, and which claims name a person; what they name stands behind `prefix`.

    With `rules` they say so instead.
    """

    issuer: str
    client_id: str
    secret: str = field(default="", repr=False)
    username_claim: str = "sub"
    groups_claim: str = "groups"
    prefix: str = "oidc:"
    rules: Rules | None = None
    scope: str = "openid profile email groups"


@dataclass(frozen=True, slots=True)
class Away:
    """Somebody who is at the issuer; `browser` is what a cookie of theirs must hold when they come back."""

    browser: str
    nonce: str
    verifier: str
    next: str
    until: float


class Oidc:
    """Sends people to the issuer, and finds out who comes back. `redirect` is where they come back to."""

    def __init__(
        self,
        provider: Provider,
        *,
        redirect: str,
        issuers: Issuers,
        transport: Transport,
        cluster: Impersonates,
        claims: Claims,
        clock: Clock,
    ) -> None:
        self.provider = provider
        self._redirect = redirect
        self._issuers = issuers
        self._transport = transport
        self._cluster = cluster
        self._claims = claims
        self._clock = clock
        self._away: Bounded[str, Away] = Bounded(_MOST)

    async def leave(self, next_: str) -> tuple[str, Away]:
        """Return where to send somebody, and what is remembered of them. Raises NobodyError."""
        endpoint = await self._endpoint("authorization_endpoint")
        state = secrets.token_urlsafe(24)
        browser, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        away = Away(browser, nonce, verifier, next_, self._clock.monotonic() + _AWAY)
        self._away.put(state, away)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(away.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self._redirect,
            "scope": self.provider.scope,
            "state": state,
            "nonce": away.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return str(endpoint.update_query(asked)), away

    async def back(self, answer: Mapping[str, str], browser: str) -> tuple[Person, str]:
        """Return who has come back from the issuer, and where they were going. Raises NobodyError."""
        away = self._away.pop(answer.get("state", ""))
        if away is None or self._clock.monotonic() >= away.until or not _same(browser, away.browser):
            raise NobodyError("this browser was not sent to the issuer, or was away for too long: begin anew")
        if answer.get("iss", self.provider.issuer) != self.provider.issuer:
            raise NobodyError("this answer is of another issuer")
        if not answer.get("code"):
            raise NobodyError(f"the issuer did not sign you in: {answer.get('error', 'it gave no code')[:100]}")
        token = await self._exchange(answer["code"], away)
        try:
            claims = await self._issuers.claims(token, self.provider.issuer, self.provider.client_id)
        except RefusedError as error:
            raise NobodyError(f"the issuer's token is not good: {error}") from None
        if claims.get("iss") != self.provider.issuer or not _same(str(claims.get("nonce", "")), away.nonce):
            raise NobodyError("the issuer's token was made for another visit")
        name, groups = await self._identity(claims)
        return Person(name, groups, self._cluster.acting_as(name, groups)), away.next

    async def _identity(self, claims: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
        if self.provider.rules is None:
            return identity(self.provider, claims)
        name, groups = await self._claims.identity(self.provider.rules, claims)
        check_identity(name, groups)
        return name, groups

    async def _exchange(self, code: str, away: Away) -> str:
        """Return the token that a code stands for."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect,
            "client_id": self.provider.client_id,
            "code_verifier": away.verifier,
        }
        headers = {"Accept": "application/json"}
        if self.provider.secret:
            headers["Authorization"] = basic(self.provider.client_id, self.provider.secret)
        request = Request(
            method="POST",
            url=await self._endpoint("token_endpoint"),
            headers=headers,
            data=form,
            limit=_LIMIT,
            follow=False,
            most=Reach.LOOPBACK,
            chosen_by=URL(self.provider.issuer),
            label="the request for a token",
        )
        try:
            answer = await self._transport.send(request)
            found: Any = msgspec.json.decode(answer.body) if answer.status == 200 else {}
        except (HTTPError, TimeoutError, ValueError):
            found = {}
        token = found.get("id_token") if isinstance(found, dict) else None
        if not isinstance(token, str):
            raise NobodyError("the issuer gave no token for its code")
        return token

    async def _endpoint(self, name: str) -> URL:
        try:
            address = str((await self._issuers.configuration(self.provider.issuer)).get(name, ""))
        except RefusedError as error:
            raise NobodyError(f"{error}: {self.provider.issuer}") from None
        if not belongs(address, self.provider.issuer):
            raise NobodyError(f"the issuer's {name} is on another host, and not by https")
        return URL(address)


def identity(provider: Provider, claims: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return name and groups that claims give somebody. Raises NobodyError where the cluster must not be told of it."""
    named, grouped = claims.get(provider.username_claim), claims.get(provider.groups_claim)
    if not isinstance(named, str) or not named.strip():
        raise NobodyError(f"the issuer's token names nobody: it has no claim {provider.username_claim}")
    if provider.username_claim == "email" and claims.get("email_verified", True) is not True:
        raise NobodyError("the issuer has not verified this address")
    listed = [grouped] if isinstance(grouped, str) else grouped
    if not isinstance(listed, list) or not listed or not all(isinstance(each, str) and each.strip() for each in listed):
        raise NobodyError(f"the issuer's token names no group: it has no claim {provider.groups_claim}")
    name, groups = provider.prefix + named, tuple(dict.fromkeys(provider.prefix + each for each in listed))
    check_identity(name, groups)
    return name, groups


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="replace"), other.encode())
