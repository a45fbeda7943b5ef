"""Put the same receivers and calls to whoever plays notification-controller, and write down what comes of it.

Used twice: by scripts/record_receivers.py on the real one, and by the tests on ours. Both stand on our control plane.
"""

import asyncio
import contextlib
import copy
import io
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import yarl

from gotk.api.meta import REQUESTED_AT
from gotk.kube import errors
from gotk.kube.client import Client
from tests.image_automation.notification import issuer as tokens
from tests.image_automation.notification.receivers.questions import CALLS, RECEIVERS, Asked, Called

NAMESPACE, LONELY = "hooks", "lonely"
REPOSITORY = ("image.toolkit.fluxcd.io/v1", "ImageRepository")
RECEIVER = ("notification.toolkit.fluxcd.io/v1", "Receiver")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{1,9} [+-]\d{4} \S+ m=[+]\d+\.\d{9}")
_LIMIT = 60.0
Answers = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Who plays, on which cluster, and the keys of the issuer that it trusts."""

    client: Client
    url: str
    issuer: str
    keys: Mapping[str, tokens.Key]


async def play(stage: Stage) -> Answers:
    """Create the receivers, make the calls, then take away and give what some of them need."""
    await _furnish(stage.client, stage.issuer)
    answers: Answers = {"receivers": await _statuses(stage), "calls": {}, "events": {}}
    await _patch(stage.client, "suspended-later", {"spec": {"suspend": True}})
    async with asyncio.TaskGroup() as group:
        tasks = {name: group.create_task(_calls(stage, name, calls)) for name, calls in CALLS.items()}
    answers["calls"] = {name: task.result() for name, task in tasks.items()}
    answers["calls"]["deleted"] = await _after_changes(stage, answers["receivers"])
    answers["events"] = await _events(stage)
    return json.loads(json.dumps(answers).replace(stage.issuer, "ISSUER"))  # type: ignore[no-any-return]


async def _furnish(client: Client, issuer: str) -> None:
    for namespace in (NAMESPACE, LONELY):
        await client.create_object({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    await client.create_object(_repository("target", LONELY, "elsewhere"))
    for name, asked in RECEIVERS.items():
        if asked.secret:
            await client.create_object(_secret(name, asked.secret))
        for index in range(asked.targets):
            await client.create_object(_repository(f"{name}-{index}", NAMESPACE, name))
        await client.create_object(_receiver(name, asked, issuer))


def _repository(name: str, namespace: str, owner: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": {"owner": owner}, "annotations": {"note": "here"}}
    spec = {"image": "registry.example/team/web", "interval": "1h", "suspend": True}
    return {"apiVersion": REPOSITORY[0], "kind": REPOSITORY[1], "metadata": metadata, "spec": spec}


def _secret(name: str, data: Mapping[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(data)}


def _receiver(name: str, asked: Asked, issuer: str) -> dict[str, Any]:
    spec = copy.deepcopy(dict(asked.spec))
    filters = spec.pop("filters", None) or [""] * asked.targets
    own = [{"kind": REPOSITORY[1], "name": f"{name}-{index}", "filter": text} for index, text in enumerate(filters)]
    named = {} if spec["type"] == "generic-oidc" else {"secretRef": {"name": name}}
    filled = json.dumps({"resources": own, "interval": "10m"} | named | spec)
    filled = filled.replace("{name}", name).replace("{issuer}", issuer)
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": RECEIVER[0], "kind": RECEIVER[1], "metadata": metadata, "spec": json.loads(filled)}


async def _statuses(stage: Stage) -> Answers:
    async with asyncio.TaskGroup() as group:
        tasks = {name: group.create_task(_settled(stage.client, name)) for name in RECEIVERS}
    return {name: task.result() for name, task in tasks.items()}


async def _settled(client: Client, name: str) -> Answers:
    """Wait until a receiver has nothing more to say, and return what it says."""

    def holds(obj: dict[str, Any]) -> bool:
        waits = obj["spec"].get("suspend") or _ready(obj).get("reason") == "TokenNotFound"
        seen = obj.get("status", {}).get("observedGeneration") == obj["metadata"]["generation"]
        settled = bool(obj["metadata"].get("finalizers")) and bool(waits or (seen and _ready(obj)))
        return settled and not _is_at_work(obj)

    return _said(await _until(client, name, holds))


async def _until(client: Client, name: str, holds: Any) -> dict[str, Any]:
    deadline = time.monotonic() + _LIMIT
    while True:
        obj = await client.get_object(*RECEIVER, NAMESPACE, name)
        if holds(obj):
            return obj
        assert time.monotonic() < deadline, f"{name} did not get there: {obj.get('status')}"
        await asyncio.sleep(0.05)


def _is_at_work(obj: dict[str, Any]) -> bool:
    """Tell whether a run is under way: a receiver without its token is tried again and again."""
    conditions = obj.get("status", {}).get("conditions", [])
    return any((each["type"], each["reason"]) == ("Reconciling", "Progressing") for each in conditions)


def _ready(obj: dict[str, Any]) -> dict[str, Any]:
    conditions = obj.get("status", {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == "Ready"), {})


def _said(obj: dict[str, Any]) -> Answers:
    status = obj.get("status", {})
    kept = ("type", "status", "reason", "message", "observedGeneration")
    conditions = [{key: each.get(key) for key in kept} for each in status.get("conditions", [])]
    return {
        "conditions": sorted(conditions, key=lambda each: str(each["type"])),
        "observedGeneration": status.get("observedGeneration"),
        "webhookPath": status.get("webhookPath", ""),
        "finalizers": obj["metadata"].get("finalizers", []),
    }


async def _patch(client: Client, name: str, patch: Mapping[str, Any]) -> None:
    await client.patch_object(*RECEIVER, NAMESPACE, name, patch)


async def _calls(stage: Stage, name: str, calls: Mapping[str, Called]) -> Answers:
    """Make the calls of one receiver, one after the other, and say what each one woke."""
    obj = await stage.client.get_object(*RECEIVER, NAMESPACE, name)
    path = obj.get("status", {}).get("webhookPath") or "/hook/" + "1" * 64
    answers = {}
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        for title, called in calls.items():
            before = await _annotated(stage.client, name)
            answer = await _call(stage, session, path, called)
            after = await _annotated(stage.client, name)
            woken = sorted(each for each, at in after.items() if at != before.get(each))
            assert all(_TIME.fullmatch(after[each]) for each in woken), after
            answers[title] = answer | {"woken": woken}
    return answers


async def _annotated(client: Client, owner: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for namespace in (NAMESPACE, LONELY):
        for obj in await client.list_objects(*REPOSITORY, namespace):
            if namespace == LONELY or obj["metadata"]["labels"]["owner"] == owner:
                found[obj["metadata"]["name"]] = obj["metadata"].get("annotations", {}).get(REQUESTED_AT, "")
    return found if owner in {"elsewhere", "wildcard-empty"} else {k: v for k, v in found.items() if k != "target"}


async def _call(stage: Stage, session: aiohttp.ClientSession, path: str, called: Called) -> Answers:
    escaped = path.replace("/hook", "/%68ook")
    target = called.path.format(path=path, escaped=escaped, upper=path.upper().replace("/HOOK", "/hook"))
    headers = dict(called.headers)
    if called.token is not None:
        headers["Authorization"] = _bearer(stage, called.token)
    async with session.request(
        called.method, yarl.URL(stage.url + target, encoded=True), data=io.BytesIO(called.body), headers=headers,
        skip_auto_headers=["Content-Type", "User-Agent", "Accept", "Accept-Encoding"], allow_redirects=False,
    ) as answer:  # fmt: skip
        body = (await answer.read()).decode()
        return {"status": answer.status, "headers": sorted({each.title() for each in answer.headers}), "body": body}


def _bearer(stage: Stage, token: Mapping[str, Any]) -> str:
    now = int(time.time())
    made: dict[str, Any] = {"iss": stage.issuer, "aud": "notification-controller", "sub": "ci", "exp": 600}
    made |= token["claims"]
    timed = {key: now + value if key in {"exp", "nbf"} and value is not None else value for key, value in made.items()}
    return tokens.bearer(stage.keys[token["key"]], token["alg"], **{k: v for k, v in timed.items() if v is not None})


async def _after_changes(stage: Stage, statuses: Answers) -> Answers:
    """Delete a receiver and the secret of another, give one its secret at last, and say how they fare."""
    client = stage.client
    await client.delete_object(*RECEIVER, NAMESPACE, "deleted")
    await client.delete_object("v1", "Secret", NAMESPACE, "gone-secret")
    await client.create_object(_secret("later", {"token": "at last"}))
    await _until(client, "later", lambda obj: _ready(obj).get("status") == "True")
    with contextlib.suppress(errors.NotFound):
        await _until(client, "deleted", lambda _: False)
    called = {"a call": Called()}
    answers = {"its secret came": (await _calls(stage, "later", called))["a call"]}
    answers["its secret went"] = (await _calls(stage, "gone-secret", called))["a call"]
    answers["its receiver went"] = await _once(stage, statuses["deleted"]["webhookPath"])
    await _patch(client, "gone-secret", {"metadata": {"annotations": {REQUESTED_AT: "now"}}})
    gone = await _until(client, "gone-secret", lambda obj: _ready(obj).get("status") == "False")
    answers["the receiver whose secret went"] = _said(gone)
    await _patch(client, "suspended-later", {"spec": {"suspend": False}})
    return answers


async def _once(stage: Stage, path: str) -> Answers:
    async with aiohttp.ClientSession() as session:
        return await _call(stage, session, path, Called())


async def _events(stage: Stage) -> Answers:
    """Return type, reason and message of the events about each receiver, in no order and without repetitions."""
    found: dict[str, set[tuple[str, str, str]]] = {}
    for event in await stage.client.list_objects("v1", "Event", NAMESPACE):
        about = event["involvedObject"]
        if about["kind"] == RECEIVER[1]:
            found.setdefault(about["name"], set()).add((event["type"], event["reason"], event["message"]))
    return {name: sorted(map(list, events)) for name, events in sorted(found.items())}
