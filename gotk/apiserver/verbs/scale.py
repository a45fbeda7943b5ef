"""The scale subresource: a kind's replicas, seen as an autoscaling/v1 Scale."""

from typing import Any

import orjson
from aiohttp import web

from gotk.apiserver import decisions, status
from gotk.apiserver.apply import patches
from gotk.apiserver.call import Call
from gotk.apiserver.resources import versions
from gotk.apiserver.resources.resource import Scale
from gotk.apiserver.schema import object_head
from gotk.apiserver.storage.store import Stored
from gotk.apiserver.verbs.patch import JSON_PATCH, MERGE, STRATEGIC
from gotk.apiserver.wire import body, encode, options

Json = dict[str, Any]


async def scale(call: Call) -> web.StreamResponse:
    """Read or change how many replicas an object wants."""
    if call.request.method in {"GET", "HEAD"}:
        item = call.plane.store.get(call.key)
        if item is None:
            raise status.not_found(call.resource, call.target.name)
        return _answer(call, item)
    if call.request.method not in {"PUT", "PATCH"}:
        raise status.not_allowed("the server does not allow this method on the requested resource")
    kind = "UpdateOptions" if call.request.method == "PUT" else "PatchOptions"
    how = options.write(call.query, call.agent, kind)
    data = await call.request.read()
    old = call.found()
    wanted = _wanted(call, old, data)
    object_head.check(wanted)
    decisions.check_current(call.resource, old, wanted)
    new = versions.convert(old.object(), call.resource)
    spec = wanted.get("spec") or {}
    replicas = spec.get("replicas", 0) if isinstance(spec, dict) else spec
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise status.bad_request(f"Scale: spec.replicas: expected an integer, got {replicas!r}")
    _put(new, _paths(call).spec_replicas, replicas)
    outcome = await call.plane.writer.replace(call.resource, old, new, how, subresource="scale")
    return _answer(call, outcome.item)


def _wanted(call: Call, old: Stored, data: bytes) -> Json:
    if call.request.method == "PUT":
        return body.decode(data, call.content_type, call.resource, kind="Scale")
    kind = body.media(call.content_type)
    if kind not in {JSON_PATCH, MERGE, STRATEGIC}:
        raise status.unsupported_media_type((JSON_PATCH, MERGE, STRATEGIC))
    try:
        content = body.parse(data)
    except ValueError as error:
        raise status.bad_request(f"error decoding patch: {error}") from error
    if kind == JSON_PATCH:
        return patches.json_patch(_scale(call, old), content)
    merged: Json = patches.merge(_scale(call, old), content)
    return merged


def _answer(call: Call, item: Stored) -> web.Response:
    found = _scale(call, item)
    return call.answer(200, encode.to_yaml(found) if call.encoding.yaml else orjson.dumps(found))


def _scale(call: Call, item: Stored) -> Json:
    obj = item.object()
    paths = _paths(call)
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    metadata = {key: obj["metadata"][key] for key in kept if key in obj["metadata"]}
    seen: Json = {"replicas": _get(obj, paths.status_replicas) or 0}
    selector = _selector(_get(obj, paths.label_selector)) if paths.label_selector else ""
    if selector:
        seen["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": _get(obj, paths.spec_replicas) or 0},
        "status": seen,
    }


def _paths(call: Call) -> Scale:
    return call.resource.scale or Scale(
        spec_replicas="spec.replicas", status_replicas="status.replicas", label_selector="spec.selector"
    )


def _selector(found: Any) -> str:
    if isinstance(found, dict):
        labels = found.get("matchLabels") or {}
        return ",".join(f"{key}={labels[key]}" for key in sorted(labels))
    return str(found or "")


def _get(obj: Any, path: str) -> Any:
    for part in path.split("."):
        obj = obj.get(part) if isinstance(obj, dict) else None
    return obj


def _put(obj: Json, path: str, value: int) -> None:
    *parents, last = path.split(".")
    for part in parents:
        obj = obj.setdefault(part, {})
    obj[last] = value
