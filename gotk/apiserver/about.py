"""What is not about objects: health, version, discovery, OpenAPI."""

import orjson
from aiohttp import web

from gotk.apiserver import discovery, status
from gotk.apiserver.call import Plane

VERSION = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.1",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "linux/amd64",
}


class About:
    """Answers requests that name no kind."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    async def answer(self, request: web.BaseRequest, path: str) -> web.Response:
        """Answer a request. Raises Refusal (404)."""
        if path.startswith(("/healthz", "/livez", "/readyz")):
            return web.Response(text="ok")
        if path == "/version":
            return _json(VERSION)
        parts = path.strip("/").split("/")
        registry = self._plane.registry
        if parts == ["api"]:
            return _json(discovery.api_versions(registry))
        if parts == ["apis"]:
            return _json(discovery.groups(registry))
        if parts == ["api", "v1"]:
            return _json(discovery.resources("", "v1", registry))
        if len(parts) == 2 and parts[0] == "apis" and parts[1] in registry.groups():
            return _json(discovery.group(parts[1], registry))
        if len(parts) == 3 and parts[0] == "apis" and parts[1] in registry.groups():
            return _json(discovery.resources(parts[1], parts[2], registry))
        raise status.no_resource()


def _json(body: object) -> web.Response:
    return web.Response(body=orjson.dumps(body), headers={"Content-Type": "application/json"})
