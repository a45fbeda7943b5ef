"""What the actions need of the place where releases are kept. `deploy.helm.storage.Storage` fits."""

from collections.abc import Sequence
from typing import Protocol

from deploy.helm.release import Release


class StorageError(Exception):
    """A revision cannot be kept or read. The message names its Secret and says why."""


class Storage(Protocol):
    """The releases of one namespace, as helm keeps them.

    Every method raises StorageError, or an error of `gotk.kube.errors` where the cluster refuses.
    """

    async def history(self, name: str) -> Sequence[Release]:
        """Return every stored revision of a release, the newest last."""
        ...

    async def last(self, name: str) -> Release | None:
        """Return the newest revision, None where there is none."""
        ...

    async def create(self, release: Release) -> None:
        """Store a new revision. Raises AlreadyExists where somebody was faster."""
        ...

    async def update(self, release: Release) -> None:
        """Store a revision again, with what has become of it."""
        ...

    async def delete(self, release: Release) -> None:
        """Forget a revision; one that is not there is forgotten already."""
        ...

    async def trim(self, name: str, max_history: int) -> None:
        """Make room for one more revision among at most so many; the last deployed one stays, and 0 is no limit."""
        ...
