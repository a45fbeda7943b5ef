"""The cluster as one person reaches it, and what is raised where it would be asked for something without sense."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from gotk.api.meta import Object  # heavy: the command line loads this for its help

O = TypeVar("O", bound="Object")  # noqa: E741 - the object's type, as in the cache


class CannotBeDoneError(Exception):
    """What is asked for makes no sense with the object as it is: the message says why, and what does."""


class Cluster(Protocol):
    """Whatever goes through it is a request of the person. Everything raises APIError."""

    async def create_object(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object, or have a question answered."""
        ...

    async def get(self, kind: type[O], namespace: str, name: str) -> O:
        """Return one object."""
        ...

    async def list(self, kind: type[O], namespace: str | None = None) -> Sequence[O]:
        """Return the objects of a namespace, or of all."""
        ...

    async def merge_patch(self, kind: type[O], namespace: str, name: str, patch: Mapping[str, Any]) -> O:
        """Merge fields into an object, and return what it became."""
        ...
