"""The rewriter on a folder of files: found by walking, replaced whole or not at all.

A file is written under another name beside the old one and renamed over it, so that a reader or a crash finds either
the old bytes or the new ones. A symbolic link to a file of the same folder stands for that file, as in Flux; it stays a
link. Links out of it are not read. Neither links to folders nor `.git` are entered, and text files are no links.
"""

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from image_automation.update import screening, texts
from image_automation.update.lines.kinds import Kind
from image_automation.update.result import FileResult, Problem
from image_automation.update.texts import TextFiles

#: Says what kind of text a file is; None where it is looked into as YAML or not at all.
KindOf = Callable[[Path], Kind | None]
_OUTSIDE = Problem("the file is a link that leads out of the folder", "replace it by what it leads to")


@dataclass(frozen=True, slots=True)
class Found:
    """A file with its bytes, or the cause where they cannot be had; `name` is the link that it was found by.

    `kind` is what kind of text it is, None for YAML.
    """

    path: Path
    name: Path
    content: bytes | Problem
    kind: Kind | None = None


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


def _no_text(_: Path) -> None:
    """Look into YAML alone."""


def files(root: Path, kind: KindOf = _no_text) -> Iterator[Path]:
    """Yield the candidates below a folder, or the file itself, in the order of their names."""
    if not root.is_dir():
        yield root
        return
    for folder, folders, names in os.walk(root, onerror=_raise):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(names):
            if screening.is_candidate(name) or kind(Path(folder, name)) is not None:
                yield Path(folder, name)


def readable(root: Path, within: Path | None = None, kind: KindOf = _no_text) -> Iterator[Found]:
    """Yield the candidates below a folder with their bytes, or with the cause where they cannot be read.

    A link stands for the file that it leads to, if that lies `within` a folder (the same one unless said otherwise);
    one that leads nowhere or to a folder is passed over.
    """
    inside = (within or (root if root.is_dir() else root.parent)).resolve()
    for path in files(root, kind):
        text = kind(path)
        if (content := _content(path)) is not None:
            yield Found(path, path, content, text)
        elif text is None and (target := path.resolve()).is_file():
            outside = not target.is_relative_to(inside) or ".git" in target.relative_to(inside).parts
            yield Found(target, path, _OUTSIDE if outside else _content(target) or b"")


def marked(root: Path, within: Path | None = None, kind: KindOf = _no_text) -> Iterator[Found]:
    """Yield the files that hold a marker with their bytes, and those that cannot be looked into with the cause."""
    for found in readable(root, within, kind):
        if isinstance(found.content, Problem) or texts.has_marker(found.content, found.kind):
            yield found


def rewritten(root: Path, setters: Mapping[str, str], text_files: TextFiles = texts.NONE) -> Iterator[Rewritten]:
    """Yield what there is to say about each file; files without a marker are passed over. Nothing is written.

    `text_files` are looked into besides YAML.
    """
    seen = set[Path]()
    for found in marked(root, kind=lambda path: text_files.kind(_below(path, root))):
        if isinstance(found.content, Problem):
            yield Rewritten(found.name, b"", FileResult(display(found.name), problems=(found.content,)))
            continue
        if found.path in seen:
            continue
        seen.add(found.path)
        result = texts.rewritten(display(found.path), found.content, setters, kind=found.kind)
        if result.changes or result.problems or result.unresolved:
            yield Rewritten(found.path, found.content, result)


def _below(path: Path, root: Path) -> str:
    """Return a path below a folder, or the name of the file that was named itself."""
    return path.name if path == root else path.relative_to(root).as_posix()


def _content(path: Path) -> bytes | Problem | None:
    """Read a file; None for a symbolic link, which opening tells without another look at it."""
    try:
        return _read(path)
    except _TooLarge as error:
        return error.problem
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        return Problem(f"the file cannot be read ({error.strerror})", "make it readable", level="error")


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
