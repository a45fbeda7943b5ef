"""What the button under a plan does: exactly that plan is written, by the rights of who asks, and an event says who."""

from aiohttp import web

from gotk.api.image import ImageUpdateAutomation
from gotk.kube.cache import Caches
from gotk.runtime import events
from image_automation.dashboard import door, links, rendering
from image_automation.dashboard.access import Deed
from image_automation.dashboard.acting.doing import Tells
from image_automation.dashboard.door import Door, SignInFirstError
from image_automation.dashboard.page import Missing, Plans, Record
from image_automation.dashboard.plans.plan import PAGE
from image_automation.planner import MovedError
from image_automation.steering.cluster import CannotBeDoneError

_WHO = "image-automation-dashboard"


class Wrote(Record, frozen=True, kw_only=True):
    """What was written, as a program is told."""

    commit: str
    summary: str
    user: str


def routes(entrance: Door, plans: Plans | None, caches: Caches, tells: Tells) -> list[web.RouteDef]:
    """Return the route that forms and programs send a plan's identity to."""

    async def write(request: web.Request) -> web.Response:
        visit = await entrance.visit(request, free=False)
        if visit.person is None:
            raise SignInFirstError("sign in first")
        if visit.session is not None:
            door.check_origin(request)
        form = {name: str(value) for name, value in (await request.post()).items()}
        door.check_form(visit, form)
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        await entrance.access.require(visit.person, Deed("patch", ImageUpdateAutomation, namespace, name))
        obj = caches.get(ImageUpdateAutomation, namespace, name)
        if plans is None or obj is None:
            raise Missing(f"there is no ImageUpdateAutomation {namespace}/{name} that writes anything")
        reads_json = rendering.prefers_json(request.headers.get("Accept", ""))
        if not form.get("plan"):
            raise CannotBeDoneError(
                "nothing was written: the field `plan` is missing, the identity of the plan you saw"
            )
        try:
            done = await plans.write(namespace, name, form["plan"], visit.person.cluster)
        except MovedError:
            if reads_json:
                raise
            return web.Response(status=303, headers={"Location": links.to("plan", namespace, name, moved="1")})
        tells.emit(
            events.reference(obj.api_version, obj.kind, obj.metadata),
            "Normal",
            "PlanApplied",
            f"{visit.person.name} applied a plan in the dashboard: {done.summary}",
            controller=_WHO,
            metadata=events.annotated(obj, {"user": visit.person.name}),
        )
        if reads_json:
            told = Wrote(commit=done.commit, summary=done.summary, user=visit.person.name)
            return web.Response(body=rendering.encode(told), content_type="application/json")
        return web.Response(status=303, headers={"Location": links.to("plan", namespace, name)})

    return [web.post(PAGE.path, write)]
