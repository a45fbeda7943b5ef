"""The small HTTP server that explains choices: read-only, on loopback unless the operator says otherwise.

The tags are in the service's store and not in the API, so only the service can say what it chose from, what it held
back and since when it knows each tag. Asking the registry anew from elsewhere would need the registry's credentials and
tell another moment's tags. Who may ask is decided where it is for the dashboard's pages: the tags of a policy are told
to who may get the policy.
"""

import msgspec
from aiohttp import web

from gotk.api.image import ImagePolicy
from gotk.kube import errors
from image_automation.dashboard import browsers
from image_automation.dashboard.access import Deed, NotAllowedError
from image_automation.dashboard.door import Door, SignInFirstError
from image_automation.explanation import Explainer, UnknownPolicyError


def app(explainer: Explainer, door: Door, *, free: bool) -> web.Application:
    """Return the application that serves `/explain/{namespace}/{name}`, also to nobody known where that is free."""

    async def show(request: web.Request) -> web.Response:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        try:
            browsers.check_host(request)
            visit = await door.visit(request, free=free)
            await door.access.require(visit.person, Deed("get", ImagePolicy, namespace, name))
            found = explainer.explain(namespace, name)
        except SignInFirstError as error:
            return _refuse(401, f"{error}: send a token of the cluster as Authorization: Bearer")
        except (browsers.LedHereError, NotAllowedError) as error:
            return _refuse(403, str(error))
        except UnknownPolicyError as error:
            return _refuse(404, str(error))
        except errors.APIError as error:
            return _refuse(503, f"the cluster does not say what you may: {error.message}")
        except (ValueError, OSError) as error:
            return _refuse(409, str(error))
        return web.Response(body=msgspec.json.encode(found), content_type="application/json")

    made = web.Application()
    made.router.add_get("/explain/{namespace}/{name}", show)
    return made


def _refuse(status: int, message: str) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode({"message": message}), content_type="application/json")
