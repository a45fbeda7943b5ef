"""Objects in memory, as reconcilers want them: a Reader of what is watched, and single objects by name.

Stands for the cluster in one pass. Registry credentials that the manifests do not hold are filled in from a docker
configuration, as a secret that each ImageRepository without one of its own refers to.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from gotk.api import core
from gotk.api.image import ImageRepository
from gotk.api.meta import LocalObjectReference, Object, ObjectMeta
from gotk.kube import errors
from gotk.oci import keychain
from gotk.oci import name as names

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type

_FILLED_IN = "docker-config-of-this-machine"


class World:
    """The objects of one pass."""

    def __init__(self, objects: Iterable[Object]) -> None:
        self._objects: dict[tuple[type[Object], str, str], Object] = {}
        for obj in objects:
            self.put(obj)

    def put(self, obj: Object) -> None:
        """Add an object, or replace it."""
        self._objects[type(obj), obj.metadata.namespace, obj.metadata.name] = obj

    def find(self, kind: type[O], namespace: str, name: str) -> O | None:
        """Return an object, or None where there is none."""
        found = self._objects.get((kind, namespace, name))
        return found if isinstance(found, kind) else None

    def list(self, kind: type[O], namespace: str | None = None) -> Sequence[O]:
        """Return the objects of a kind, by name."""
        of_kind = (obj for obj in self._objects.values() if isinstance(obj, kind))
        found = (obj for obj in of_kind if namespace in {None, obj.metadata.namespace})
        return sorted(found, key=lambda obj: (obj.metadata.namespace, obj.metadata.name))

    def use_docker_config(self, content: bytes) -> None:
        """Give these credentials to every ImageRepository whose own are not among the objects.

        One that would log in with an identity of a cloud does so unless there are credentials of its registry here.
        Raises gotk.oci.keychain.InvalidConfig.
        """
        known = keychain.read([(keychain.DOCKER_CONFIG_JSON, content)])
        for repository in self.list(ImageRepository):
            namespace, spec = repository.metadata.namespace, repository.spec
            if spec.secret_ref is not None and self.find(core.Secret, namespace, spec.secret_ref.name):
                continue
            if spec.provider != "generic" and not known.resolve(_canonical(spec.image)):
                continue
            account = spec.service_account_name
            if account and self.find(core.ServiceAccount, namespace, account) is None:
                account = ""
            reference = spec.secret_ref or LocalObjectReference(name=_FILLED_IN)
            self.put(_secret(namespace, reference.name, content))
            spec = msgspec.structs.replace(spec, provider="generic", secret_ref=reference, service_account_name=account)
            self.put(msgspec.structs.replace(repository, spec=spec))


class Reading:
    """The world as the watch cache shows it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, kind: type[O], namespace: str, name: str) -> O | None:
        """Return an object, or None."""
        return self._world.find(kind, namespace, name)

    def list(self, kind: type[O], namespace: str | None = None) -> Sequence[O]:
        """Return the objects of a namespace, or all of them."""
        return self._world.list(kind, namespace)


class Asking:
    """The world as the API serves it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def get(self, kind: type[O], namespace: str, name: str) -> O:
        """Return an object. Raises NotFound."""
        found = self._world.find(kind, namespace, name)
        if found is None:
            raise errors.NotFound(404, "NotFound", f'{kind.__name__} "{name}" is not among the manifests')
        return found

    async def list(self, kind: type[O], namespace: str) -> Sequence[O]:
        """Return the objects of a namespace."""
        return self._world.list(kind, namespace)

    async def create_subresource(
        self, kind: type[Object], namespace: str, name: str, subresource: str, obj: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Refuse: only a cluster gives out tokens for its service accounts."""
        del obj
        raise errors.NotFound(
            404, "NotFound", f"no cluster makes a {subresource} of {kind.__name__} {namespace}/{name}"
        )


def _canonical(image: str) -> str:
    try:
        return str(names.parse(image))
    except names.InvalidName:
        return ""  # the reconciler says so in its own words


def _secret(namespace: str, name: str, content: bytes) -> core.Secret:
    return core.Secret(
        api_version="v1",
        kind="Secret",
        metadata=ObjectMeta(name=name, namespace=namespace),
        type=keychain.DOCKER_CONFIG_JSON,
        data={".dockerconfigjson": content},
    )
