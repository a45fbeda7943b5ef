"""What the policies need of the rest of the house: tags, digests, a namespace's labels, a check of image names."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from gotk.api.image import ImageRepository
from gotk.api.meta import Object

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type


class TagStore(Protocol):
    """The tags that the scans found."""

    def tags(self, canonical_name: str, /) -> Sequence[str]:
        """Return the tags of an image (`index.docker.io/library/alpine`), in any order; none where it was not scanned.

        Raises OSError where the store cannot be read.
        """
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


class ObjectGetter(Protocol):
    """The cluster, for objects that are not watched."""

    async def get(self, kind: type[O], namespace: str, name: str) -> O:
        """Return an object. Raises the errors of `gotk.kube.errors`."""
        ...
