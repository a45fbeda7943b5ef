"""What this room needs from others: single objects of the cluster, and a registry to read."""

from typing import Protocol, TypeVar

from gotk.api.meta import Object
from gotk.oci.access import Access
from gotk.oci.listing import Listing
from gotk.oci.name import Repository

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type


class Registry(Protocol):
    """Any registry. Raises `gotk.oci.errors.RegistryError`."""

    async def list_tags(self, repository: Repository, access: Access) -> Listing:
        """Return every tag of a repository."""
        ...

    async def digest(self, repository: Repository, tag: str, access: Access) -> str:
        """Return the digest behind a tag."""
        ...
