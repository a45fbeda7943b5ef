"""HelmReleases and what they refer to, made for tests, and a reader of objects that are kept in memory."""

from collections.abc import Iterable
from typing import Any, TypeVar

from gotk.api import scheme
from gotk.api.core import ConfigMap, Secret
from gotk.api.helm import HelmRelease
from gotk.api.meta import Object, ObjectMeta
from gotk.kube.errors import APIError, NotFound

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as in the port

SOURCE = {"spec": {"chart": "web", "sourceRef": {"kind": "HelmRepository", "name": "charts"}}}


def helm_release(spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **meta: Any) -> HelmRelease:
    """Make a HelmRelease `apps/web` as the API would send it."""
    body = {
        "apiVersion": "helm.toolkit.fluxcd.io/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "web", "namespace": "apps", "generation": 1} | meta,
        "spec": {"interval": "10m", "chart": SOURCE} | (spec or {}),
        "status": status or {},
    }
    return scheme.convert(body, HelmRelease)


def config_map(name: str = "values", **data: str) -> ConfigMap:
    metadata = ObjectMeta(name=name, namespace="apps")
    return ConfigMap(api_version="v1", kind="ConfigMap", metadata=metadata, data=data)


def secret(name: str = "values", **data: str) -> Secret:
    metadata = ObjectMeta(name=name, namespace="apps")
    encoded = {key: value.encode() for key, value in data.items()}
    return Secret(api_version="v1", kind="Secret", metadata=metadata, data=encoded)


class Objects:
    """Reads the objects that it was made with; what it is told to `refuse` it may not read."""

    def __init__(self, objects: Iterable[Object] = (), *, refuse: Iterable[str] = ()) -> None:
        self._objects = {(type(each), each.metadata.namespace, each.metadata.name): each for each in objects}
        self._refused = frozenset(refuse)

    async def get(self, kind: type[O], namespace: str, name: str) -> O:
        if name in self._refused:
            raise APIError(403, "Forbidden", f'{kind.__name__} "{name}" is forbidden')
        found = self._objects.get((kind, namespace, name))
        if found is None:
            raise NotFound(404, "NotFound", f'{kind.__name__} "{name}" not found')
        return found  # type: ignore[return-value]
