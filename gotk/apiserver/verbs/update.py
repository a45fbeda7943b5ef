"""PUT: replace an object, or one of its subresources."""

from aiohttp import web

from gotk.apiserver import body, encode, options, status
from gotk.apiserver.call import Call
from gotk.apiserver.schema import Cause
from gotk.apiserver.store import Stored
from gotk.apiserver.verbs.create import check_api_version


async def update(call: Call) -> web.StreamResponse:
    """Replace the named object by the one in the body."""
    how = options.write(call.query, call.agent, "UpdateOptions")
    if not call.target.name:
        raise status.bad_request("name must be provided")
    data = await call.request.read()
    obj = body.decode(data, call.content_type, call.resource)
    check_api_version(call, obj)
    old = call.found_or_none()
    check_identity(call, obj)
    if old is None:
        raise status.not_found(call.resource, call.target.name)
    if call.resource.custom and not obj["metadata"].get("resourceVersion"):
        cause = Cause(
            reason="FieldValueInvalid", message="Invalid value: 0: must be specified for an update",
            field="metadata.resourceVersion",
        )
        refusal = status.invalid(call.resource.group, call.resource.plural, call.target.name, [cause])
        raise refusal
    check_current(call, old, obj)
    outcome = await call.plane.writer.replace(call.resource, old, obj, how, subresource=call.target.subresource)
    call.warnings += outcome.warnings
    return call.answer(200, encode.one(outcome.item, call.resource, call.encoding, call.include))


def check_identity(call: Call, obj: body.Json) -> None:
    """Refuse an object that is not the one in the path."""
    name = obj["metadata"].get("name")
    if name and name != call.target.name:
        raise status.bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({call.target.name})"
        )
    if call.resource.namespaced and obj["metadata"].get("namespace") not in {None, "", call.target.namespace}:
        raise status.bad_request("the namespace of the provided object does not match the namespace sent on the request")


def check_current(call: Call, old: Stored, obj: body.Json) -> None:
    """Refuse a state that was derived from another one than the newest, or from another object of that name."""
    wanted = obj["metadata"].get("resourceVersion")
    if wanted and wanted != str(old.revision):
        raise status.modified(call.resource, call.target.name)
    uid = obj["metadata"].get("uid")
    if uid and uid != old.uid:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old.uid}"
        raise status.conflict(call.resource, call.target.name, why)
