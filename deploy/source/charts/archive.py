"""A packaged chart, read within limits: what it says of itself, and its files. Nothing is written anywhere.

Answers to `LoadChartMetadataFromArchive` of source-controller and to Helm's archive loader: the same names are
refused. Unlike theirs, everything that unfolds is counted, headers and holes too, and only regular files count.
"""

import gzip
import io
import posixpath
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.source.charts import fields, metadata, text
from deploy.source.charts.metadata import Metadata
from deploy.source.tar_entries import MOST_OF_HEADERS, entries

CHART, REQUIREMENTS, VALUES, LOCK = "Chart.yaml", "requirements.yaml", "values.yaml", "Chart.lock"
#: Larger files in a chart are refused, as Helm and Flux refuse them.
LARGEST_FILE = 5 << 20
_LARGEST_WHOLE = 100 << 20
_MOST_ENTRIES = 20_000
_DRIVE = re.compile(r"^[a-zA-Z]:/")


class ChartError(ValueError):
    """Bytes that are no chart, or one that is too large or hostile."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart in memory: its metadata, and its files by their path in it."""

    metadata: Metadata
    files: dict[str, bytes]


def read(data: bytes) -> Chart:
    """Read a packaged chart whole. Raises ChartError."""
    files = dict(_files(data))
    return Chart(read_metadata(files), files)


def read_metadata(files: dict[str, bytes]) -> Metadata:
    """Read what the files of a chart say of it, and check it. Raises ChartError."""
    if CHART not in files:
        raise ChartError(f"no '{CHART}' found")
    value: dict[str, object] = {}
    for name in (CHART, REQUIREMENTS):
        if name in files:
            value |= _mapping(name, files[name])
    value.setdefault("apiVersion", "v1")
    try:
        found = metadata.read(value)
        metadata.check(found)
    except (fields.Malformed, metadata.Invalid) as error:
        raise ChartError(str(error)) from None
    return found


def _mapping(name: str, content: bytes) -> dict[str, object]:
    try:
        value = text.read(content, strict=False)
        return fields.mapping({} if value is None else value)
    except (text.Unreadable, fields.Malformed) as error:
        raise ChartError(f"cannot load '{name}': {error}") from None


def _files(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the regular files of an archive by their path below its one directory. Raises ChartError."""
    try:
        with tarfile.open(fileobj=(reader := _Bounded(data)), mode="r|") as tar:
            yield from _members(tar, reader)
    except ChartError:
        raise
    except (tarfile.TarError, zlib.error, EOFError, OSError, RecursionError, ValueError) as error:
        raise ChartError(f"not a packaged chart: {str(error) or type(error).__name__}") from None


def _members(tar: tarfile.TarFile, reader: "_Bounded") -> Iterator[tuple[str, bytes]]:
    left = _LARGEST_WHOLE
    for number, member in enumerate(entries(tar, reader), start=1):
        if number > _MOST_ENTRIES:
            raise ChartError(f"chart has more than {_MOST_ENTRIES} entries")
        if not member.isfile():
            continue
        name = _name(member.name)
        if member.size > LARGEST_FILE:
            raise ChartError(f"size of '{name}' exceeds '{LARGEST_FILE}' bytes limit")
        if not 0 <= member.size <= left:
            raise ChartError(f"chart unfolds to more than {_LARGEST_WHOLE} bytes")
        left -= member.size
        content = tar.extractfile(member)
        yield name, content.read() if content is not None else b""


def _name(written: str) -> str:
    """Return a path below the archive's directory. Raises ChartError for one that leads out of it."""
    parts = written.replace("\\", "/").split("/")
    name = "/".join(parts[1:])
    if name.startswith("/"):
        raise ChartError("chart illegally contains absolute paths")
    clean = posixpath.normpath(name) if name else "."
    if clean == ".":
        raise ChartError(f"chart illegally contains content outside the base directory: {written[:200]}")
    if clean.startswith("..") or ".." in parts or "\0" in clean:
        raise ChartError("chart illegally references parent directory")
    if _DRIVE.match(clean):
        raise ChartError("chart contains illegally named files")
    return clean


class _Bounded(io.RawIOBase):
    """Unpacks gzip up to a limit. Raises ChartError beyond it."""

    def __init__(self, data: bytes) -> None:
        self._source = gzip.GzipFile(fileobj=io.BytesIO(data))
        self._left = _LARGEST_WHOLE
        self.headers: int | None = MOST_OF_HEADERS

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        piece = self._source.read(min(size, 1 << 20) if size >= 0 else 1 << 20)
        self._left -= len(piece)
        if self._left < 0:
            raise ChartError(f"chart unfolds to more than {_LARGEST_WHOLE} bytes")
        if self.headers is not None:
            self.headers -= len(piece)
            if self.headers < 0:
                raise ChartError(f"an entry has headers of more than {MOST_OF_HEADERS} bytes")
        return piece
