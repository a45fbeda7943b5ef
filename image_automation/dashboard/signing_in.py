"""Signing in and out: a token in a form, at an issuer, or a link that `image-automation dashboard` had made, good once.

The link is for the holder of a kubeconfig: the command proves who they are with their token, and prints an address that
opens one session as them, within a minute. Nothing secret stands in an address that is good for longer.
"""

from typing import Final

import msgspec
from aiohttp import web
from yarl import URL

from gotk.kube import errors
from image_automation.dashboard import door, links, rendering
from image_automation.dashboard.door import Door, SignInFirstError
from image_automation.dashboard.entering.certificates import Certificates
from image_automation.dashboard.oidc import Oidc
from image_automation.dashboard.people import NobodyError

LOGIN, LOGOUT, LINK, ONCE = "/login", "/logout", "/login/link", "/login/once"
LEAVE, BACK = "/login/oidc", "/login/callback"
CERTIFICATE: Final = "/login/certificate"
_AWAY: Final = "__Host-image-automation-away"


class Link(msgspec.Struct, frozen=True):
    """What the command is told: the path that signs in, and as whom."""

    path: str
    user: str


def routes(entrance: Door, *, free: bool) -> list[web.RouteDef]:
    """Return the routes; `free` says whether one may look around without signing in."""

    async def form(request: web.Request) -> web.Response:
        return _page(entrance, request, next_=links.local(request.query.get("next", "/")), free=free)

    async def sign_in(request: web.Request) -> web.Response:
        door.check_origin(request)
        given = await request.post()
        next_ = links.local(str(given.get("next", "/")))
        try:
            person = await entrance.people.by_token(str(given.get("token", "")).strip())
        except NobodyError as error:
            return _page(entrance, request, next_=next_, free=free, error=str(error), status=401)
        except errors.APIError as error:
            return _page(entrance, request, next_=next_, free=free, error=error.message, status=503)
        response = web.Response(status=303, headers={"Location": next_})
        door.remember(request, response, entrance.sessions.begin(person))
        return response

    async def link(request: web.Request) -> web.Response:
        visit = await entrance.visit(request, free=False)
        if visit.person is None or visit.session is not None:
            raise SignInFirstError("a link is made for the holder of a token: send it as Authorization: Bearer")
        made = Link(links.to("login", "once", code=entrance.sessions.link(visit.person)), visit.person.name)
        return web.Response(body=msgspec.json.encode(made), content_type="application/json")

    async def once(request: web.Request) -> web.Response:
        session = entrance.sessions.redeem(request.query.get("code", ""))
        if session is None:
            used = "this link was used already, or waited for longer than a minute: make another one"
            return _page(entrance, request, next_="/", free=free, error=used, status=401)
        response = web.Response(status=303, headers={"Location": "/"})
        door.remember(request, response, session)
        return response

    async def sign_out(request: web.Request) -> web.Response:
        door.check_origin(request)
        visit = await entrance.visit(request, free=True)
        given = await request.post()
        door.check_form(visit, {name: str(value) for name, value in given.items()})
        if visit.session is not None:
            entrance.sessions.end(visit.session)
        response = web.Response(status=303, headers={"Location": "/" if free else LOGIN})
        door.forget(request, response)
        return response

    return [
        *(_issuer_routes(entrance, entrance.oidc, free=free) if entrance.oidc is not None else ()),
        *(_certificate_routes(entrance, entrance.certificates, free=free) if entrance.certificates is not None else ()),
        web.get(LOGIN, form),
        web.post(LOGIN, sign_in),
        web.post(LINK, link),
        web.get(ONCE, once),
        web.post(LOGOUT, sign_out),
    ]


def _issuer_routes(entrance: Door, oidc: Oidc, *, free: bool) -> list[web.RouteDef]:
    async def leave(request: web.Request) -> web.Response:
        try:
            address, away = await oidc.leave(links.local(request.query.get("next", "/")))
        except NobodyError as error:
            return _page(entrance, request, next_="/", free=free, error=str(error), status=503)
        response = web.Response(status=303, headers={"Location": address})
        # Lax, since the browser comes back from another site.
        response.set_cookie(_AWAY, away.browser, path="/", max_age=600, httponly=True, samesite="Lax", secure=True)
        return response

    async def back(request: web.Request) -> web.Response:
        try:
            person, next_ = await oidc.back(request.query, request.cookies.get(_AWAY, ""))
        except NobodyError as error:
            return _page(entrance, request, next_="/", free=free, error=str(error), status=401)
        # A page of ours that goes on by itself: a session's cookie does not come along where another site leads.
        html = rendering.render(
            "welcome.html", rendering.frame(None) | {"title": "Welcome", "path": "/", "next": next_}
        )
        response = web.Response(text=html, content_type="text/html")
        response.del_cookie(_AWAY, path="/", httponly=True, samesite="Lax", secure=True)
        door.remember(request, response, entrance.sessions.begin(person))
        return response

    return [web.get(LEAVE, leave), web.get(BACK, back)]


def _certificate_routes(entrance: Door, certificates: Certificates, *, free: bool) -> list[web.RouteDef]:
    async def show(request: web.Request) -> web.Response:
        door.check_origin(request)
        given = await request.post()
        next_ = links.local(str(given.get("next", "/")))
        try:
            person = certificates.person(request)
        except NobodyError as error:
            return _page(entrance, request, next_=next_, free=free, error=str(error), status=401)
        response = web.Response(status=303, headers={"Location": next_})
        door.remember(request, response, entrance.sessions.begin(person))
        return response

    return [web.post(CERTIFICATE, show)]


def _page(
    entrance: Door, request: web.Request, *, next_: str, free: bool, error: str = "", status: int = 200
) -> web.Response:
    context = {"title": "Sign in", "path": request.path, "next": next_, "free": free, "error": error}
    context["issuer"] = URL(entrance.oidc.provider.issuer).host if entrance.oidc is not None else ""
    context["certificates"] = entrance.certificates is not None
    html = rendering.render("login.html", rendering.frame(None) | context)
    return web.Response(status=status, text=html, content_type="text/html")
