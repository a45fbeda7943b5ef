"""Plays the table of alerts to a running notification-controller, be it Flux's or ours, and tells what came of it."""

import asyncio
import contextlib
import io
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from gotk.kube.client import Client
from tests.image_automation.notification.alert_table import BODIES, Story, source

NOTIFICATION = "notification.toolkit.fluxcd.io/v1beta3"
_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d UTC")
_HEADERS = (
    "Content-Type", "Retry-After", "X-Content-Type-Options", "X-RateLimit-Limit", "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)  # fmt: skip

Told = dict[str, Any]


@dataclass
class Hook:
    """A service that takes everything, by the namespace that its address names."""

    url: str = ""
    calls: list[tuple[str, web.Request, bytes]] = field(default_factory=list)
    _called: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.calls.append((request.path, request, body))
        self._called.set()
        if refused := re.search(r"/status/(\d+)/", request.path):
            return web.Response(status=int(refused[1]), text="refused")
        if request.method == "GET":
            return web.json_response({"login": "bot"} if request.path.endswith("/user") else [])
        return web.json_response({}, status=201)

    async def until(self, numbers: Mapping[str, int]) -> None:
        """Wait until so many calls have come for each namespace."""
        while any(len(self.of(namespace)) < number for namespace, number in numbers.items()):
            self._called.clear()
            await self._called.wait()

    def of(self, namespace: str) -> list[Any]:
        """Tell what came for a namespace: the events in full, of other payloads only that they came."""
        found: list[Any] = []
        for path, request, body in self.calls:
            if namespace not in path.split("/"):
                continue
            if "Gotk-Component" in request.headers:
                found.append({"sender": request.headers["Gotk-Component"], "body": json.loads(body)})
            elif "called" not in found:
                found.append("called")
        return sorted(found, key=json.dumps)


@contextlib.asynccontextmanager
async def hook(port: int = 0) -> AsyncIterator[Hook]:
    """Serve the hook on loopback."""
    opened = Hook()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", opened.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    opened.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield opened
    finally:
        await runner.cleanup()


def namespaces(stories: Mapping[str, Story], prefix: str) -> dict[str, str]:
    """Give every story a namespace."""
    return {title: f"{prefix}-{number:02}" for number, title in enumerate(stories)}


async def set_up(client: Client, stories: Mapping[str, Story], places: Mapping[str, str], url: str) -> None:
    """Create what the stories need."""
    for title, story in stories.items():
        namespace = places[title]
        for obj in _objects(story):
            text = json.dumps(obj).replace("HOOK", url).replace("NS", namespace)
            await client.create_object(json.loads(text))


def _objects(story: Story) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": each}} for each in ("NS", "NS-other")
    ]
    for name, data in (story.secrets or {}).items():
        found.append({**_object("v1", "Secret", name), "stringData": dict(data)})
    for name, spec in ({"chat": {}} if story.providers is None else story.providers).items():
        usual = {"type": "generic", "address": "HOOK/NS"}
        found.append({**_object(NOTIFICATION, "Provider", name), "spec": usual | dict(spec)})
    for name, spec in ({"all": {}} if story.alerts is None else story.alerts).items():
        usual = {"providerRef": {"name": "chat"}, "eventSources": [source()]}
        obj = {**_object(NOTIFICATION, "Alert", name), "spec": usual | dict(spec)}
        obj["metadata"] |= dict(story.metadata or {})
        found.append(obj)
    if story.labels is not None:
        obj = _object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "web")
        obj["metadata"]["labels"] = dict(story.labels)
        spec = {"interval": "1h", "prune": False, "sourceRef": {"kind": "GitRepository", "name": "x"}, "suspend": True}
        found.append({**obj, "spec": spec})
    return found


def _object(api_version: str, kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "NS"}}


async def post(
    session: aiohttp.ClientSession, url: str, stories: Mapping[str, Story], places: Mapping[str, str]
) -> Told:
    """Post the events of the stories, in order, and tell the answers."""
    answers: Told = {}
    for title, story in stories.items():
        answers[title] = []
        for event in story.events:
            body = json.dumps(event).replace("NS", places[title])
            async with session.post(url, data=body.encode()) as answer:
                answers[title].append(answer.status)
    return answers


async def post_bodies(session: aiohttp.ClientSession, url: str) -> Told:
    """Post the odd bodies and tell what is answered. Dates are told as `in about N seconds`."""
    answers: Told = {}
    for title, (method, path, body) in BODIES.items():
        async with session.request(method, f"{url}{path}", data=io.BytesIO(body)) as answer:
            text = (await answer.read()).decode()
            headers = {name: _shape(answer.headers[name]) for name in _HEADERS if name in answer.headers}
            answers[title] = {"status": answer.status, "headers": headers, "body": text}
    return answers


def _shape(value: str) -> str:
    return "a date" if _DATE.fullmatch(value) else value


async def told(client: Client, number: int) -> None:
    """Wait until so many events have been told on alerts."""
    seen: set[str] = set()
    if number:
        async for _, event in client.watch_objects("v1", "Event", ""):
            seen.add(event["metadata"]["uid"])
            if len(seen) >= number:
                return


async def outcome(client: Client, caught: Hook, stories: Mapping[str, Story], places: Mapping[str, str]) -> Told:
    """Tell of every story what arrived, what was told on the alerts, and the finalizers that are left."""
    found: Told = {}
    for title, story in stories.items():
        namespace = places[title]
        told = [_event(each) for each in await client.list_objects("v1", "Event", namespace)]
        found[title] = {"arrived": caught.of(namespace), "told": sorted(told, key=json.dumps)}
        if story.metadata is not None:
            alert = await client.get_object(NOTIFICATION, "Alert", namespace, "all")
            found[title]["finalizers"] = alert["metadata"].get("finalizers", [])
        found[title] = json.loads(json.dumps(found[title]).replace(namespace, "NS").replace(caught.url, "HOOK"))
    return found


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    about = event["involvedObject"]
    return {
        "about": {key: about[key] for key in ("apiVersion", "kind", "namespace", "name", "fieldPath") if key in about},
        "identified": sorted(about.keys() & {"uid", "resourceVersion"}),
        "type": event["type"],
        "reason": event["reason"],
        "message": event["message"],
        "source": event.get("source", {}),
        "reportingComponent": event.get("reportingComponent", ""),
        "annotations": event["metadata"].get("annotations", {}),
    }
