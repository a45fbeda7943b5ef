"""POST: make an object."""

from aiohttp import web

from gotk.apiserver import status
from gotk.apiserver.call import Call
from gotk.apiserver.wire import body, encode, options

OTHER_NAMESPACE = "the namespace of the provided object does not match the namespace sent on the request"


async def create(call: Call) -> web.StreamResponse:
    """Create the object in the body and answer with what it became."""
    how = options.write(call.query, call.agent, "CreateOptions", call.guard)
    data = await call.request.read()
    obj = await call.plane.offload.run(len(data), lambda: body.decode(data, call.content_type, call.resource))
    check_api_version(call, obj)
    metadata = obj["metadata"]
    inside = call.target.namespace if call.resource.namespaced else ""
    if inside and metadata.get("namespace") not in {None, "", inside}:
        raise status.bad_request(OTHER_NAMESPACE)
    if metadata.get("resourceVersion"):
        raise status.Refusal(500, "", "resourceVersion should not be set on objects to be created")
    outcome = await call.plane.writer.create(call.resource, inside, obj, how, size=len(data))
    call.warnings += outcome.warnings
    return call.answer(201, encode.one(outcome.item, call.resource, call.encoding, call.include))


def check_api_version(call: Call, obj: body.Json) -> None:
    """Refuse an object of another version than the path's."""
    said = obj.get("apiVersion")
    if said != call.resource.api_version:
        raise status.bad_request(
            f"the API version in the data ({said}) does not match the expected API version "
            f"({call.resource.api_version})"
        )
