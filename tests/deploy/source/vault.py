"""Objects in memory, as a client gives them."""

from typing import Any

from gotk.api.core import Secret
from gotk.api.meta import Object, ObjectMeta
from gotk.kube.errors import NotFound


class Vault:
    """Secrets and other objects of one namespace."""

    def __init__(self) -> None:
        self.held: dict[tuple[type, str], Object] = {}

    def put(self, name: str, **data: bytes) -> None:
        """Keep a secret; `__` in a key stands for a dot."""
        metadata = ObjectMeta(name=name, namespace="apps")
        kept = {key.replace("__", "."): value for key, value in data.items()}
        self.held[Secret, name] = Secret(api_version="v1", kind="Secret", metadata=metadata, data=kept)

    def hold(self, obj: Object) -> None:
        """Keep any object."""
        self.held[type(obj), obj.metadata.name] = obj

    async def get(self, kind: type, namespace: str, name: str) -> Any:
        if namespace != "apps" or (kind, name) not in self.held:
            raise NotFound(404, "NotFound", f'{kind.__name__.lower()}s "{name}" not found')
        return self.held[kind, name]
