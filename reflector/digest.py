"""The digest behind a tag, asked with an ImageRepository's own credentials.

What policies with `digestReflectionPolicy` need of this room; they hold the port, wiring joins the two.
"""

from gotk.api.image import ImageRepository
from gotk.oci import errors, name
from gotk.runtime import conditions
from gotk.runtime.errors import Retry
from reflector import access
from reflector.ports import Objects, Registry


class DigestResolver:
    """Resolves tags of ImageRepositories."""

    def __init__(self, *, objects: Objects, registry: Registry) -> None:
        self._objects = objects
        self._registry = registry

    async def digest(self, image_repository: ImageRepository, tag: str) -> str:
        """Return the digest that a tag points to, `sha256:...`. Raises Retry, within the repository's timeout."""
        try:
            image = name.parse(image_repository.spec.image)
            reach = await access.access(self._objects, image_repository, image)
            return await self._registry.digest(image, tag, reach)
        except errors.RegistryError as error:
            raise Retry(conditions.FAILED, str(error), after=error.retry_after) from error
        except (access.AccessError, name.InvalidName) as error:
            raise Retry(conditions.FAILED, str(error)) from error
