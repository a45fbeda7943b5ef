"""What this room needs of the cluster in which the HelmReleases themselves are."""

from collections.abc import Mapping
from typing import Any, Protocol

from gotk.kube.ports import Getter


class Objects(Getter, Protocol):
    """Reads objects, and writes the HelmCharts of releases. Every method raises an error of `gotk.kube.errors`."""

    async def apply_object(
        self, obj: Mapping[str, Any], *, field_manager: str, force: bool = True, dry_run: bool = False
    ) -> dict[str, Any]:
        """Apply server-side and return what came of it."""
        ...

    async def delete_object(
        self, api_version: str, kind: str, namespace: str, name: str, *, propagation: str = "Background", uid: str = ""
    ) -> None:
        """Delete an object."""
        ...
