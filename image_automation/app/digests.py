"""The digest of a tag, for the policies, asked of the registry with the credentials that the reflector scans with."""

from gotk.api import extensions
from gotk.api.image import ImageRepository
from gotk.cloud.registries.login import Logins
from gotk.kube.ports import Getter
from gotk.oci import errors, name
from gotk.runtime.errors import Retry, Stalled
from reflector import access
from reflector.ports import Registry


class RegistryDigests:
    """Joins the policies' need of digests with the reflector's way to a registry."""

    def __init__(self, *, objects: Getter, registry: Registry, logins: Logins | None = None) -> None:
        self._objects = objects
        self._logins = logins
        self._registry = registry

    async def digest(self, image_repository: ImageRepository, tag: str) -> str:
        """Return the digest that a tag points to. Raises Retry with the cause."""
        if extensions.HELM_CHART in image_repository.metadata.annotations:
            cause = f"ImageRepository '{image_repository.metadata.name}' lists versions of a Helm repository's index"
            raise Retry("Failed", f"{cause}, which have no digest: set spec.digestReflectionPolicy to Never")
        try:
            repository = name.parse(image_repository.spec.image)
            reach = await access.access(self._objects, image_repository, repository, self._logins)
            return await self._registry.digest(repository, tag, reach)
        except errors.RegistryError as error:
            message = f'failed fetching descriptor for "{image_repository.spec.image}:{tag}": {error}'
            raise Retry("Failed", message, after=error.retry_after or None) from error
        except access.AccessError as error:
            raise Retry("Failed", f"failed to configure authentication options: {error}") from error
        except (name.InvalidName, Stalled) as error:
            raise Retry("Failed", str(error)) from error
