"""The versions of a chart in a Helm repository's index, in the place of a registry's tags.

Beyond Flux: an ImageRepository with the annotation `helm-chart` is scanned that way. A registry is a public truth, a
HelmRepository is its namespace's own; therefore what is found is kept under a name that says whose it is, and that no
image has, and never under that of `spec.image`.
"""

import re
from dataclasses import dataclass

import msgspec

from gotk.api import extensions
from gotk.api.image import ImageRepository
from gotk.oci import errors
from gotk.oci.access import Access
from gotk.oci.listing import Listing, Page
from gotk.oci.name import Repository
from reflector.ports import ChartIndexes

_REPOSITORY = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_CHART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,249}", re.ASCII)
#: What a version may hold: what a tag may, and build metadata.
_VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}", re.ASCII)
#: No canonical name of an image begins so: a registry's has a dot or a port, or is `localhost`.
_HOST = "HelmRepository"
_MOST_VERSIONS = 1_000_000


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of a HelmRepository of a namespace."""

    namespace: str
    repository: str
    name: str

    @property
    def key(self) -> Repository:
        """Return the name that its versions are kept under."""
        return Repository(_HOST, f"{self.namespace}/{self.repository}/{self.name}")

    def __str__(self) -> str:
        return f"chart '{self.name}' of HelmRepository {self.namespace}/{self.repository}"


def wanted(obj: ImageRepository) -> Chart | None:
    """Return the chart whose versions are asked for, or None. Raises ValueError."""
    text = obj.metadata.annotations.get(extensions.HELM_CHART)
    if text is None:
        return None
    repository, _, chart = text.partition("/")
    if not (_REPOSITORY.fullmatch(repository) and _CHART.fullmatch(chart)):
        example = "such as 'podinfo/podinfo', the name of a HelmRepository of this namespace and that of its chart"
        raise ValueError(f"annotation {extensions.HELM_CHART}: '{text[:64]}' is not REPOSITORY/CHART, {example}")
    return Chart(obj.metadata.namespace, repository, chart)


class ChartVersions:
    """A chart's versions, as the scan reads a registry."""

    def __init__(self, indexes: ChartIndexes, chart: Chart) -> None:
        self._indexes = indexes
        self._chart = chart

    async def list_tags(self, repository: Repository, access: Access) -> Listing:  # noqa: ARG002 - the registry's port
        """Return every version. Raises RegistryError."""
        chart = self._chart
        found = await self._indexes.versions(chart.namespace, chart.repository, chart.name, timeout=access.timeout)
        body = msgspec.json.encode({"tags": found})
        return Listing([Page(body)], what=chart, limit=_MOST_VERSIONS, accepts=_VERSION.fullmatch)

    async def digest(self, repository: Repository, tag: str, access: Access) -> str:  # noqa: ARG002 - the registry's port
        """Refuse: a version of an index is no image. Raises NotFound."""
        raise errors.NotFound(f"version {tag} of {self._chart} has no digest in a registry")
