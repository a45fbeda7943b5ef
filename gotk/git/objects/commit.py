"""Commits: found by their ids, and made in a bare repository from a base, some files' new bytes and no work tree.

Trees that do not change keep their ids, so the cost follows the number of edits and not the size of the repository.
A file that exists keeps its mode; a new one is an ordinary file. Links and submodules are never written to.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pygit2
from pygit2.enums import FileMode, ObjectType

from gotk.git import errors, libgit2

#: Makes a detached signature of a commit's bytes: the armored text that goes into its `gpgsig` header.
Sign = Callable[[bytes], str]

_MARK = "image-automation"
_MARKED = re.compile(rb"^image-automation ([^\n]*) ([0-9a-f]{16})$", re.MULTILINE)
_TRAILER = "Image-automation-mark"
_SAID = re.compile(rb"^Image-automation-mark: ([^\n]*) ([0-9a-f]{16})[ \r]*$", re.MULTILINE)
_MARK_LIMIT = 512
_FORBIDDEN = frozenset({"", ".", ".."})
_IGNORED_BY_HFS = frozenset(map(chr, (*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF)))


@dataclass(frozen=True, slots=True)
class Person:
    """Who wrote or committed."""

    name: str
    email: str


@dataclass(slots=True)
class _Directory:
    """The edits of one directory: files by name, and the directories below."""

    files: dict[str, bytes] = field(default_factory=dict)
    directories: dict[str, "_Directory"] = field(default_factory=dict)


def check_path(path: str) -> tuple[str, ...]:
    """Split a repository path into its names.

    Raises InvalidPath for one that is absolute, climbs, or that some file system would take for `.git` (any case,
    `git~1`, trailing dots, invisible characters).
    """
    names = tuple(path.split("/"))
    if any(name in _FORBIDDEN or "\\" in name or "\0" in name or _is_git(name) for name in names):
        raise errors.InvalidPath(f"'{errors.printable(path)}' is no path that may be in a repository")
    return names


def _is_git(name: str) -> bool:
    folded = "".join(c for c in unicodedata.normalize("NFC", name) if c not in _IGNORED_BY_HFS).casefold()
    return folded.split(":")[0].rstrip(". ") in {".git", "git~1"}


def create(
    repository: pygit2.Repository,
    base: str | None,
    edits: Mapping[str, bytes],
    *,
    author: Person,
    message: str,
    when: datetime,
    sign: Sign | None = None,
    mark: str = "",
    in_message: bool = False,
) -> str:
    """Make a commit on top of `base` (None: the first of all) and return its id; no reference moves.

    `mark` becomes a header of the commit, which no log shows: whoever made it knows it again by `mark_of`. Git keeps
    unknown headers when somebody amends a commit, so it stands with a digest of the headers before it. Where somebody
    else is to make this commit once more, who gives no headers, it is `in_message`: a trailer at its end, with a digest
    of tree and parents.
    Raises InvalidPath, and ReferenceNotFound where the base is not there.
    """
    parent: Any = repository.get(base) if base else None
    if base and not isinstance(parent, pygit2.Commit):
        raise errors.ReferenceNotFound(f"there is no commit '{base}' in the mirror: fetch it first")
    tree = _write(repository, parent.tree if parent else None, _by_directory(edits), "")
    parents: list[str | pygit2.Oid] = [parent.id] if parent else []
    signature = _signature(author, when)
    if mark and in_message:
        said = _seal(_content_headers(str(tree), map(str, parents)))
        message, mark = f"{message.rstrip()}\n{_TRAILER}: {_printable(mark)} {said}\n", ""
    if sign is None and not mark:
        return str(repository.create_commit(None, signature, signature, message, tree, parents))
    content: Any = repository.create_commit_string(signature, signature, message, tree, parents)  # text, not an Oid
    if mark:
        headers, blank, text = content.partition("\n\n")
        content = f"{headers}\n{_MARK} {_printable(mark)} {_seal(headers.encode())}{blank}{text}"
    if sign is None:
        return str(repository.write(ObjectType.COMMIT, content.encode()))
    return str(repository.create_commit_with_signature(content, sign(content.encode()), "gpgsig"))


def find(repository: pygit2.Repository, commit_id: str, where: str) -> pygit2.Commit:
    """Return a commit; `where` names the repository for the message. Raises ReferenceNotFound."""
    found: Any = repository.get(commit_id)
    if not isinstance(found, pygit2.Commit):
        raise errors.ReferenceNotFound(f"there is no commit '{commit_id}' in {where}")
    return found


def is_complete(repository: pygit2.Repository, commit_id: str) -> bool:
    """Tell whether a commit is there with its root tree."""
    found: Any = repository.get(commit_id)
    return isinstance(found, pygit2.Commit) and found.tree_id in repository


def mark_of(content: bytes) -> str:
    """Return the mark in a commit's bytes; nothing where there is none, or somebody has made another commit of it."""
    headers, _, message = content.partition(b"\n\n")
    found = _MARKED.search(headers)
    if found is not None:
        sealed = headers[: found.start()].rstrip(b"\n")
    else:
        found = _SAID.search(message)
        sealed = b"\n".join(line for line in headers.split(b"\n") if line.startswith((b"tree ", b"parent ")))
    if found is None or found[2].decode() != _seal(sealed):
        return ""
    return found[1].decode("utf-8", "replace")


def blob_id(content: bytes) -> str:
    """Return the id that a file's bytes have in Git."""
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


def _content_headers(tree: str, parents: Iterable[str]) -> bytes:
    return "\n".join([f"tree {tree}", *(f"parent {each}" for each in parents)]).encode()


def _seal(headers: bytes) -> str:
    """Return what stands for a commit's tree, parents and, where they are known, people."""
    return hashlib.sha256(headers).hexdigest()[:16]


def _printable(mark: str) -> str:
    return "".join(c for c in mark if c.isprintable())[:_MARK_LIMIT]


def _signature(author: Person, when: datetime) -> pygit2.Signature:
    offset = when.utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset else 0
    name, email = _clean(author.name), _clean(author.email)
    return pygit2.Signature(name or email, email, int(when.timestamp()), minutes)


def _clean(text: str) -> str:
    """Drop what would end a name or an address early inside a commit."""
    return "".join(c for c in text if c.isprintable() and c not in "<>").strip()


def _by_directory(edits: Mapping[str, bytes]) -> _Directory:
    root = _Directory()
    for path, content in edits.items():
        *parents, name = check_path(path)
        directory = root
        for parent in parents:
            directory = directory.directories.setdefault(parent, _Directory())
        directory.files[name] = content
    return root


def _write(repository: pygit2.Repository, old: pygit2.Tree | None, edits: _Directory, where: str) -> pygit2.Oid:
    builder = repository.TreeBuilder(old) if old is not None else repository.TreeBuilder()
    for name, content in edits.files.items():
        mode = _mode(builder, name, f"{where}{name}")
        builder.insert(name, repository.create_blob(content), mode)
    for name, below in edits.directories.items():
        entry: Any = builder.get(libgit2.named(name))
        if entry is not None and not isinstance(entry, pygit2.Tree):
            raise errors.InvalidPath(f"'{where}{name}' is no directory")
        builder.insert(name, _write(repository, entry, below, f"{where}{name}/"), FileMode.TREE)
    return builder.write()


def _mode(builder: pygit2.TreeBuilder, name: str, path: str) -> int:
    entry: Any = builder.get(libgit2.named(name))
    if entry is None:
        return FileMode.BLOB
    if entry.filemode not in {FileMode.BLOB, FileMode.BLOB_EXECUTABLE}:
        raise errors.InvalidPath(f"'{path}' is no ordinary file")
    return int(entry.filemode)
