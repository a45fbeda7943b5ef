"""Annotations that say more than they did: written onto what was read, and decided anew where others were quicker."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from gotk.kube import errors
from image_automation.steering.cluster import Cluster

if TYPE_CHECKING:
    from gotk.api.meta import Object

O = TypeVar("O", bound="Object")  # noqa: E741 - the object's type, as in the cache
_TRIES: Final = 5


async def annotate(
    cluster: Cluster, kind: type[O], namespace: str, name: str, wanted: Callable[[O], Mapping[str, str]]
) -> None:
    """Write what is wanted in view of an object, unless that is nothing. Raises APIError, and what `wanted` raises."""
    for attempt in range(1, _TRIES + 1):
        obj = await cluster.get(kind, namespace, name)
        annotations = wanted(obj)
        if not annotations:
            return
        patch = {"metadata": {"annotations": annotations, "resourceVersion": obj.metadata.resource_version}}
        try:
            await cluster.merge_patch(kind, namespace, name, patch)
        except errors.Conflict:
            if attempt == _TRIES:
                raise
        else:
            return
