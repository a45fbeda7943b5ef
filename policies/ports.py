"""What the policies need of the rest of the house: tags, digests, a namespace's labels, a check of image names."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from gotk.api.image import ImageRepository
from gotk.api.meta import Object
from gotk.runtime.reconciler import Reader

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type


class Change(Protocol):
    """What came and went in a list of tags; `serial` is the number of the list now."""

    @property
    def serial(self) -> int:
        """The number of the list now."""
        ...

    @property
    def added(self) -> Sequence[str]:
        """The tags that came."""
        ...

    @property
    def gone(self) -> Collection[str]:
        """The tags that went."""
        ...

    @property
    def since(self) -> datetime | None:
        """When all that came was first seen; None where nothing came, or some of it may count as old."""
        ...


class Generation(Protocol):
    """What tells a list of tags from another one of the same image."""

    @property
    def serial(self) -> int:
        """The number of the list, which another list of the image has another of, within this process."""
        ...

    @property
    def doubtful(self) -> bool:
        """Whether the list may lack tags that are there."""
        ...


class TagStore(Protocol):
    """The tags that the scans found, and since when. Everything raises OSError where the store cannot be read."""

    def tags(self, canonical_name: str, /) -> Sequence[str]:
        """Return the tags of an image (`index.docker.io/library/alpine`), in any order; none if it was not scanned."""
        ...

    def generation(self, canonical_name: str, /) -> Generation:
        """Return what is known of an image's list without reading it."""
        ...

    def is_current(self, image_repository: ImageRepository, objects: Reader, /) -> bool:
        """Tell whether the list is the one that the repository's status speaks of, and not an older one."""
        ...

    def changes(self, canonical_name: str, serial: int, /) -> Change | None:
        """Return what came and went since the list of a number; None where that is not known any more."""
        ...

    def young(self, canonical_name: str, since: datetime, /, *, first_scan_is_old: bool) -> Mapping[str, datetime]:
        """Return the tags first seen, or moved to another digest, after a moment, and when."""
        ...

    def moved(self, canonical_name: str, since: datetime, /) -> Mapping[str, datetime]:
        """Return the tags that moved to another digest after a moment, and when."""
        ...

    def witness(self, canonical_name: str, tag: str, digest: str, now: datetime, /) -> datetime | None:
        """Remember the digest behind a tag; return when it became this one, None where no other is known."""
        ...


class DigestResolver(Protocol):
    """The way to a registry, with the credentials of an ImageRepository."""

    async def digest(self, image_repository: ImageRepository, tag: str, /) -> str:
        """Return the digest that a tag points to, `sha256:…`.

        Raises `gotk.runtime.errors.Retry`, with the cause as message and no secret in it. Bounded in time by the
        repository's timeout.
        """
        ...


class ImageNames(Protocol):
    """The grammar of image names."""

    def __call__(self, image: str, /) -> object:
        """Read `spec.image`. Raises ValueError with the message for the user."""
        ...
