"""The one entry of every request: who asks, what is meant, which verb; and every refusal turned into an answer."""

import logging
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from gotk.apiserver import about, auth, encode, negotiate, paths, status
from gotk.apiserver.call import Call, Plane
from gotk.apiserver.store import StoreError
from gotk.apiserver.verbs import create, delete, patch, read, scale, update, watch

log = logging.getLogger(__name__)

Verb = Callable[[Call], Awaitable[web.StreamResponse]]
_READ = {"GET", "HEAD"}


class Handler:
    """Answers requests for one control plane."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._about = about.About(plane)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request, whatever happens."""
        try:
            return await self._route(request)
        except status.Refusal as refusal:
            return self._refuse(request, refusal)
        except StoreError as error:
            return self._refuse(request, status.internal(str(error)))
        except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError):
            log.exception("a request could not be answered")
            return self._refuse(request, status.internal("see the control plane's log"))

    async def _route(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.rstrip("/") or "/"
        if path in auth.OPEN or path.startswith(("/livez/", "/readyz/", "/healthz/")):
            return await self._about.answer(request, path)
        user = self._plane.authenticator.authenticate(request.headers, request.transport and _certificate(request))
        target = paths.parse(path)
        if target is None:
            return await self._about.answer(request, path)
        resource = self._plane.registry.lookup(target.group, target.version, target.plural)
        if resource is None or (target.namespace and not resource.namespaced):
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
        return web.Response(
            status=refusal.code, body=orjson.dumps(body), headers={"Content-Type": "application/json"}
        )


def _certificate(request: web.BaseRequest) -> dict[str, object] | None:
    found: dict[str, object] | None = request.get_extra_info("peercert")
    return found


def _nothing() -> web.Response:
    return web.Response(status=404, text="404 page not found\n")


def _verb(call: Call) -> Verb:
    """Choose what to do. Raises Refusal (404, 405)."""
    method, target = call.request.method, call.target
    if target.subresource == "scale" and "scale" in call.resource.subresources:
        return scale.scale
    if target.subresource and target.subresource not in call.resource.subresources:
        raise status.no_resource()
    if method in _READ:
        if call.query.get("watch") in {"true", "1"}:
            return watch.watch
        return read.get if target.name else read.list_
    if method == "POST" and not target.subresource:
        return create.create
    if method == "PUT":
        return update.update
    if method == "PATCH" and target.name:
        return patch.patch
    if method == "DELETE" and not target.subresource:
        return delete.delete if target.name else delete.delete_all
    raise status.not_allowed("the server does not allow this method on the requested resource")
