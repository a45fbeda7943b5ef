"""Asking a token server: what is sent to it, and what its answer holds. No input or output.

Answers to the distribution project's token authentication: GET with Basic, or the OAuth2 POST for an identity token. A
server that knows no POST is asked by GET.
"""

import re
from dataclasses import dataclass, replace

import msgspec
from yarl import URL

from gotk import lenient
from gotk.http.transport import Request
from gotk.oci import errors
from gotk.oci.keychain import Credentials

#: What a server that knows no POST answers to one.
NO_POST = frozenset({404, 405, 501})
_BODY_LIMIT = 256 * 1024
_USABLE = re.compile(r"[\x21-\x7e]{1,16384}", re.ASCII)
_SHORTEST, _LONGEST = 60.0, 3600.0


class _Answer(msgspec.Struct):
    token: str = ""
    access_token: str = ""
    expires_in: float = _SHORTEST


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token: of which server, for what."""

    realm: str
    service: str
    scopes: tuple[str, ...]

    def alternatives(self) -> list["Wanted"]:
        """Return what to ask for in turn: everything, the latest wish, our own; servers may grant one and not all."""
        chosen = dict.fromkeys((self.scopes, self.scopes[:1], self.scopes[-1:]))
        return [replace(self, scopes=scopes) for scopes in chosen]


def realm(text: str, origin: URL) -> URL:
    """Return where tokens are to be had: https, unless the registry itself speaks http. Raises BadAnswer."""
    try:
        found = URL(text)
    except ValueError as error:
        raise errors.BadAnswer(f"{origin.host}: the token realm is no URL") from error
    allowed = {"https", "http"} if origin.scheme == "http" else {"https"}
    if found.scheme not in allowed or not found.host:
        raise errors.BadAnswer(f"{origin.host}: the token realm {errors.printable(text)!r} is not an https URL")
    return found.with_user(None).with_fragment(None)


def exchange(wanted: Wanted, server: URL, origin: URL, credentials: Credentials) -> Request:
    """Return the request that exchanges an identity token."""
    data = {
        "grant_type": "refresh_token",
        "service": wanted.service,
        "scope": " ".join(wanted.scopes),
        "client_id": "image-automation",
        "refresh_token": credentials.identity_token,
    }
    return _request("POST", server, origin, data=data)


def grant(wanted: Wanted, server: URL, origin: URL, authorization: str) -> Request:
    """Return the request that asks as a user, or as nobody where there is no authorization."""
    fields = [("service", wanted.service)] if wanted.service else []
    url = server.update_query([*fields, *(("scope", scope) for scope in wanted.scopes)])
    return _request("GET", url, origin, authorization=authorization)


def read(body: bytes, request: Request) -> tuple[str, float]:
    """Return a token and how long it lives, at least a minute and at most an hour. Raises BadAnswer."""
    try:
        answer = lenient.decode(body, _Answer)
    except lenient.Misfit as error:
        raise errors.BadAnswer(f"{request}: the answer is not a token: {errors.printable(str(error))}") from error
    except lenient.Unreadable as error:
        raise errors.BadAnswer(f"{request}: the answer is not a token") from error
    token = answer.token or answer.access_token
    if not _USABLE.fullmatch(token):
        raise errors.BadAnswer(f"{request}: the token is empty, too long or not fit for a header")
    return token, min(max(answer.expires_in, _SHORTEST), _LONGEST)


def _request(
    method: str, url: URL, origin: URL, *, data: dict[str, str] | None = None, authorization: str = ""
) -> Request:
    return Request(
        method=method,
        url=url,
        headers={"Authorization": authorization} if authorization else {},
        data=data,
        limit=_BODY_LIMIT,
        chosen_by=None if url.origin() == origin else origin,
        follow=False,
    )
