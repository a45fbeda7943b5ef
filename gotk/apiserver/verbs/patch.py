"""PATCH: change an object by a merge patch, a JSON patch, a strategic merge patch or an applied configuration."""

from typing import Any

from aiohttp import web

from gotk.apiserver import decisions, status, writer
from gotk.apiserver.apply import patches, server_side, strategic
from gotk.apiserver.call import Call
from gotk.apiserver.decisions import Write
from gotk.apiserver.resources import versions
from gotk.apiserver.schema import object_head
from gotk.apiserver.storage.store import Stored
from gotk.apiserver.verbs.update import check_identity
from gotk.apiserver.wire import body, encode, options

APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


async def patch(call: Call) -> web.StreamResponse:
    """Change the named object."""
    kind = body.media(call.content_type)
    accepted = (JSON_PATCH, MERGE, APPLY) if call.resource.custom else (JSON_PATCH, MERGE, STRATEGIC, APPLY)
    if kind not in accepted:
        raise status.unsupported_media_type(accepted)
    data = await call.request.read()
    if kind == APPLY:
        return await _apply(call, data)
    how = options.write(call.query, call.agent, "PatchOptions", call.guard)
    write = Write(resource=call.resource, how=how, now=call.plane.writer.now(), subresource=call.target.subresource)
    outcome = await call.plane.writer.change(
        write, call.key, lambda old: _patched(call, kind, data, old), size=len(data)
    )
    call.warnings += outcome.warnings
    return call.answer(200, encode.one(outcome.item, call.resource, call.encoding, call.include))


def _patched(call: Call, kind: str, data: bytes, old: Stored | None) -> body.Json:
    content = _read(data)
    if old is None:
        raise status.not_found(call.resource, call.target.name)
    new = changed(call, kind, versions.convert(old.object(), call.resource), content)
    try:
        body.check(new)
    except ValueError as error:
        raise status.bad_request(f"the patched object cannot be kept: {error}") from error
    object_head.check(new)
    check_identity(call, new)
    decisions.check_current(call.resource, old, new)
    return new


def changed(call: Call, kind: str, obj: body.Json, content: Any) -> body.Json:
    """Return an object as a patch leaves it."""
    if kind == JSON_PATCH:
        return patches.json_patch(obj, content)
    if not isinstance(content, dict):
        raise status.bad_request("error decoding patch: the patch is not an object")
    if kind == STRATEGIC:
        return _strategic(call, obj, content)
    merged: body.Json = patches.merge(obj, content)
    return merged


def _strategic(call: Call, obj: body.Json, content: body.Json) -> body.Json:
    schema = call.resource.schema
    try:
        return strategic.merge(obj, content, schema.node if schema is not None else None)
    except strategic.BadPatch as error:
        raise status.bad_request(f"the patch does not fit {call.resource.kind}: {error}") from error


async def _apply(call: Call, data: bytes) -> web.StreamResponse:
    how = options.apply(call.query, call.agent, call.guard)
    if call.found_or_none() is None:
        call.require("create")
    outcome = await _applied(call, data, how)
    call.warnings += outcome.warnings
    code = 201 if outcome.created else 200
    return call.answer(code, encode.one(outcome.item, call.resource, call.encoding, call.include))


def _config(call: Call, data: bytes) -> body.Json:
    try:
        config = body.parse(data)
    except ValueError as error:
        raise status.bad_request(f"error decoding YAML: {error}") from error
    object_head.check(config)
    check_identity(call, config)
    if config.get("apiVersion") != call.resource.api_version or config.get("kind") != call.resource.kind:
        raise status.bad_request(
            f"the configuration is {config.get('apiVersion')}, Kind={config.get('kind')}, "
            f"but the path names {call.resource.api_version}, Kind={call.resource.kind}"
        )
    config["metadata"].setdefault("name", call.target.name)
    found: body.Json = config
    return found


async def _applied(call: Call, data: bytes, how: options.Write) -> writer.Outcome:
    write = Write(resource=call.resource, how=how, now=call.plane.writer.now(), subresource=call.target.subresource)
    try:
        return await call.plane.writer.apply(write, call.key, lambda: _config(call, data), size=len(data))
    except server_side.ApplyConflict as conflict:
        causes = [{"reason": each.reason, "message": each.message, "field": each.field} for each in conflict.causes]
        raise status.Refusal(409, "Conflict", conflict.message, {"causes": causes}) from conflict
    except server_side.NotTyped as error:
        raise status.Refusal(500, "", error.message) from error
    except server_side.ManagedFieldsGiven as error:
        raise status.bad_request(error.message) from error


def _read(data: bytes) -> Any:
    try:
        return body.parse(data)
    except ValueError as error:
        said = "unexpected end of JSON input" if "end of" in str(error) else str(error)
        raise status.bad_request(f"error decoding patch: {said}") from error
