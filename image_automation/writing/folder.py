"""The rewriter on a folder of files: found without following links, replaced whole or not at all.

A file is written under another name beside the old one and renamed over it, so that a reader or a crash finds either
the old bytes or the new ones. Symbolic links are neither read nor written through; `.git` is not entered.
"""

import errno
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from image_automation.update import rewrite, screening
from image_automation.update.result import FileResult, Problem


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A file, the bytes it had, and what rewriting came to."""

    path: Path
    before: bytes
    result: FileResult


class _TooLarge(Exception):
    """A file that is not read because of its size."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.cause)
        self.problem = problem


def files(root: Path) -> Iterator[Path]:
    """Yield the candidates below a folder, or the file itself, in the order of their names."""
    if not root.is_dir():
        yield root
        return
    for folder, folders, names in os.walk(root, onerror=_raise):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(names):
            if screening.is_candidate(name):
                yield Path(folder, name)


def marked(root: Path) -> Iterator[tuple[Path, bytes | Problem]]:
    """Yield the files that hold a marker with their bytes, and those that cannot be looked into with the cause."""
    for path in files(root):
        try:
            before = _read(path)
        except _TooLarge as error:
            yield path, error.problem
            continue
        except OSError as error:
            if error.errno == errno.ELOOP and path != root:
                continue  # a symbolic link
            yield path, Problem(f"the file cannot be read ({error.strerror})", "make it readable", level="error")
            continue
        if screening.has_marker(before):
            yield path, before


def rewritten(root: Path, setters: Mapping[str, str]) -> Iterator[Rewritten]:
    """Yield what there is to say about each file; files without a marker are passed over. Nothing is written."""
    for path, before in marked(root):
        if isinstance(before, Problem):
            yield Rewritten(path, b"", FileResult(display(path), problems=(before,)))
            continue
        result = rewrite.rewrite(display(path), before, setters)
        if result.changes or result.problems or result.unresolved:
            yield Rewritten(path, before, result)


def content(path: Path) -> bytes | None:
    """Return a regular file's bytes; None for a link, a pipe, or a file that is too large or cannot be read."""
    try:
        return _read(path)
    except (_TooLarge, OSError):
        return None


def replace(path: Path, content: bytes) -> None:
    """Replace a file's bytes atomically; its mode and, where allowed, its owner stay. Raises OSError."""
    status = path.lstat()
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            with suppress(PermissionError):
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def replace_all(root: Path, edits: Mapping[str, bytes], before: Mapping[str, bytes]) -> None:
    """Replace files below a folder, all or none: where one cannot be written those before it get their bytes back.

    Each file is replaced atomically. Raises OSError.
    """
    done: list[str] = []
    try:
        for path, content in edits.items():
            replace(root / path, content)
            done.append(path)
    except BaseException:
        for path in done:
            replace(root / path, before[path])
        raise


def display(path: Path) -> str:
    """Write a path for people: what a terminal would obey is escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _read(path: Path) -> bytes:
    """Read a regular file, refusing one that became a link or a pipe since it was found."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "it is no regular file")
        if (problem := screening.refuse_size(status.st_size)) is not None:
            raise _TooLarge(problem)
        pieces = [os.read(descriptor, status.st_size + 1)]
        while pieces[-1]:
            pieces.append(os.read(descriptor, 1 << 20))
        return b"".join(pieces)
    finally:
        os.close(descriptor)


def _raise(error: OSError) -> None:
    raise error
