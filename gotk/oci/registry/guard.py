"""Who may use the registry: everybody, the holder of a password, or the bearer of a token that our realm gave out.

Answers to the distribution project's Basic and token authentication, so that a client's whole way through a challenge
can be tried without a foreign registry.
"""

import base64
import binascii
import hmac
import secrets
from typing import Protocol

from aiohttp import web

_LIFETIME = 300


class Guard(Protocol):
    """Decides on requests."""

    def challenge(self, request: web.Request) -> str | None:
        """Return the challenge that the request has not met, or None to let it in."""
        ...

    def routes(self) -> list[web.RouteDef]:
        """Return what the guard itself serves."""
        ...


class Anybody:
    """Lets every request in."""

    def challenge(self, request: web.Request) -> str | None:  # noqa: ARG002 - the protocol's shape
        """Let it in."""
        return None

    def routes(self) -> list[web.RouteDef]:
        """Serve nothing."""
        return []


class Password:
    """Basic authentication with one user."""

    def __init__(self, username: str, password: str) -> None:
        self._expected = f"{username}:{password}"

    def challenge(self, request: web.Request) -> str | None:
        """Ask for the password."""
        return None if self.knows(request) else 'Basic realm="registry"'

    def knows(self, request: web.Request) -> bool:
        """Tell whether the request holds the password."""
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(given.encode(), self._expected.encode())

    def routes(self) -> list[web.RouteDef]:
        """Serve nothing."""
        return []


class Token:
    """Token authentication: `/token` of the same server is the realm. Tokens hold for one scope."""

    def __init__(self, *, user: Password | None = None, identity_token: str = "") -> None:
        self._user = user
        self._identity_token = identity_token
        self._scopes: dict[str, str] = {}

    @property
    def issued(self) -> int:
        """How many tokens have been given out."""
        return len(self._scopes)

    def challenge(self, request: web.Request) -> str | None:
        """Ask for a token with the request's scope."""
        repository = request.match_info.get("name", "")
        verb = "pull" if request.method in {"GET", "HEAD"} else "push,pull"
        scope = f"repository:{repository}:{verb}" if repository else ""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token in self._scopes and self._scopes[token] in {scope, "*"}:
            return None
        realm = f"{request.scheme}://{request.host}/token"
        return f'Bearer realm="{realm}",service="registry"' + (f',scope="{scope}"' if scope else "")

    def routes(self) -> list[web.RouteDef]:
        """Serve the realm."""
        return [web.get("/token", self._grant), web.post("/token", self._exchange)]

    async def _grant(self, request: web.Request) -> web.Response:
        if self._user is not None and not self._user.knows(request):
            return web.json_response({"errors": [{"code": "UNAUTHORIZED", "message": "access denied"}]}, status=401)
        return self._issue(request.query.get("scope", ""))

    async def _exchange(self, request: web.Request) -> web.Response:
        form = await request.post()
        given = str(form.get("refresh_token", ""))
        if not self._identity_token or not hmac.compare_digest(given.encode(), self._identity_token.encode()):
            return web.json_response({"errors": [{"code": "UNAUTHORIZED", "message": "access denied"}]}, status=401)
        return self._issue(str(form.get("scope", "")))

    def _issue(self, scope: str) -> web.Response:
        token = secrets.token_urlsafe(24)
        self._scopes[token] = scope
        return web.json_response({"token": token, "expires_in": _LIFETIME})
