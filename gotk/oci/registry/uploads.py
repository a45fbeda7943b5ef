"""Blob uploads: in one request, or opened, sent in pieces and closed. Answers to the specification's push section."""

import re
import uuid

from aiohttp import web

from gotk.oci.registry.storage import Refused, Storage

_RANGE = re.compile(r"(\d+)-(\d+)", re.ASCII)
_OPEN_LIMIT = 1000


class Uploads:
    """The endpoints under `blobs/uploads/`, and the uploads that are under way."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._open: dict[tuple[str, str], bytearray] = {}

    def routes(self, name: str) -> list[web.RouteDef]:
        """Return the endpoints; `name` is the route pattern of a repository's name."""
        one = f"/v2/{name}/blobs/uploads/{{id}}"
        return [
            web.post(f"/v2/{name}/blobs/uploads/", self._begin),
            web.patch(one, self._append),
            web.put(one, self._finish),
            web.get(one, self._progress, allow_head=False),
            web.delete(one, self._cancel),
        ]

    async def _begin(self, request: web.Request) -> web.Response:
        name, query = request.match_info["name"], request.query
        if "digest" in query:
            self._storage.put_blob(name, query["digest"], await request.read())
            return _created(name, query["digest"])
        if "mount" in query and self._storage.mount_blob(name, query["mount"], query.get("from", "")):
            return _created(name, query["mount"])
        if len(self._open) >= _OPEN_LIMIT:
            raise Refused(429, "TOOMANYREQUESTS", "too many uploads are open")
        id_ = str(uuid.uuid4())
        self._open[name, id_] = bytearray()
        return self._accepted(name, id_, status=202)

    async def _append(self, request: web.Request) -> web.Response:
        key, content = self._upload(request)
        if (span := request.headers.get("Content-Range")) is not None:
            match = _RANGE.fullmatch(span)
            if match is None or int(match[1]) != len(content):
                return web.Response(status=416, headers=self._accepted(*key, status=416).headers)
        content += await request.read()
        return self._accepted(*key, status=202)

    async def _finish(self, request: web.Request) -> web.Response:
        key, content = self._upload(request)
        digest = request.query.get("digest", "")
        content += await request.read()
        self._storage.put_blob(key[0], digest, bytes(content))
        del self._open[key]
        return _created(key[0], digest)

    async def _progress(self, request: web.Request) -> web.Response:
        key, _ = self._upload(request)
        return self._accepted(*key, status=204)

    async def _cancel(self, request: web.Request) -> web.Response:
        key, _ = self._upload(request)
        del self._open[key]
        return web.Response(status=204)

    def _upload(self, request: web.Request) -> tuple[tuple[str, str], bytearray]:
        key = (request.match_info["name"], request.match_info["id"])
        if key not in self._open:
            raise Refused(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        return key, self._open[key]

    def _accepted(self, name: str, id_: str, *, status: int) -> web.Response:
        size = len(self._open[name, id_])
        headers = {
            "Location": f"/v2/{name}/blobs/uploads/{id_}",
            "Docker-Upload-UUID": id_,
            "Range": f"0-{max(size - 1, 0)}",
        }
        return web.Response(status=status, headers=headers)


def _created(name: str, digest: str) -> web.Response:
    headers = {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest}
    return web.Response(status=201, headers=headers)
