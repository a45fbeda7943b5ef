"""The rewriter on the tree of a commit: marked files are read from the object database, nothing is checked out.

Flux clones into a temporary directory on every run. Here blobs known to hold no marker are not read again, so that a
run over an unchanged tree costs its walk.
"""

import posixpath
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gotk.git import commit as commits
from gotk.git import errors as git
from image_automation import ports
from image_automation.update import rewrite, screening
from image_automation.update.result import FileResult, Problem

_REMEMBERED = 1_000_000


class Unmarked:
    """Blobs that were read and hold no marker, by hash: true whatever the repository."""

    def __init__(self) -> None:
        self._ids: set[bytes] = set()

    def __contains__(self, blob_id: str) -> bool:
        return bytes.fromhex(blob_id) in self._ids

    def add(self, blob_id: str) -> None:
        """Remember a blob."""
        if len(self._ids) >= _REMEMBERED:
            self._ids.clear()
        self._ids.add(bytes.fromhex(blob_id))


@dataclass(frozen=True, slots=True)
class Applied:
    """What the policies came to in a tree: every file with something to say."""

    files: tuple[FileResult, ...]

    @property
    def edits(self) -> dict[str, bytes]:
        """The new bytes of each file that changes."""
        return {file.path: file.content for file in self.files if file.content is not None}


def below(path: str) -> str:
    """Write `update.path` as a path from the repository's root; `..` cannot climb above it."""
    return posixpath.normpath(f"/{path}").lstrip("/")


def apply(
    repository: ports.Repository, commit: str, path: str, setters: Mapping[str, str], unmarked: Unmarked
) -> Applied:
    """Rewrite the marked files of a commit below a path. Raises the errors of `gotk.git.errors`."""
    return Applied(tuple(_rewritten(repository, commit, path, setters, unmarked)))


def _rewritten(
    repository: ports.Repository, commit: str, path: str, setters: Mapping[str, str], unmarked: Unmarked
) -> Iterator[FileResult]:
    for entry in repository.files(commit, path):
        if not (stat.S_ISREG(entry.mode) and screening.is_candidate(entry.path)) or entry.blob_id in unmarked:
            continue
        if (problem := screening.refuse_size(repository.size(entry.blob_id))) is not None:
            yield FileResult(git.printable(entry.path), problems=(problem,))
            continue
        data = repository.read(entry.blob_id)
        if not screening.has_marker(data):
            unmarked.add(entry.blob_id)
            continue
        if (problem := _refuse_path(entry.path)) is not None:
            yield FileResult(git.printable(entry.path), problems=(problem,))
            continue
        result = rewrite.rewrite(entry.path, data, setters)
        if result.changes or result.problems or result.unresolved:
            yield result


def _refuse_path(path: str) -> Problem | None:
    """Say why a file cannot be written under its name, as some names in a hostile repository cannot."""
    try:
        path.encode()
        commits.check_path(path)
    except (UnicodeEncodeError, git.InvalidPath):
        return Problem("the file's name is none that may be written", "rename it", level="error")
    return None
