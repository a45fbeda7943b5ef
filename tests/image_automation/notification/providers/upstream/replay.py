"""Bring a recorded case to our notifier, and compare what it sends.

Go's maps have no order, so Flux lists metadata in another order each time: lists of facts and the lines of a text
are compared as sets. Everything else is compared as it is, and bodies of unordered types byte by byte.
"""

import asyncio
import base64
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from gotk.api import scheme
from gotk.api.core import Secret
from gotk.api.notification import Alert, Provider
from gotk.http.exchange import Answer, Exchange, Request
from image_automation.notification import notice as notices
from image_automation.notification.alerts import deduplication
from image_automation.notification.delivery import sending
from image_automation.notification.delivery.accounts import Delivery
from tests.image_automation.notification.alerts import test_notifier
from tests.image_automation.notification.providers.upstream import protobuf
from tests.image_automation.notification.providers.upstream.case import Case
from tests.virtual_clock import VirtualClock, in_virtual_time

#: Lists and texts that Flux makes of metadata.
UNORDERED = {"fields", "facts", "widgets", "tags", "text", "content", "markdown", "body"}


class Services(test_notifier.World):
    """The cluster of one case, and its service."""

    def __init__(self, case: Case, uids: dict[str, str], real: Callable[[str], str] = str) -> None:
        super().__init__()
        self.case = case.known(uids)
        self.requests: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.known: dict[str, Secret] = {}
        for obj in json.loads(real(json.dumps(case.objects()))):
            obj["metadata"] = {**obj["metadata"], "uid": uids.get(obj["kind"].lower(), "uid")}
            if obj["kind"] == "Secret":
                data = {k: base64.b64encode(v.encode()).decode() for k, v in obj.pop("stringData").items()}
                self.known[obj["metadata"]["name"]] = scheme.convert({**obj, "data": data}, Secret)
            elif obj["kind"] == "Provider":
                self.providers.append(scheme.convert(obj, Provider))
            else:
                self.alerts.append(scheme.convert(obj, Alert))

    async def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        return self.known[name] if name in self.known else await super().get(kind, namespace, name)

    async def send(self, exchange: Exchange, line: Delivery) -> None:
        clock, loop = VirtualClock(), asyncio.get_running_loop()

        async def attempt(request: Request) -> Answer:
            sending.target(request.url)
            self.requests.append(shown(request))
            self.times.append(loop.time())
            path = "/" + request.url.partition("://")[2].partition("/")[2]
            reply = self.case.reply(request.method, path)
            wait = reply.headers.get("Retry-After", "")
            return sending.answered(request, reply.status, reply.body.encode(), wait, clock.now())

        await sending.converse(exchange, line, attempt, clock)


def shown(request: Request) -> dict[str, Any]:
    """Return a request as the record has it."""
    try:
        text = {"body": request.body.decode()}
    except UnicodeDecodeError:
        text = {"hex": request.body.hex()}
    return {"request": f"{request.method} {request.url}", "headers": dict(sorted(request.headers.items())), **text}


def ours(case: Case, uids: dict[str, str]) -> dict[str, Any]:
    """Return what we do with a case, as the record has it."""
    world = Services(case, uids)

    @in_virtual_time
    async def run() -> None:
        async with test_notifier.notifying(world) as notifier:
            await notifier.take(deduplication.cleaned(notices.read(json.dumps(case.posted()).encode())))

    run()
    complaints = sorted(f"{event.reason}: {event.message}" for event in world.told)
    found: dict[str, Any] = {"uids": uids, "requests": world.requests, "complaints": complaints}
    if case.timed:
        found["waits"] = [round(later - earlier) for earlier, later in itertools.pairwise(world.times)]
    return found


def recorded(file: str) -> dict[str, Any]:
    """Return the record of a file of cases."""
    found: dict[str, Any] = json.loads((Path(__file__).parent / f"{file}.json").read_text())
    return found


def comparable(request: dict[str, Any]) -> dict[str, Any]:
    """Return a request with its body read, and without the order that Flux leaves to chance."""
    headers = {name.lower(): value for name, value in request["headers"].items()}
    return {**request, "headers": headers, **_read(request, headers.get("content-type", ""))}


def _read(request: dict[str, Any], kind: str) -> dict[str, Any]:
    body = request.get("body", "")
    if kind == "application/x-sentry-envelope":
        head, size, event = (json.loads(line) for line in body.strip().split("\n"))
        return {"body": {"head": head, "type": size["type"], "event": _sorted(event, "")}}
    if kind == "application/x-protobuf":
        return {"hex": "", "body": protobuf.span(bytes.fromhex(request["hex"]))}
    if kind == "application/x-www-form-urlencoded":
        return {"body": _sorted(dict(parse_qsl(body)), "")}
    return {"body": _sorted(json.loads(body), "")} if body.startswith(("{", "[")) else {}


def _sorted(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(each, name) for name, each in value.items()}
    if isinstance(value, list):
        items = [_sorted(each, "") for each in value]
        return sorted(items, key=lambda item: msgspec.json.encode(item, order="sorted")) if key in UNORDERED else items
    if isinstance(value, str) and key in UNORDERED and "\n" in value:
        return sorted(value.split("\n"))
    return value


def differences(found: Any, flux: Any, path: str = "") -> dict[str, tuple[Any, Any]]:
    """Return what differs, by path: ours and Flux's."""
    if isinstance(found, dict) and isinstance(flux, dict):
        keys = [*found, *(key for key in flux if key not in found)]
        pairs = [(f"{path}.{key}", found.get(key), flux.get(key)) for key in keys]
    elif isinstance(found, list) and isinstance(flux, list) and len(found) == len(flux):
        pairs = [(f"{path}[{index}]", *pair) for index, pair in enumerate(zip(found, flux, strict=True))]
    else:
        return {} if found == flux else {path.lstrip("."): (found, flux)}
    return {key: value for place, one, other in pairs for key, value in differences(one, other, place).items()}
