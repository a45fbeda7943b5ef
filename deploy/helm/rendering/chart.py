"""A chart as it came, made ready to be rendered: read within limits, its version made one of what it was fetched as.

Answers to `mutateChartWithSourceRevision` of helm-controller: an artifact of a registry may change under its tag, so a
chart of one carries the beginning of the artifact's digest in its version, and what changed is a new version.

Only the real helm knows which of the charts that a chart brings along stay in it under the values that are given. So
that it can be asked for definitions alone, there is a second package of a chart that has any, with nothing else in it.
"""

import dataclasses
import gzip
import io
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.helm.rendering import handed
from deploy.source.charts import archive, text
from deploy.source.charts.archive import CHART, ChartError
from deploy.source.charts.metadata import Metadata
from gotk.semver import Version

_SHORT = 12
_DEEPEST = 10
_LARGEST_WHOLE = 100 << 20
_BROUGHT = r"(?:charts/[^/]+/)*"
_OF_DEFINITIONS = re.compile(rf"{_BROUGHT}(?:Chart\.(?:yaml|lock)|requirements\.(?:yaml|lock)|values\.yaml|crds/.+)")
_DEFINITION = re.compile(rf"{_BROUGHT}crds/.+\.(?:ya?ml|json)", re.IGNORECASE)
_PACKAGED = re.compile(rf"{_BROUGHT}charts/[^/_.][^/]*\.tgz")


class VersionError(ValueError):
    """The artifact is another one than its chart says. The message is helm-controller's."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A packaged chart, what it says of itself, and the digest that its version was made with, if any.

    `definitions` is the chart with nothing but its definitions, empty where there are none.
    """

    data: bytes = field(repr=False)
    metadata: Metadata
    digest: str = ""
    definitions: bytes = field(default=b"", repr=False)


def has_digest(kind: str, revision: str) -> bool:
    """Tell whether the revision of a source of this kind is to become a part of its chart's version."""
    return kind == "OCIRepository" or (kind == "ExternalArtifact" and ":" in revision)


def load(data: bytes, *, revision: str = "", tracked: bool = True) -> Chart:
    """Read a packaged chart; a `revision` with a digest becomes a part of its version, if it is `tracked` that way.

    Works hard over a large chart. Raises ChartError and VersionError.
    """
    found = archive.read(data)
    version, digest = versioned(found.metadata.version, revision) if revision else (found.metadata.version, "")
    files, metadata = found.files, found.metadata
    if tracked and version != metadata.version:
        files = {**files, CHART: _described(files[CHART], version=version)}
        metadata = archive.read_metadata(files)
        data = packaged(files, metadata.name)
    return Chart(data, metadata, digest, _definitions(files, metadata.name))


def versioned(version: str, revision: str) -> tuple[str, str]:
    """Return a chart's version with the beginning of its artifact's digest, and the digest. Raises VersionError."""
    own = _version(version)
    if own is None:
        raise VersionError(f"invalid chart version {version}")
    tag, *digests = revision.split("@")
    # What is a plus sign in a version is none in a tag.
    tagged = _version(tag.replace("_", "+") if digests else tag)
    if tagged is not None and (len(digests) != 1 or tagged.key != own.key):
        raise VersionError(f"artifact revision {tag} does not match chart version {version}")
    digest = digests[0] if tagged is not None else revision
    _, *hashes = digest.split(":")
    if len(hashes) != 1 or not re.match(rf"[0-9A-Za-z-]{{{_SHORT}}}", hashes[0]):
        raise VersionError(f"invalid artifact revision {digest}")
    return str(dataclasses.replace(own, metadata=hashes[0][:_SHORT])), digest


def packaged(files: Mapping[str, bytes], name: str) -> bytes:
    """Package the files of a chart, the same ones always to the same bytes."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as unpacked,
        tarfile.open(fileobj=unpacked, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path, content in files.items():
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def _version(given: str) -> Version | None:
    try:
        return Version.parse(given)
    except ValueError:
        return None


def _described(content: bytes, **changes: Any) -> bytes:
    """Return Chart.yaml anew, as JSON; None takes a field away."""
    described = {**text.read(content, strict=False), **changes}
    try:
        return handed.document({key: value for key, value in described.items() if value is not None})
    except handed.Unwritable as error:
        raise ChartError(f"cannot load '{CHART}': {error}") from None


def _definitions(files: Mapping[str, bytes], name: str) -> bytes:
    """Package the definitions among files, with what helm has to know to choose from them."""
    left = [_LARGEST_WHOLE]
    kept, found = _without_templates(files, left, _DEEPEST)
    if not found:
        return b""
    # The cluster's version is asked for where the chart is rendered.
    return packaged({**kept, CHART: _described(files[CHART], kubeVersion=None)}, name)


def _without_templates(files: Mapping[str, bytes], left: list[int], levels: int) -> tuple[dict[str, bytes], bool]:
    """Return the files that matter for definitions, and whether there are any; `left` counts what may unfold yet."""
    kept = {path: content for path, content in files.items() if _OF_DEFINITIONS.fullmatch(path)}
    found = any(_DEFINITION.fullmatch(path) for path in kept)
    for path, content in files.items():
        if _PACKAGED.fullmatch(path):
            inner = _unpacked(path, content, left, levels)
            brought, some = _without_templates(inner.files, left, levels - 1)
            kept[path] = packaged(brought, inner.metadata.name)
            found = found or some
    return kept, found


def _unpacked(path: str, content: bytes, left: list[int], levels: int) -> archive.Chart:
    """Read a chart that lies packaged in another one. Raises ChartError."""
    if levels <= 0:
        raise ChartError(f"'{path}': charts lie in charts more than {_DEEPEST} deep")
    try:
        inner = archive.read(content)
    except ChartError as error:
        raise ChartError(f"'{path}': {error}") from None
    left[0] -= sum(map(len, inner.files.values()))
    if left[0] < 0:
        raise ChartError(f"the charts that the chart brings along unfold to more than {_LARGEST_WHOLE} bytes")
    return inner
