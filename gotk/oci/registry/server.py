"""The registry's HTTP side: pull, push, lists, deletion, on a port of its own."""

import ssl
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.typedefs import Handler

from gotk.oci import name as names
from gotk.oci.registry.guard import Anybody, Guard
from gotk.oci.registry.storage import Manifest, Refused, Storage
from gotk.oci.registry.uploads import Uploads

_PART = "[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*"
_NAME = f"{{name:{_PART}(?:/{_PART})*}}"
_BODY_LIMIT = 1 << 30


class RegistryServer:
    """A registry on a port; an async context manager. Port 0 is any free one, see `address`."""

    def __init__(
        self,
        storage: Storage | None = None,
        *,
        guard: Guard | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.storage = storage if storage is not None else Storage()
        self._guard: Guard = guard if guard is not None else Anybody()
        self._host, self._port, self._tls = host, port, tls
        app = web.Application(middlewares=[self._protect], client_max_size=_BODY_LIMIT)
        app.add_routes([*self._routes(), *Uploads(self.storage).routes(_NAME), *self._guard.routes()])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    @property
    def address(self) -> str:
        """`host:port`, as the first part of an image's name."""
        return f"{self._host}:{self._port}"

    @property
    def url(self) -> str:
        """Where the registry is, without a trailing slash."""
        return f"{'https' if self._tls else 'http'}://{self.address}"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    def _routes(self) -> list[web.RouteDef]:
        manifest, blob = f"/v2/{_NAME}/manifests/{{reference}}", f"/v2/{_NAME}/blobs/{{digest}}"
        return [
            web.get("/v2/", self._ping),
            web.get("/v2/_catalog", self._catalog, allow_head=False),
            web.get(f"/v2/{_NAME}/tags/list", self._tags, allow_head=False),
            web.get(manifest, self._manifest),
            web.put(manifest, self._put_manifest),
            web.delete(manifest, self._delete_manifest),
            web.get(blob, self._blob),
            web.delete(blob, self._delete_blob),
        ]

    @web.middleware
    async def _protect(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in whom the guard lets in, and say no as the specification does."""
        try:
            if request.path.startswith("/v2/") and (wanted := self._guard.challenge(request)) is not None:
                refused = Refused(401, "UNAUTHORIZED", "authentication required")
                return _no(refused, {"WWW-Authenticate": wanted})
            return await handler(request)
        except Refused as refused:
            return _no(refused, {})
        except web.HTTPRequestEntityTooLarge:
            return _no(Refused(413, "SIZE_INVALID", "the content is too large"), {})

    async def _ping(self, _: web.Request) -> web.Response:
        return web.json_response({}, headers={"Docker-Distribution-Api-Version": "registry/2.0"})

    async def _catalog(self, request: web.Request) -> web.Response:
        page, headers = _page(request, self.storage.repositories())
        return web.json_response({"repositories": page}, headers=headers)

    async def _tags(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        page, headers = _page(request, self.storage.tags(name))
        return web.json_response({"name": name, "tags": page}, headers=headers)

    async def _manifest(self, request: web.Request) -> web.Response:
        found: Manifest = self.storage.manifest(request.match_info["name"], request.match_info["reference"])
        headers = {
            "Content-Type": found.media_type,
            "Docker-Content-Digest": found.digest,
            "ETag": f'"{found.digest}"',
        }
        return web.Response(body=found.body, headers=headers)

    async def _put_manifest(self, request: web.Request) -> web.Response:
        name, reference = request.match_info["name"], request.match_info["reference"]
        if ":" not in reference and not names.is_tag(reference):
            raise Refused(400, "TAG_INVALID", "manifest tag did not match URI")
        digest = self.storage.put_manifest(
            name, reference, request.headers.get("Content-Type", ""), await request.read()
        )
        headers = {"Location": f"/v2/{name}/manifests/{digest}", "Docker-Content-Digest": digest}
        return web.Response(status=201, headers=headers)

    async def _delete_manifest(self, request: web.Request) -> web.Response:
        self.storage.delete_manifest(request.match_info["name"], request.match_info["reference"])
        return web.Response(status=202)

    async def _blob(self, request: web.Request) -> web.Response:
        digest = request.match_info["digest"]
        content = self.storage.blob(request.match_info["name"], digest)
        headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest}
        return web.Response(body=content, headers=headers)

    async def _delete_blob(self, request: web.Request) -> web.Response:
        self.storage.delete_blob(request.match_info["name"], request.match_info["digest"])
        return web.Response(status=202)


def _page(request: web.Request, entries: list[str]) -> tuple[list[str], dict[str, str]]:
    """Cut the page that `n` and `last` ask for out of a sorted list, with the link to the next one."""
    last, size = request.query.get("last", ""), request.query.get("n", "")
    if size and not (size.isascii() and size.isdigit()):
        raise Refused(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested")
    after = [entry for entry in entries if entry > last] if last else entries
    if not size or len(after) <= int(size) or int(size) == 0:
        return after if size != "0" else [], {}
    page = after[: int(size)]
    query = urlencode({"last": page[-1], "n": size})
    return page, {"Link": f'<{request.path}?{query}>; rel="next"'}


def _no(refused: Refused, headers: dict[str, str]) -> web.Response:
    body = {"errors": [{"code": refused.code, "message": refused.message, "detail": None}]}
    return web.json_response(body, status=refused.status, headers=headers)
