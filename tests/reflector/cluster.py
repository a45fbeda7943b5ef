"""Objects in memory: a cluster to read secrets from, and the cache of what is watched."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

from gotk.api.core import Secret, ServiceAccount
from gotk.api.image import ImageRepository, ImageRepositorySpec
from gotk.api.meta import LocalObjectReference, Object, ObjectMeta
from gotk.duration import Duration
from gotk.kube import errors

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type


class Cluster:
    """Objects by kind, namespace and name."""

    def __init__(self, *objects: Object) -> None:
        self.objects = {(type(o), o.metadata.namespace, o.metadata.name): o for o in objects}

    async def get(self, kind: type[O], namespace: str, name: str) -> O:
        found: Any = self.objects.get((kind, namespace, name))
        if found is None:
            raise errors.NotFound(404, "NotFound", f'{kind.__name__} "{name}" not found')
        return found


class Cache:
    """The same for the watched kinds, as the `Reader` that reconcilers get."""

    def __init__(self, *objects: Object) -> None:
        self.objects = objects

    def get(self, kind: type[O], namespace: str, name: str) -> O | None:
        found = (o for o in self.list(kind, namespace) if o.metadata.name == name)
        return next(found, None)

    def list(self, kind: type[O], namespace: str | None = None) -> Sequence[O]:
        return [o for o in self.objects if isinstance(o, kind) and namespace in {None, o.metadata.namespace}]


def repository(image: str, *, name: str = "app", interval: str = "5m", **spec: Any) -> ImageRepository:
    return ImageRepository(
        api_version="image.toolkit.fluxcd.io/v1",
        kind="ImageRepository",
        metadata=ObjectMeta(name=name, namespace="team", uid=f"uid-{name}", generation=1),
        spec=ImageRepositorySpec(image=image, interval=Duration.parse(interval), **spec),
    )


def secret(name: str, type_: str = "Opaque", **data: bytes) -> Secret:
    return Secret(
        api_version="v1",
        kind="Secret",
        metadata=ObjectMeta(name=name, namespace="team"),
        type=type_,
        data={key.replace("_", "."): value for key, value in data.items()},
    )


def pull_secret(name: str, registry: str, username: str, password: str) -> Secret:
    config = json.dumps({"auths": {registry: {"username": username, "password": password}}}).encode()
    return secret(name, "kubernetes.io/dockerconfigjson", _dockerconfigjson=config)


def account(name: str, *secrets: str) -> ServiceAccount:
    return ServiceAccount(
        api_version="v1",
        kind="ServiceAccount",
        metadata=ObjectMeta(name=name, namespace="team"),
        image_pull_secrets=tuple(LocalObjectReference(name=s) for s in secrets),
    )


def ref(name: str) -> LocalObjectReference:
    return LocalObjectReference(name=name)
