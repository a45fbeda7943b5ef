"""The one entry of every request: who asks, what is meant, which verb; and every refusal turned into an answer."""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import orjson
from aiohttp import web

from gotk.apiserver import nonresource, status
from gotk.apiserver.access import authentication, authorization, impersonation
from gotk.apiserver.builtin.kinds import REVIEW
from gotk.apiserver.call import Call, Plane
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.storage.database import DiskFull, StoreError, TooLarge
from gotk.apiserver.verbs import create, delete, patch, read, review, scale, subresources, update, watch
from gotk.apiserver.wire import body, encode, negotiate, paths
from gotk.apiserver.wire.trace import Trace

log = logging.getLogger(__name__)


Verb = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class _Visit:
    """What becomes known of a request on its way."""

    user: str = ""


class Handler:
    """Answers requests for one control plane."""

    def __init__(self, plane: Plane, trace: Trace | None = None) -> None:
        self._plane = plane
        self._trace = trace
        self._nonresource = nonresource.NonResource(plane.registry, plane.issuer)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request, whatever happens."""
        visit = _Visit()
        if self._trace is None:
            return await self._answer(request, visit)
        began = time.monotonic()
        response: web.StreamResponse | None = None
        try:
            response = await self._answer(request, visit)
        finally:  # also where the client goes away, which is how most watches end
            self._trace.note(request, response, visit.user, began)
        return response

    async def _answer(self, request: web.BaseRequest, visit: _Visit) -> web.StreamResponse:
        try:
            return await self._route(request, visit)
        except status.Refusal as refusal:
            return self._refuse(request, refusal)
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(request, status.too_large(body.LIMIT))
        except StoreError as error:
            return self._refuse(request, _unstored(error))
        except Exception:
            log.exception("a request could not be answered")
            return self._refuse(request, status.internal("see the control plane's log"))

    async def _route(self, request: web.BaseRequest, visit: _Visit) -> web.StreamResponse:
        path = request.path.rstrip("/") or "/"
        if path in authentication.OPEN or path.startswith(("/livez/", "/readyz/", "/healthz/")):
            return self._nonresource.answer(request, path)
        user = self._plane.authenticator.authenticate(request.headers, _certificate(request))
        user = impersonation.become(self._plane.authorizer, user, request.headers)
        visit.user = user.name
        target = paths.parse(path)
        asked = (
            authorization.of_path(request.method, path)
            if target is None
            else authorization.of_request(request.method, target, request.query)
        )
        authorization.require(self._plane.authorizer, user, asked)
        if target is None:
            return self._nonresource.answer(request, path)
        resource = self._plane.registry.lookup(target.group, target.version, target.plural)
        if resource is None or not _in_scope(request, target, resource):
            return _nothing()
        call = Call(
            plane=self._plane,
            request=request,
            target=target,
            resource=resource,
            user=user,
            query=request.query,
            encoding=negotiate.choose(request.headers.get("Accept", "")),
        )
        return await _verb(call)(call)

    def _refuse(self, request: web.BaseRequest, refusal: status.Refusal) -> web.Response:
        body = refusal.body()
        if "application/yaml" in request.headers.get("Accept", ""):
            return web.Response(
                status=refusal.code, body=encode.to_yaml(body), headers={"Content-Type": "application/yaml"}
            )
        return web.Response(status=refusal.code, body=orjson.dumps(body), headers={"Content-Type": "application/json"})


def _certificate(request: web.BaseRequest) -> dict[str, object] | None:
    found: dict[str, object] | None = request.get_extra_info("peercert")
    return found


def _in_scope(request: web.BaseRequest, target: paths.Target, resource: Resource) -> bool:
    """Whether the path fits the kind: cluster-wide kinds have no namespace, others need one to be named or made."""
    if not resource.namespaced:
        return not target.namespace
    return bool(target.namespace) or (not target.name and request.method not in {"POST", "PUT"})


def _unstored(error: StoreError) -> status.Refusal:
    """Return how a write is answered that the store did not take."""
    if isinstance(error, TooLarge):
        return status.entity_too_large(str(error))
    return status.no_space(str(error)) if isinstance(error, DiskFull) else status.internal(str(error))


def _nothing() -> web.Response:
    return web.Response(status=404, text="404 page not found\n")


def _verb(call: Call) -> Verb:
    """Choose what to do. Raises Refusal (404, 405)."""
    target = call.target
    if call.resource.verbs == REVIEW:
        return review.review
    if target.subresource in subresources.VERBS and subresources.owns(call.resource):
        return subresources.VERBS[target.subresource]
    if target.subresource and target.subresource not in call.resource.subresources:
        raise status.not_found(call.resource, target.name)
    if target.subresource == "scale":
        return scale.scale
    found = _by_method(call)
    if found is None:
        raise status.not_allowed("the server does not allow this method on the requested resource")
    return found


def _by_method(call: Call) -> Verb | None:
    method, named, part = call.request.method, bool(call.target.name), bool(call.target.subresource)
    if method in {"GET", "HEAD"}:
        if call.query.get("watch") in {"true", "1"}:
            return watch.watch
        return read.get if named else read.list_
    if part and method in {"POST", "DELETE"}:
        return None
    item: dict[str, Verb] = {
        "POST": create.create,
        "PUT": update.update,
        "PATCH": patch.patch,
        "DELETE": delete.delete if named else delete.delete_all,
    }
    return None if method == "PATCH" and not named else item.get(method)
