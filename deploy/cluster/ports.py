"""What this room needs from a cluster, and who says which cluster. `gotk.kube.client.Client` fits the first."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

from gotk.api.meta import Object
from gotk.kube.ports import Getter

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as in the runtime's contract


class Clusters(Protocol):
    """Chooses the cluster that an object's manifests go to, and as whom."""

    def of(self, obj: Object) -> "Cluster":
        """Return the cluster; the same one for the same target, since what is known of it hangs on it."""
        ...


class Cluster(Getter, Protocol):
    """A cluster's API: objects in and out. Every method raises an error of `gotk.kube.errors`."""

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Return an object of any kind, as plain JSON."""
        ...

    async def apply_object(
        self, obj: Mapping[str, Any], *, field_manager: str, force: bool = True, dry_run: bool = False
    ) -> dict[str, Any]:
        """Apply server-side and return what came of it."""
        ...

    async def patch_object(
        self,
        api_version: str,
        kind: str,
        namespace: str,
        name: str,
        patch: Mapping[str, Any] | Sequence[Any],
        *,
        type: Literal["merge", "json", "strategic"] = "merge",  # noqa: A002 - the client's name, kubectl's own
        subresource: str = "",
        field_manager: str = "",
    ) -> dict[str, Any]:
        """Patch an object and return it."""
        ...

    async def delete_object(
        self, api_version: str, kind: str, namespace: str, name: str, *, propagation: str = "Background", uid: str = ""
    ) -> None:
        """Delete an object."""
        ...

    async def is_namespaced(self, api_version: str, kind: str) -> bool:
        """Tell whether objects of the kind live in namespaces. Raises NoMatch where the kind is not served."""
        ...
