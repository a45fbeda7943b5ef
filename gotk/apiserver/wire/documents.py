"""Discovery and OpenAPI as bytes with their ETags, made when asked for and kept while the kinds stay the same.

The tags are hashes of the contents, so they are the same after a restart: clients keep documents on disk by them.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from gotk.apiserver.resources.registry import Registry
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.wire import discovery, openapi

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Document:
    """A body, its hash and its content type."""

    body: bytes
    hash: str
    content_type: str = JSON

    @property
    def etag(self) -> str:
        """The hash in quotes, as the header wants it."""
        return f'"{self.hash}"'


class Documents:
    """Every document about what is served."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._generation = -1
        self._made: dict[str, Document] = {}
        self._openapi: dict[str, tuple[list[Resource], Document]] = {}

    def discovery(self, path: str, *, aggregated: bool = False) -> Document | None:
        """Return the document at `/api`, `/api/v1`, `/apis`, `/apis/G` or `/apis/G/V`; None when nothing is there."""
        build = self._builder(path.strip("/").split("/"), aggregated=aggregated)
        if build is None:
            return None
        kind = discovery.AGGREGATED if aggregated and path.strip("/") in {"api", "apis"} else JSON
        return self._keep(f"{path.strip('/')} {kind}", build, kind)

    def openapi_index(self) -> Document:
        """Return the index at `/openapi/v3`."""
        return self._keep("openapi", self._index, JSON)

    def openapi(self, path: str) -> Document | None:
        """Return the document of `api/v1` or `apis/G/V`; None when that is not served."""
        resources = self._by_path().get(path.strip("/"))
        if resources is None:
            return None
        known = self._openapi.get(path)
        if known is not None and len(known[0]) == len(resources) and all(map(_same, known[0], resources)):
            return known[1]
        made = _document(openapi.document(resources), JSON)
        self._openapi[path] = (resources, made)
        return made

    def _builder(self, parts: list[str], *, aggregated: bool) -> Callable[[], Any] | None:
        registry = self._registry
        build: Callable[[], Any] | None = None
        match parts:
            case ["api" | "apis"] if aggregated:
                build = partial(discovery.aggregated, registry, core=parts == ["api"])
            case ["api"]:
                build = partial(discovery.api_versions, registry)
            case ["apis"]:
                build = partial(discovery.groups, registry)
            case ["api", "v1"]:
                build = partial(discovery.resources, "", "v1", registry)
            case ["apis", group] if group in registry.groups():
                build = partial(discovery.group, group, registry)
            case ["apis", group, version] if version in discovery.versions(group, registry):
                build = partial(discovery.resources, group, version, registry)
        return build

    def _keep(self, key: str, build: Callable[[], Any], content_type: str) -> Document:
        if self._generation != self._registry.generation:
            self._made.clear()
            self._generation = self._registry.generation
        if key not in self._made:
            self._made[key] = _document(build(), content_type)
        return self._made[key]

    def _by_path(self) -> dict[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for resource in self._registry.all():
            path = f"apis/{resource.api_version}" if resource.group else "api/v1"
            found.setdefault(path, []).append(resource)
        return found

    def _index(self) -> dict[str, Any]:
        paths = {}
        for path in sorted(self._by_path()):
            made = self.openapi(path)
            assert made is not None
            paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={made.hash}"}
        return {"paths": paths}


def _same(left: Resource, right: Resource) -> bool:
    return left is right


def _document(content: Any, content_type: str) -> Document:
    body = orjson.dumps(content)
    return Document(body, hashlib.sha512(body).hexdigest().upper(), content_type)
