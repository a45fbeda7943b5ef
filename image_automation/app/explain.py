"""The small HTTP server that explains choices: read-only, on loopback unless the operator says otherwise.

The tags are in the service's store and not in the API, so only the service can say what it chose from, what it held
back and since when it knows each tag. Asking the registry anew from elsewhere would need the registry's credentials and
tell another moment's tags.
"""

import msgspec
from aiohttp import web

from image_automation.dashboard import doors
from image_automation.explanation import Explainer, UnknownPolicyError


def app(explainer: Explainer) -> web.Application:
    """Return the application that serves `/explain/{namespace}/{name}`."""

    async def show(request: web.Request) -> web.Response:
        if not doors.is_direct(request.url.host or ""):
            return _refuse(403, "ask for this server by its address or as localhost")
        try:
            found = explainer.explain(request.match_info["namespace"], request.match_info["name"])
        except UnknownPolicyError as error:
            return _refuse(404, str(error))
        except (ValueError, OSError) as error:
            return _refuse(409, str(error))
        return web.Response(body=msgspec.json.encode(found), content_type="application/json")

    made = web.Application()
    made.router.add_get("/explain/{namespace}/{name}", show)
    return made


def _refuse(status: int, message: str) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode({"message": message}), content_type="application/json")
