"""Who is at the door: a session's cookie, a program's token, or nobody that is known.

A cookie goes along with every request that a browser makes, whoever made it do so; a form therefore counts only if it
comes from a page of ours and carries the session's own secret. A token in a header is put there by whoever holds it.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from yarl import URL

from image_automation.dashboard import browsers
from image_automation.dashboard.access import Access, Person
from image_automation.dashboard.entering.certificates import Certificates
from image_automation.dashboard.oidc import Oidc
from image_automation.dashboard.people import NobodyError, People
from image_automation.dashboard.sessions import Session, Sessions


class SignInFirstError(Exception):
    """Only somebody who is known is let in here: the message says what was wrong with what was shown, if anything."""


class ForeignFormError(Exception):
    """A form that does not come from a page of ours, or not from this session's."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Who sent a request; the person is None where nobody is known, who may look where that is free."""

    person: Person | None = None
    session: Session | None = None


class Door:
    """Tells who sends requests. `access` says what they may do then; `oidc` is where they may sign in, if anywhere.

    `certificates` are taken where the listener asks for them.
    """

    def __init__(
        self,
        *,
        people: People,
        sessions: Sessions,
        access: Access,
        oidc: Oidc | None = None,
        certificates: Certificates | None = None,
    ) -> None:
        self.people = people
        self.sessions = sessions
        self.access = access
        self.oidc = oidc
        self.certificates = certificates

    async def visit(self, request: web.Request, *, free: bool) -> Visit:
        """Return who is there. Raises SignInFirstError, and APIError where the cluster does not say."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            try:
                return Visit(await self.people.by_token(token.strip()))
            except NobodyError as error:
                raise SignInFirstError(str(error)) from None
        session = self.sessions.get(request.cookies.get(cookie_name(request), ""))
        if session is None and not free:
            raise SignInFirstError("sign in first")
        return Visit(session.person, session) if session is not None else Visit()


def check_origin(request: web.Request) -> None:
    """See that a form was sent by a page of ours. Raises ForeignFormError."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    same = origin is not None and _authority(origin) == request.host
    if not (same if site is None else site == "same-origin"):
        raise ForeignFormError("this form was not sent by a page of this server")


def check_form(visit: Visit, form: Mapping[str, str]) -> None:
    """See that a form belongs to the session of who sends it. Raises ForeignFormError."""
    if visit.session is not None and not hmac.compare_digest(
        form.get("csrf", "").encode(), visit.session.csrf.encode()
    ):
        raise ForeignFormError("this form is of another session: load the page anew")


def cookie_name(request: web.Request) -> str:
    """Return the name of the session's cookie: servers on several ports of one machine share their cookies."""
    return f"image-automation-{request.url.port}" if _is_plain(request) else "__Host-image-automation"


def remember(request: web.Request, response: web.StreamResponse, session: Session) -> None:
    """Let the browser keep a session's name, out of reach of scripts and of other sites.

    `Secure` is left out where the request never leaves the machine, since not every browser takes it there over http.
    """
    response.set_cookie(
        cookie_name(request), session.id, path="/", httponly=True, samesite="Strict", secure=not _is_plain(request)
    )


def forget(request: web.Request, response: web.StreamResponse) -> None:
    """Let the browser forget the session."""
    response.del_cookie(cookie_name(request), path="/", httponly=True, samesite="Strict", secure=not _is_plain(request))


def _is_plain(request: web.Request) -> bool:
    """Tell whether the browser asked over http on this machine; from anywhere else there has to be TLS before us."""
    return not request.secure and browsers.is_loopback(request.url.host)


def _authority(origin: str) -> str:
    try:
        return URL(origin).authority
    except ValueError:
        return ""
