"""The steps of a chart's build on disk: laid out, its values merged, its neighbours copied in. All blocks.

Answers to the parts of `localChartBuilder` and `DependencyManager` of source-controller that need no network.
"""

from pathlib import Path
from urllib.parse import urlsplit

from deploy.source.charts import archive, tree, values
from deploy.source.charts.archive import VALUES, ChartError
from deploy.source.charts.build import BuildError, Reason, Wanted
from deploy.source.charts.metadata import Dependency, Metadata
from deploy.source.charts.values import ValuesError
from gotk.semver import Range, Version


def plain(error: Exception, what: str) -> str:
    """Describe an error without the paths of this machine."""
    return f"{what}: {error.strerror}" if isinstance(error, OSError) else str(error)


def lay_out(place: Path, target: Path) -> None:
    """Copy a chart to where it is changed, unpacked. Raises ChartError and OSError."""
    if place.is_dir():
        tree.copy(place, target)
    else:
        tree.write(archive.read(place.read_bytes()), target)


def merge_own(chart: archive.Chart, place: Path, wanted: Wanted) -> tuple[str, ...]:
    """Merge files of the chart itself into its values, and return which. Raises BuildError."""

    def find(path: str) -> bytes | None:
        name = path.removeprefix("./").lstrip("/")
        return None if name.startswith(("templates/", "charts/")) else chart.files.get(name)

    try:
        merged = values.merge(wanted.values_files, find, lenient=wanted.lenient)
    except ValuesError as error:
        raise BuildError(Reason.VALUES, f"failed to merge chart values: {error}") from error
    return _overwrite(place, merged)


def merge_files(root: Path, target: Path, wanted: Wanted) -> tuple[str, ...]:
    """Merge files of the source into the chart's values, and return which. Raises BuildError."""
    if not wanted.merged:
        return ()

    def find(path: str) -> bytes | None:
        file = tree.locate(root, path)
        if not file.is_file():
            return None
        if file.stat().st_size > archive.LARGEST_FILE:
            raise ValuesError(f"size of '{path}' exceeds '{archive.LARGEST_FILE}' bytes limit")
        return file.read_bytes()

    try:
        return _overwrite(target, values.merge(wanted.values_files, find, lenient=wanted.lenient))
    except ValuesError as error:
        raise BuildError(Reason.VALUES, error) from error


def _overwrite(chart: Path, merged: values.Merged) -> tuple[str, ...]:
    """Write the new values; returns the files they are from, none where they were these already."""
    file = chart / VALUES
    if not file.is_file():
        raise BuildError(Reason.VALUES, f"failed to locate values file: {VALUES}")
    if file.read_bytes() == merged.content:
        return ()
    file.write_bytes(merged.content)
    return merged.files


def add_dependency(root: Path, place: Path, target: Path, wanted: Dependency) -> None:
    """Copy a chart of the same source into another's folder. Raises BuildError."""
    try:
        _copy(root, place, target, wanted)
    except (ChartError, OSError) as error:
        about = f"failed to add local dependency '{wanted.key}'"
        raise BuildError(Reason.DEPENDENCIES, f"{about}: {plain(error, wanted.name)}") from error


def _copy(root: Path, place: Path, target: Path, wanted: Dependency) -> None:
    parts = urlsplit(wanted.repository)
    relative = f"{parts.netloc}{parts.path}" if wanted.repository else f"charts/{wanted.name}"
    source = tree.locate(root, f"{place.relative_to(root)}/{relative}")
    if not source.exists():
        raise ChartError(f"no chart found at '/{source.relative_to(root)}' (reference '{wanted.repository}')")
    try:
        allowed = Range.parse(wanted.version)
    except ValueError as error:
        raise ChartError(f"invalid version/constraint format '{wanted.version}': {error}") from None
    found = tree.read_metadata(source)
    if not allowed.contains(Version.parse(found.version)):
        raise ChartError(f"can't get a valid version for constraint '{wanted.version}'")
    if place.is_relative_to(source):
        raise ChartError("a chart cannot be its own dependency")
    charts = target / "charts"
    if source.is_dir():
        _copy_once(source, charts, found)
    else:
        tree.add(charts, found, source.read_bytes())


def _copy_once(source: Path, charts: Path, found: Metadata) -> None:
    """Copy a chart among those that a chart brings along; one that goes by several aliases lies there once."""
    for folder in (charts / found.name, charts / f"{found.name}-{found.version}"):
        if not folder.exists():
            tree.copy(source, folder)
            return
        if tree.read_metadata(folder).version == found.version:
            return
