"""TokenRequest: a service account's token, for an audience and a time. Answers to its REST storage upstream."""

from typing import Any

import orjson
from aiohttp import web

from gotk.apiserver import cause, metadata, status
from gotk.apiserver.access import tokens
from gotk.apiserver.call import Call
from gotk.apiserver.storage.store import Key
from gotk.apiserver.wire import body, options

Json = dict[str, Any]

_HOUR, _SHORTEST, _LONGEST = 3600, 600, 1 << 32


async def request_token(call: Call) -> web.StreamResponse:
    """Answer with a token for the named service account."""
    if call.request.method != "POST":
        raise status.not_allowed("the server does not allow this method on the requested resource")
    how = options.write(call.query, call.agent, "CreateOptions")
    request = body.decode(await call.request.read(), call.content_type, call.resource, kind="TokenRequest")
    account = call.found()
    spec = request.get("spec") or {}
    seconds = _seconds(spec)
    audiences = [str(each) for each in spec.get("audiences") or (tokens.AUDIENCE,)]
    grant = tokens.Grant(
        namespace=account.key.namespace,
        name=account.key.name,
        uid=account.uid,
        audiences=audiences,
        seconds=seconds,
        bound=_bound(call, spec.get("boundObjectRef")),
    )
    token, ends = call.plane.issuer.issue(grant)
    request["metadata"] = {
        "name": account.key.name,
        "namespace": account.key.namespace,
        "creationTimestamp": call.plane.writer.now(),
    }
    request["spec"] = {**spec, "audiences": audiences, "expirationSeconds": seconds}
    request["status"] = {"token": "" if how.dry_run else token, "expirationTimestamp": metadata.rfc3339(ends)}
    return call.answer(201, orjson.dumps(request))


def _seconds(spec: Json) -> int:
    asked = spec.get("expirationSeconds")
    if asked is None:
        return _HOUR
    why = ""
    if not isinstance(asked, int) or isinstance(asked, bool):
        why = "must be a number"
    elif asked < _SHORTEST:
        why = "may not specify a duration less than 10 minutes"
    elif asked > _LONGEST:
        why = "may not specify a duration larger than 2^32 seconds"
    if why:
        found = cause.invalid("spec.expirationSeconds", asked, why)
        raise status.invalid("authentication.k8s.io", "TokenRequest", "", [found])
    return int(asked)


def _bound(call: Call, reference: Json | None) -> tuple[str, str, str] | None:
    """Return kind, name and uid of the object that the token ends with. Raises Refusal (400, 404, 409)."""
    if not reference:
        return None
    kind, name, uid = (str(reference.get(key) or "") for key in ("kind", "name", "uid"))
    if kind not in tokens.BOUND:
        raise status.bad_request(f"cannot bind token for serviceaccount to object of kind {kind!r}: use Pod or Secret")
    resource = call.plane.stored_as(tokens.BOUND[kind])
    assert resource is not None
    item = call.plane.store.latest(Key(resource.storage, call.target.namespace, name))
    if item is None:
        raise status.not_found(resource, name)
    if uid and uid != item.uid:
        why = f"the UID in the bound object reference ({uid}) does not match the UID in record. "
        raise status.conflict(resource, name, why + "The object might have been deleted and then recreated")
    return kind, name, item.uid
