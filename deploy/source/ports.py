"""What the sources need from elsewhere."""

from typing import Protocol, TypeVar

from gotk.api.meta import Object

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as everywhere


class Secrets(Protocol):
    """Where secrets are read, live; `gotk.kube.client.Client` is one."""

    async def get(self, kind: type[O], namespace: str, name: str) -> O:
        """Return the object. Raises the errors of `gotk.kube.errors`."""
        ...
