"""Subresources that are actions: evicting a pod, and those for which a kubelet would be needed."""

from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from gotk.apiserver import status
from gotk.apiserver.call import Call
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.verbs.token import request_token
from gotk.apiserver.wire import options

Verb = Callable[[Call], Awaitable[web.StreamResponse]]


async def evict(call: Call) -> web.StreamResponse:
    """Delete a pod, as nothing runs that would have to be drained."""
    if call.request.method != "POST":
        raise status.not_allowed("the server does not allow this method on the requested resource")
    await call.plane.writer.delete(call.resource, call.found(), options.Delete())
    answer = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return call.answer(201, orjson.dumps(answer))


async def no_kubelet(call: Call) -> web.StreamResponse:
    """Say that nothing runs here."""
    what = f'{call.resource.qualified} "{call.target.name}"'
    raise status.not_served(
        f"{what}: this control plane stores objects but runs nothing: there is no kubelet for {call.target.subresource}"
    )


VERBS: dict[str, Verb] = {
    "eviction": evict,
    "token": request_token,
    **dict.fromkeys(("log", "exec", "attach", "portforward", "proxy", "ephemeralcontainers"), no_kubelet),
}
_OWNERS = frozenset({"pods", "serviceaccounts", "services", "nodes"})


def owns(resource: Resource) -> bool:
    """Whether objects of a kind have such subresources: a few kinds of the core group do."""
    return not resource.group and resource.plural in _OWNERS
