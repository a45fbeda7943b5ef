"""The way of an act: a page that says what it does and asks for the rest, and the form that does it.

A program needs the form alone. Who came by a page is led back to it, and told there what was done; what makes no sense
is said above the form, which keeps what was written into it.
"""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from gotk.api import scheme
from gotk.api.image import ImagePolicy
from gotk.api.meta import Object
from image_automation.dashboard import door, links, rendering, watched
from image_automation.dashboard.acting.act import Act
from image_automation.dashboard.acting.doing import Acting
from image_automation.dashboard.door import Door, SignInFirstError, Visit
from image_automation.steering.cluster import CannotBeDoneError

ACT: Final = "/act"


def routes(entrance: Door, acting: Acting) -> list[web.RouteDef]:
    """Return the routes of acts."""

    async def ask(request: web.Request) -> web.Response:
        visit = await entrance.visit(request, free=False)
        if visit.person is None:
            raise SignInFirstError("sign in first")
        asked = dict(request.query)
        act, obj = await acting.asked(visit.person, asked.get("act", ""), watched.subject(asked))
        return _page(visit, act, obj, {"tag": _chosen(obj), **asked})

    async def do(request: web.Request) -> web.Response:
        visit = await entrance.visit(request, free=False)
        if visit.person is None:
            raise SignInFirstError("sign in first")
        if visit.session is not None:
            door.check_origin(request)
        form = {name: str(value) for name, value in (await request.post()).items()}
        door.check_form(visit, form)
        word, about = form.get("act", ""), watched.subject(form)
        is_page = not rendering.prefers_json(request.headers.get("Accept", ""))
        try:
            acted = await acting.do(visit.person, word, about, form)
        except CannotBeDoneError as error:
            act, obj = await acting.asked(visit.person, word, about)
            if is_page and act.confirmed:
                return _page(visit, act, obj, form, error=str(error))
            raise
        if not is_page:
            return web.Response(body=rendering.encode(acted), content_type="application/json")
        if visit.session is not None:
            visit.session.notes = acted.said
        return web.Response(status=303, headers={"Location": links.local(form.get("next", "/"))})

    return [web.get(ACT, ask), web.post(ACT, do)]


def _chosen(obj: Object) -> str:
    """Return the tag that a policy has chosen: what is shown is what is decided about, whatever is chosen meanwhile."""
    return obj.status.latest_ref.tag if isinstance(obj, ImagePolicy) and obj.status.latest_ref is not None else ""


def _digest(obj: Object, tag: str) -> str:
    """Return the digest of a tag, if it is the one that a policy has chosen and its digest is known."""
    ref = obj.status.latest_ref if isinstance(obj, ImagePolicy) else None
    return ref.digest if ref is not None and ref.tag == tag else ""


def _page(visit: Visit, act: Act, obj: Object, filled: Mapping[str, str], *, error: str = "") -> web.Response:
    about = {"kind": scheme.resource_of(type(obj)).kind, **_named(obj)}
    context: dict[str, Any] = {
        **rendering.frame(visit.session),
        "title": act.label,
        "path": ACT,
        "act": act,
        "about": about,
        "filled": filled,
        "digest": _digest(obj, filled.get("tag", "")),
        "next": links.local(filled.get("next", "/")),
        "error": error,
    }
    html = rendering.render("act.html", context)
    return web.Response(status=409 if error else 200, text=html, content_type="text/html")


def _named(obj: Object) -> dict[str, str]:
    return {"namespace": obj.metadata.namespace, "name": obj.metadata.name}
