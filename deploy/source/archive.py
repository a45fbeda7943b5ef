"""The artifact's tarball, written straight from a commit or a folder: equal content gives equal bytes.

Answers to source-controller's `Storage.Archive`: entries in the order of a directory walk behind a first `.`, regular
files and directories only, no owners, no times, modes 0750, 0600 and 0700, directory names without a slash at the end.
"""

import errno
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO

from deploy.source import links, tarball
from deploy.source.ignore import IGNORE_FILE, Ignore
from deploy.source.tarball import Content, Written
from gotk.git.objects.tree import DIRECTORY, Entry

_LINK = 0o120000
#: How many bytes all ignore files of an artifact may have: every path is held against every line.
_MOST_OF_RULES = 1 << 20
_EXECUTABLE = 0o111
_DIRECTORY_MODE = 0o750


def write(
    target: BinaryIO,
    entries: Iterable[Entry],
    read: Callable[[str], Content],
    ignore: str | None,
    *,
    own_rules: bool = True,
) -> Written:
    """Write the tarball of files, and of directories that may be empty; `ignore` is `spec.ignore`.

    The ignore files among them count, unless the artifact has no `own_rules`. `read` gives the content that an entry's
    id stands for. Raises OSError for a file that changes meanwhile, and for an ignore file that is a circle of links.
    """
    files = list(entries)
    ignored = Ignore(_ignore_files(files, read) if own_rules else (), ignore)
    out = tarball.Gzip(target)
    out.write(tarball.header(b".", mode=_DIRECTORY_MODE, directory=True))
    for parts, entry in _walk(files):
        is_directory = entry is None or entry.mode == DIRECTORY
        if ignored.excludes(parts, directory=is_directory):
            continue
        name = "/".join(parts).encode("utf-8", "surrogateescape")
        if entry is None or is_directory:
            out.write(tarball.header(name, mode=_DIRECTORY_MODE, directory=True))
        elif entry.mode & _LINK != _LINK:
            tarball.write_file(out, name, read(entry.blob_id), mode=0o700 if entry.mode & _EXECUTABLE else 0o600)
    out.write(tarball.END)
    return out.finish()


def _ignore_files(files: Sequence[Entry], read: Callable[[str], Content]) -> list[tuple[tuple[str, ...], str]]:
    """Find the ignore files, each with its directory, in the order of a walk; none is looked for below `.git`.

    One that is a link counts where the link stands, if it leads to a file of the tree. Raises OSError for a circle,
    and for more than is read.
    """

    def content(entry: Entry) -> bytes:
        held = read(entry.blob_id)
        return held if isinstance(held, bytes) else held.read_bytes()

    named = [(tuple(entry.path.split("/")), entry) for entry in files if entry.path.split("/")[-1] == IGNORE_FILE]
    linked = any(entry.mode == links.LINK for _, entry in named)
    tree = dict(_walk(files if linked else [entry for _, entry in named]))
    found, left = [], _MOST_OF_RULES
    for (*directory, name), _ in named:
        file = links.follow((*directory, name), tree, content)
        if file is not None and ".git" not in directory:
            text = content(file)
            left -= len(text)
            if left < 0:
                raise OSError(errno.EFBIG, f"the {IGNORE_FILE} files have more than {_MOST_OF_RULES} bytes together")
            found.append((tuple(directory), text.decode("utf-8", "surrogateescape")))
    return sorted(found)


def _walk(files: Iterable[Entry]) -> Iterator[tuple[tuple[str, ...], Entry | None]]:
    """Order files, and the directories above them (without an Entry), as a walk of the tree meets them."""
    met: dict[tuple[str, ...], Entry | None] = {}
    for entry in files:
        parts = tuple(entry.path.split("/"))
        for depth in range(1, len(parts)):
            met.setdefault(parts[:depth])
        met[parts] = entry
    return iter(sorted(met.items(), key=lambda item: [part.encode("utf-8", "surrogateescape") for part in item[0]]))
