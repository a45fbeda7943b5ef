"""PUT: replace an object, or one of its subresources."""

from aiohttp import web

from gotk.apiserver import cause, decisions, status
from gotk.apiserver.call import Call
from gotk.apiserver.decisions import Write
from gotk.apiserver.storage.store import Stored
from gotk.apiserver.verbs.create import OTHER_NAMESPACE, check_api_version
from gotk.apiserver.wire import body, encode, options


async def update(call: Call) -> web.StreamResponse:
    """Replace the named object by the one in the body."""
    how = options.write(call.query, call.agent, "UpdateOptions", call.guard)
    if not call.target.name:
        raise status.bad_request("name must be provided")
    data = await call.request.read()
    write = Write(resource=call.resource, how=how, now=call.plane.writer.now(), subresource=call.target.subresource)
    outcome = await call.plane.writer.change(write, call.key, lambda old: _sent(call, data, old), size=len(data))
    call.warnings += outcome.warnings
    return call.answer(200, encode.one(outcome.item, call.resource, call.encoding, call.include))


def _sent(call: Call, data: bytes, old: Stored | None) -> body.Json:
    obj = body.decode(data, call.content_type, call.resource)
    check_api_version(call, obj)
    check_identity(call, obj)
    if old is None:
        raise status.not_found(call.resource, call.target.name)
    if call.resource.custom and not obj["metadata"].get("resourceVersion"):
        found = cause.invalid("metadata.resourceVersion", 0, "must be specified for an update")
        raise status.invalid(call.resource.group, call.resource.plural, call.target.name, [found])
    decisions.check_current(call.resource, old, obj)
    return obj


def check_identity(call: Call, obj: body.Json) -> None:
    """Refuse an object that is not the one in the path."""
    name = obj["metadata"].get("name")
    if name and name != call.target.name:
        raise status.bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({call.target.name})"
        )
    if call.resource.namespaced and obj["metadata"].get("namespace") not in {None, "", call.target.namespace}:
        raise status.bad_request(OTHER_NAMESPACE)
