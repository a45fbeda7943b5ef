"""One table of objects and repositories, played before a controller: ours, or the one of Flux that `scripts/` records.

Every case has a namespace and a repository of its own, so all of them run at once. What is kept of a case is what its
user would see: the object's status, the events that were posted, and the commits, each without what differs from run to
run (times, new commits' hashes, ports).
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from gotk.kube.client import Client
from gotk.kube.config import Config, from_kubeconfig
from image_automation.app import embedded, service
from image_automation.app.settings import Settings

Json = dict[str, Any]
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_UNWANTED = ("uid", "resourceVersion")


@dataclass
class Plane:
    """A control plane of ours, and what was posted as events to the address beside it."""

    client: Client
    config: Config
    kubeconfig: Path
    events_addr: str
    posted: list[Json] = field(default_factory=list)

    async def create(self, obj: Json) -> None:
        """Create an object together with its status."""
        status = obj.get("status")
        await self.client.create_object({key: value for key, value in obj.items() if key != "status"})
        if status is not None:
            await self.patch(obj, {"status": status}, subresource="status")

    async def patch(self, obj: Json, changes: Json, *, subresource: str = "") -> None:
        """Merge changes into an object."""
        where = (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        await self.client.patch_object(obj["apiVersion"], obj["kind"], *where, changes, subresource=subresource)


@asynccontextmanager
async def plane(folder: Path) -> AsyncIterator[Plane]:
    """Run a control plane and an address for events."""
    posted: list[Json] = []

    async def take(request: web.Request) -> web.Response:
        posted.append(await request.json())
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/{tail:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with embedded.control_plane(folder) as up:
            config = await from_kubeconfig([up.kubeconfig])
            async with Client(config) as client:
                yield Plane(client, config, up.kubeconfig, f"http://127.0.0.1:{port}/", posted)
    finally:
        await runner.cleanup()


@asynccontextmanager
async def ours(at: Plane, folder: Path, controller: str, **settings: Any) -> AsyncIterator[None]:
    """Run one of our controllers on a plane; what fails is not tried again while a table is played."""
    chosen = Settings(
        data_dir=folder, controllers=frozenset({controller}), storage_addr="127.0.0.1:0", metrics_addr="0",
        health_addr="0", events_addr=at.events_addr, min_retry_delay=60.0, max_retry_delay=60.0, grace=1.0,
        **settings,
    )  # fmt: skip
    async with service.beside(chosen, at.config):
        yield


async def settle(
    at: Plane, kind: tuple[str, str], wanted: Mapping[str, Callable[[Json], bool]], *, limit: float
) -> dict[str, Json]:
    """Wait for the objects of a kind, one for each namespace wanted, to be as wanted; returns the last seen of each."""
    seen: dict[str, Json] = {}
    open_ = set(wanted)
    try:
        async with asyncio.timeout(limit):
            async for type_, obj in at.client.watch_objects(*kind):
                namespace = obj.get("metadata", {}).get("namespace", "")
                if type_ not in {"ADDED", "MODIFIED"} or namespace not in wanted or _aside(obj):
                    continue
                seen[namespace] = obj
                if wanted[namespace](obj):
                    open_.discard(namespace)
                if not open_:
                    return seen
    except TimeoutError:
        pass
    for namespace in open_:
        seen.setdefault(namespace, {})["unsettled"] = True
    return seen


def _aside(obj: Json) -> bool:
    return "aside" in (obj["metadata"].get("labels") or {})


def condition(obj: Json, type_: str) -> Json:
    """Return a condition of an object, or nothing."""
    found = (obj.get("status") or {}).get("conditions") or ()
    return next((each for each in found if each["type"] == type_), {})


def settled(obj: Json) -> bool:
    """Tell whether a run has ended that knows the object as it is: for good, or until it is tried again."""
    status, metadata = obj.get("status") or {}, obj["metadata"]
    wanted = (metadata.get("annotations") or {}).get("reconcile.fluxcd.io/requestedAt", "")
    if status.get("lastHandledReconcileAt", "") != wanted:
        return False
    ready, reconciling = condition(obj, "Ready"), condition(obj, "Reconciling")
    if ready.get("observedGeneration") != metadata["generation"] or ready.get("status") == "Unknown":
        return False
    return not reconciling or reconciling["reason"] == "ProgressingWithRetry"


def ready(obj: Json) -> bool:
    """Tell whether the last run succeeded."""
    return settled(obj) and condition(obj, "Ready")["status"] == "True"


def seen(obj: Json) -> bool:
    """Tell whether a controller has taken note of an object that it is to leave alone."""
    return bool(obj["metadata"].get("finalizers"))


def events(at: Plane, namespace: str) -> list[Json]:
    """Return what was posted about a namespace's objects, each distinct event once, in order."""
    found: list[Json] = []
    for body in at.posted:
        about = body["involvedObject"]
        if about["namespace"] != namespace:
            continue
        event = {key: body.get(key) for key in ("severity", "reason", "message", "metadata", "reportingController")}
        event["about"] = f"{about['apiVersion']} {about['kind']} {about['name']}"
        if event not in found:
            found.append(event)
    return found


async def kubernetes_events(at: Plane, namespace: str) -> list[str]:
    """Return the Events of a namespace as type, reason and message, sorted."""
    items = await at.client.list_objects("v1", "Event", namespace)
    return sorted({f"{each['type']} {each['reason']} {each['message']}" for each in items})


def cleaned(value: Any, replaced: Mapping[str, str]) -> Any:
    """Return JSON without what differs from run to run."""
    text = json.dumps(value)
    for old, new in replaced.items():
        text = text.replace(json.dumps(old)[1:-1], new)
    return json.loads(_TIME.sub("<time>", text))


async def all_of(calls: Sequence[Awaitable[Any]]) -> list[Any]:
    """Await many at once, and return their answers in order."""
    return list(await asyncio.gather(*calls))
