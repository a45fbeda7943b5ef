"""The namespace that a release is installed into, where it is to be made first."""

from deploy.helm.actions.plan import FIELD_MANAGER, ActionError, Means
from gotk.kube.errors import AlreadyExists, APIError, NotFound


async def create(name: str, means: Means) -> None:
    """Create a namespace, with the label that helm gives it, unless it is there. Raises ActionError."""
    try:
        await means.cluster.get_object("v1", "Namespace", "", name)
    except NotFound:
        await _create(name, means)
    except APIError as error:
        raise ActionError(f"failed to look for namespace {name}: {error.message}", stored=False) from error


async def _create(name: str, means: Means) -> None:
    obj = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"name": name}}}
    try:
        await means.cluster.create_object(obj, field_manager=FIELD_MANAGER)
    except AlreadyExists:
        return
    except APIError as error:
        raise ActionError(f"failed to create namespace {name}: {error.message}", stored=False) from error
