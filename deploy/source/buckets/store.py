"""What a bucket's store is to those who fetch from it, whichever API it speaks, and how it fails them."""

from typing import Protocol

from gotk.http.transport import Sink


class StoreError(Exception):
    """The store did not give what it was asked for. Addresses in the message have no query."""


class Missing(StoreError):
    """There is no such bucket or object."""


class Store(Protocol):
    """One bucket. Every method raises StoreError, and Missing where something is not there."""

    async def exists(self) -> bool:
        """Tell whether the bucket is there."""
        ...

    async def tags(self, prefix: str) -> dict[str, str]:
        """Return the keys below a prefix, and the tag of each. Raises ListingError as well."""
        ...

    async def fetch(self, key: str, sink: Sink, *, limit: int) -> str:
        """Pass an object of `limit` bytes at most to a sink, and return its tag."""
        ...
