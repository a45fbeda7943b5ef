"""What this room needs from others: single objects of the cluster, a registry to read, and indexes of charts."""

from collections.abc import Sequence
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


class ChartIndexes(Protocol):
    """The indexes of HelmRepositories. Raises `gotk.oci.errors.RegistryError`."""

    async def versions(self, namespace: str, repository: str, chart: str, *, timeout: float) -> Sequence[str]:
        """Return every version of a chart, within so many seconds."""
        ...
