"""Unpacking of an artifact: regular files and directories, inside the target, within limits.

Answers to `fluxcd/pkg/tar`: links and devices are skipped, a name that would leave the target is an error. Unlike
Flux's it also bounds how much a small archive may unfold to.
"""

import posixpath
import tarfile
import zlib
from pathlib import Path

from deploy.source import digest as digests

_CHUNK = 1 << 20

_HINT = "(check whether file size exceeds max download size)"


class ArchiveError(ValueError):
    """An archive that is damaged, too large or hostile."""


def verify(path: Path, digest: str) -> None:
    """Check a file against `<algorithm>:<hex>`; bare hex is SHA-256. Raises ArchiveError."""
    algorithm, _, expected = digest.rpartition(":")
    try:
        with path.open("rb") as file:
            computed = digests.of(file, algorithm or digests.CANONICAL)
    except ValueError as error:
        raise ArchiveError(f"failed to verify archive: {error}") from None
    if computed.rpartition(":")[2] != expected.lower():
        raise ArchiveError(f"failed to verify archive: computed digest doesn't match provided '{digest}' {_HINT}")


def unpack(path: Path, target: Path, *, most_bytes: int = 1 << 30, most_entries: int = 200_000) -> None:
    """Unpack a gzipped tar into an empty directory. Raises ArchiveError."""
    try:
        with tarfile.open(path, mode="r|gz") as tar:
            for number, member in enumerate(tar, start=1):
                if number > most_entries:
                    raise ArchiveError(f"failed to untar archive: more than {most_entries} entries")
                if member.isfile():
                    most_bytes -= member.size
                    if most_bytes < 0:
                        raise ArchiveError("failed to untar archive: it unfolds to more bytes than allowed")
                    _write_file(tar, member, target / _safe(member.name))
                elif member.isdir():
                    (target / _safe(member.name)).mkdir(mode=0o750, parents=True, exist_ok=True)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ArchiveError(f"failed to untar archive: {_plain(error)}") from error


def _safe(name: str) -> str:
    """Return the place inside the target that a name means. Raises ArchiveError for one that is outside of it."""
    if "\\" in name or "\0" in name or posixpath.isabs(name) or ".." in name.split("/"):
        raise ArchiveError(f"failed to untar archive: tar contained invalid name {name[:200]!r}")
    return posixpath.normpath(name)


def _write_file(tar: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    place.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    content = tar.extractfile(member)
    with place.open("xb") as file:
        while content is not None and (chunk := content.read(_CHUNK)):
            file.write(chunk)
    place.chmod(0o700 if member.mode & 0o111 else 0o600)


def _plain(error: Exception) -> str:
    """Describe an error without the paths of this machine."""
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
