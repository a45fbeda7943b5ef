"""What nearly every room asks of a cluster: one object, by kind and name.

The one port that is declared for all consumers; a port that asks for more extends it, where it is needed.
"""

from typing import Protocol, TypeVar

from gotk.api.meta import Object

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as in the client


class Getter(Protocol):
    """Reads one object of a known kind."""

    async def get(self, kind: type[O], namespace: str, name: str) -> O:
        """Return an object. Raises the errors of `gotk.kube.errors`."""
        ...
