"""GitHub Apps: installation tokens, which Git takes as the password of `x-access-token`.

Answers to `fluxcd/pkg/git/github`: the secret's keys `githubAppID`, `githubAppPrivateKey`, one of
`githubAppInstallationID` and `githubAppInstallationOwner`, and `githubAppBaseURL` for GitHub Enterprise.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from yarl import URL

from gotk.cloud import jwt
from gotk.cloud.caller import Caller, decode
from gotk.cloud.errors import CloudError, NotFound
from gotk.cloud.token import Token
from gotk.http.proxy import Proxy
from gotk.http.tls import TLS

ID, KEY = "githubAppID", "githubAppPrivateKey"
INSTALLATION, OWNER, BASE = "githubAppInstallationID", "githubAppInstallationOwner", "githubAppBaseURL"
USER = "x-access-token"

_API = "https://api.github.com"
_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
_OWNER = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)
_SKEW, _LIFE = 30, 120  # seconds

#: Asks the app's API by method and path, and returns the answer and its address.
Ask = Callable[[str, str], Awaitable[tuple[bytes, URL]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app and where it is installed: by its installation's number, or by the owner's name."""

    id: str
    key: bytes = field(repr=False)
    installation: str = ""
    owner: str = ""
    base: str = _API

    @property
    def parts(self) -> tuple[str, ...]:
        """What a token of it depends on. Holds the key."""
        return (self.id, self.installation, self.owner, self.base, self.key.decode("latin-1"))


class _Installation(msgspec.Struct):
    id: int


class _Slug(msgspec.Struct):
    slug: str


class _Token(msgspec.Struct):
    token: str
    expires_at: datetime


def is_app(data: Mapping[str, bytes]) -> bool:
    """Tell whether a secret holds an app."""
    return ID in data


def read(data: Mapping[str, bytes], name: str) -> App:
    """Read an app out of a secret, whose `namespace/name` is for messages. Raises CloudError."""
    texts = {key: data.get(key, b"").decode("utf-8", "replace").strip() for key in (ID, INSTALLATION, OWNER, BASE)}
    for key in (ID, KEY):
        if not data.get(key, b"").strip():
            raise CloudError(f"secret '{name}': key '{key}' not found")
    installation, owner = texts[INSTALLATION], texts[OWNER]
    if bool(installation) == bool(owner):
        raise CloudError(f"secret '{name}': exactly one of '{INSTALLATION}' and '{OWNER}' must be set")
    for key, pattern in ((ID, _NUMBER), (INSTALLATION, _NUMBER), (OWNER, _OWNER)):
        if texts[key] and not pattern.fullmatch(texts[key]):
            raise CloudError(f"secret '{name}': '{key}' is not what GitHub calls one")
    base = texts[BASE] or _API
    if not base.startswith(("https://", "http://")):
        raise CloudError(f"secret '{name}': '{BASE}' must begin with https://")
    return App(id=texts[ID], key=data[KEY], installation=installation, owner=owner, base=base)


class GitHub:
    """Installation tokens, fetched anew with every call: keeping them is the caller's part."""

    def __init__(self, caller: Caller, *, now: Callable[[], datetime]) -> None:
        self._caller = caller
        self._now = now

    async def token(self, app: App, *, tls: TLS, proxy: Proxy | None) -> Token:
        """Return a token of the app's installation. Raises CloudError."""
        ask = self._asking(app, tls, proxy)
        installation = app.installation or await self._installed(app.owner, ask)
        body, url = await ask("POST", f"app/installations/{installation}/access_tokens")
        found = decode(body, _Token, url)
        return Token(value=found.token, expires=found.expires_at)

    async def slug(self, app: App, *, tls: TLS, proxy: Proxy | None) -> str:
        """Return the app's name as GitHub spells it in addresses and logins. Raises CloudError."""
        body, url = await self._asking(app, tls, proxy)("GET", "app")
        return decode(body, _Slug, url).slug

    def _asking(self, app: App, tls: TLS, proxy: Proxy | None) -> Ask:
        now = int(self._now().timestamp())
        claims: dict[str, str | int] = {"iat": now - _SKEW, "exp": now + _LIFE, "iss": app.id}
        try:
            proof = jwt.sign(claims, app.key)
        except ValueError as error:
            raise CloudError(f"'{KEY}' cannot be used: {error}") from None
        headers = {
            "Authorization": f"Bearer {proof}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }

        async def ask(method: str, path: str) -> tuple[bytes, URL]:
            url = URL(f"{app.base.rstrip('/')}/{path}")
            return await self._caller.ask(method, url, headers=headers, proxy=proxy, tls=tls), url

        return ask

    async def _installed(self, owner: str, ask: Ask) -> int:
        """Look the owner up as an organization, then as a user."""
        for kind in ("orgs", "users"):
            try:
                body, url = await ask("GET", f"{kind}/{owner}/installation")
            except NotFound:
                continue
            return decode(body, _Installation, url).id
        raise CloudError(f"the app is not installed for the organization or user '{owner}'")
