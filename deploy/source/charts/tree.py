"""Charts on disk, while they are built: found in a source, copied within it, their dependencies counted. All blocks.

Answers to the loaders and the dependency manager of source-controller. A source that was unpacked holds regular files
and directories only, and no name that a chart gives leads out of it.
"""

import posixpath
import shutil
from pathlib import Path

from deploy.source.charts import archive, fields, metadata, text
from deploy.source.charts.archive import CHART, LARGEST_FILE, LOCK, REQUIREMENTS, Chart, ChartError
from deploy.source.charts.metadata import Dependency, Metadata

_LARGEST_WHOLE = 100 << 20
_MOST_FILES = 20_000
_MOST_DEPENDENCIES = 100


def locate(root: Path, path: str) -> Path:
    """Return the place in a source that a path means; `..` never leaves it."""
    inside = posixpath.normpath("/" + path.replace("\0", "")).lstrip("/")
    return root / inside if inside else root


def read_metadata(place: Path) -> Metadata:
    """Read what a chart says of itself, packaged or not. Raises ChartError and OSError."""
    if not place.is_dir():
        return archive.read(place.read_bytes()).metadata
    files = {}
    for name in (CHART, REQUIREMENTS):
        file = place / name
        if file.is_file():
            if file.stat().st_size > LARGEST_FILE:
                raise ChartError(f"size of '{name}' exceeds '{LARGEST_FILE}' bytes limit")
            files[name] = file.read_bytes()
    if CHART not in files:
        raise ChartError(f"stat {CHART}: no such file or directory")
    return archive.read_metadata(files)


def write(chart: Chart, target: Path) -> None:
    """Lay a packaged chart's files out. Raises ChartError and OSError."""
    for name, content in chart.files.items():
        file = target / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        except (NotADirectoryError, FileExistsError, IsADirectoryError):
            raise ChartError(f"'{name[:200]}' is a file and a directory at once") from None


def copy(source: Path, target: Path) -> None:
    """Copy a chart's folder. Raises ChartError for one that is too large, and OSError."""
    left, files = _LARGEST_WHOLE, 0
    for file in source.rglob("*"):
        if file.is_symlink():
            raise ChartError(f"'{file.relative_to(source)}' is a link")
        if file.is_file():
            left, files = left - file.stat().st_size, files + 1
        if left < 0 or files > _MOST_FILES:
            raise ChartError(f"chart has more than {_LARGEST_WHOLE} bytes or {_MOST_FILES} files")
    shutil.copytree(source, target)


def add(charts: Path, found: Metadata, data: bytes) -> None:
    """Put a packaged chart among those that a chart brings along. Raises OSError."""
    charts.mkdir(exist_ok=True)
    (charts / f"{found.name}-{found.version}.tgz").write_bytes(data)


def missing(chart: Path, own: Metadata) -> list[Dependency]:
    """Return the dependencies that are not in a chart's folder; what the lock says counts. Raises ChartError."""
    wanted = _locked(chart) if (chart / LOCK).is_file() else own.dependencies
    if len(wanted) > _MOST_DEPENDENCIES:
        raise ChartError(f"chart has {len(wanted)} dependencies, more than {_MOST_DEPENDENCIES}")
    present = _present(chart / "charts")
    if len(present) == len(wanted):
        return []
    return [each for each in wanted if each.name not in present and each.key not in present]


def _present(folder: Path) -> list[str]:
    """Return the names of the charts in a folder, as Helm finds them there."""
    if not folder.is_dir():
        return []
    found = []
    for place in sorted(folder.iterdir()):
        if place.name.startswith((".", "_")):
            continue
        if place.is_dir() or place.suffix == ".tgz":
            found.append(read_metadata(place).name)
    return found


def _locked(chart: Path) -> tuple[Dependency, ...]:
    try:
        value = text.read((chart / LOCK).read_bytes(), strict=False)
        return metadata.dependencies(fields.mapping(value or {}).get("dependencies") or [])
    except (text.Unreadable, fields.Malformed, metadata.Invalid) as error:
        raise ChartError(f"cannot load '{LOCK}': {error}") from None
