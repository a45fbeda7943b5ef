"""What is not about objects: health, version, discovery, OpenAPI. Documents are made once and cached by clients."""

import gzip
from functools import lru_cache
from http import HTTPStatus

import orjson
from aiohttp import web

from gotk.apiserver import status
from gotk.apiserver.access.tokens import TokenIssuer, configuration
from gotk.apiserver.resources.registry import Registry
from gotk.apiserver.wire import negotiate, openapi
from gotk.apiserver.wire.documents import JSON, Document, Documents

VERSION = {
    "major": "1",
    "minor": "37",
    "gitVersion": openapi.RELEASE,
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "",
}
_COMPRESS_FROM = 16 * 1024


class NonResource:
    """Answers requests that name no kind."""

    def __init__(self, registry: Registry, issuer: TokenIssuer) -> None:
        self._issuer = issuer
        self._documents = Documents(registry)

    def answer(self, request: web.BaseRequest, path: str) -> web.Response:
        """Answer a request. Raises Refusal (404)."""
        if path.startswith(("/healthz", "/livez", "/readyz")):
            return web.Response(text="ok")
        if path == "/version":
            return web.Response(body=orjson.dumps(VERSION), headers={"Content-Type": JSON})
        if path == "/openid/v1/jwks":
            return web.Response(
                body=orjson.dumps(self._issuer.keys()), headers={"Content-Type": "application/jwk-set+json"}
            )
        if path == "/.well-known/openid-configuration":
            return web.Response(body=orjson.dumps(configuration()), headers={"Content-Type": JSON})
        if path == "/openapi/v2":
            return web.Response(body=openapi.V2, headers={"Content-Type": openapi.V2_MEDIA_TYPE})
        found = self._document(request, path)
        if found is None:
            raise status.no_resource()
        return _answer(request, found)

    def _document(self, request: web.BaseRequest, path: str) -> Document | None:
        if path == "/openapi/v3":
            return self._documents.openapi_index()
        if path.startswith("/openapi/v3/"):
            return self._documents.openapi(path.removeprefix("/openapi/v3/"))
        aggregated = negotiate.discovery(request.headers.get("Accept", "")) == "v2"
        return self._documents.discovery(path, aggregated=aggregated)


def _answer(request: web.BaseRequest, document: Document) -> web.Response:
    headers = {"Content-Type": document.content_type, "ETag": document.etag, "Vary": "Accept"}
    if request.headers.get("If-None-Match") == document.etag:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    if len(document.body) >= _COMPRESS_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=_compressed(document.body), headers={**headers, "Content-Encoding": "gzip"})
    return web.Response(body=document.body, headers=headers)


@lru_cache(maxsize=128)
def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=5, mtime=0)
