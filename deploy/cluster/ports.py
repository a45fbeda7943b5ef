"""What this room needs from a cluster, and who says which cluster. `gotk.kube.client.Client` fits the first."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

from gotk.api.meta import KubeConfigReference, ObjectMeta
from gotk.kube.ports import Getter
from gotk.kube.transport import Answer


class Target(Protocol):
    """The fields of a spec that say where its manifests go, and as whom."""

    @property
    def service_account_name(self) -> str:
        """The account of the object's own namespace that acts; empty for the default one."""
        ...

    @property
    def kube_config(self) -> KubeConfigReference | None:
        """How another cluster is reached."""
        ...


class Targeted(Protocol):
    """An object whose manifests go to a cluster."""

    @property
    def kind(self) -> str:
        """Its kind."""
        ...

    @property
    def metadata(self) -> ObjectMeta:
        """Its name and namespace."""
        ...

    @property
    def spec(self) -> Target:
        """What it wants."""
        ...


class ClusterError(Exception):
    """The cluster that an object names cannot be reached as it says. The message is for people."""


class ClusterMissing(ClusterError):
    """The Secret or ConfigMap that leads to the cluster is not there."""


class Clusters(Protocol):
    """Chooses the cluster that an object's manifests go to, and as whom."""

    def of(self, obj: Targeted) -> AbstractAsyncContextManager["Cluster"]:
        """Give the cluster for a while; the same one for the same target, since what is known of it hangs on it.

        Raises ClusterError.
        """
        ...

    async def has_account(self, obj: Targeted) -> bool:
        """Tell whether the account that acts for an object is (still) there. Raises ClusterError."""
        ...

    def forget(self, obj: Targeted) -> None:
        """An object is gone: drop what is counted of it."""
        ...


class Cluster(Getter, Protocol):
    """A cluster's API: objects in and out. Every method raises an error of `gotk.kube.errors`."""

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Return an object of any kind, as plain JSON."""
        ...

    async def create_object(self, obj: Mapping[str, Any], *, field_manager: str = "") -> dict[str, Any]:
        """Create an object and return it."""
        ...

    async def list_objects(
        self, api_version: str, kind: str, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> list[dict[str, Any]]:
        """Return the objects of a kind in a namespace that match selectors."""
        ...

    async def versions(self, api_version: str, kind: str, namespace: str) -> Mapping[str, str]:
        """Return the resource version of each object of a kind in a namespace, by name."""
        ...

    def raw(self, path: str, query: Mapping[str, str], *, accept: str) -> AbstractAsyncContextManager[Answer]:
        """Ask for what an encoded path holds, and give the answer as it comes, whatever it is."""
        ...

    async def apply_object(
        self,
        obj: Mapping[str, Any],
        *,
        field_manager: str,
        force: bool = True,
        dry_run: bool = False,
        strict: bool = False,
    ) -> dict[str, Any]:
        """Apply server-side and return what came of it; with `strict` a field that a kind does not have is refused."""
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


class Impersonating(Cluster, Protocol):
    """A cluster at which we may act for others."""

    def acting_as(self, user: str) -> Cluster:
        """Return the cluster as a user sees it."""
        ...
