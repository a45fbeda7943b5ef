"""Repositories of the table: made of files, links and modes, and read back as what commits changed."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pygit2
from pygit2.enums import FileMode

_WHEN = 1_767_225_600  # noon of the first of January 2026, an hour east of it


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Executable:
    """A file that may be run."""

    text: str


Files = Mapping[str, "str | bytes | Link | Executable"]


def make(path: Path, branches: Mapping[str, Files], tags: Mapping[str, str]) -> pygit2.Repository:
    """Make a bare repository: the first branch has one commit, each other branch one more on top of that."""
    repository = pygit2.init_repository(str(path), bare=True, initial_head="main")
    first: list[Any] = []
    for number, (branch, files) in enumerate(branches.items()):
        made = commit(repository, files, first, f"Begin {branch}", _WHEN + number)
        repository.references.create(f"refs/heads/{branch}", made)
        first = first or [made]
    for tag, branch in tags.items():
        repository.references.create(f"refs/tags/{tag}", repository.references[f"refs/heads/{branch}"].target)
    return repository


def commit(
    repository: pygit2.Repository, files: Files, parents: list[Any], message: str, when: int = _WHEN
) -> pygit2.Oid:
    """Make a commit that holds just these files."""
    index = pygit2.Index()
    for path, content in files.items():
        index.add(pygit2.IndexEntry(path, repository.create_blob(_bytes(content)), _mode(content)))
    author = pygit2.Signature("Somebody", "somebody@example.com", when, 60)
    return repository.create_commit(None, author, author, message, index.write_tree(repository), parents)


def _bytes(content: Any) -> bytes:
    match content:
        case Link(target=text) | Executable(text=text):
            return text.encode()
        case str():
            return content.encode()
    return bytes(content)


def _mode(content: Any) -> FileMode:
    match content:
        case Link():
            return FileMode.LINK
        case Executable():
            return FileMode.BLOB_EXECUTABLE
    return FileMode.BLOB


def references(path: Path) -> dict[str, str]:
    """Return every reference with its commit."""
    repository = pygit2.Repository(str(path))
    return {name: str(repository.references[name].target) for name in sorted(repository.references)}


def commits(path: Path, known: Container[str]) -> dict[str, dict[str, Any]]:
    """Return what new commits hold, by hash: all that are not known and reachable from a reference."""
    repository = pygit2.Repository(str(path))
    found: dict[str, dict[str, Any]] = {}
    for target in references(path).values():
        walk = repository.walk(target)
        for each in walk:
            if str(each.id) not in known:
                found[str(each.id)] = _described(repository, each)
    return dict(reversed(found.items()))


def _described(repository: pygit2.Repository, each: pygit2.Commit) -> dict[str, Any]:
    raw = each.read_raw()
    headers = raw.split(b"\n\n", 1)[0].decode()
    signed = next((line for line in headers.split("\n") if line.startswith("gpgsig")), "")
    return {
        "message": each.message,
        "author": f"{each.author.name} <{each.author.email}> {_offset(each.author)}",
        "committer": f"{each.committer.name} <{each.committer.email}> {_offset(each.committer)}",
        "signed": signed,
        "headers": [line.split(" ")[0] for line in headers.split("\n") if line and line[0] != " " and "-" not in line],
        "parents": [str(parent) for parent in each.parent_ids],
        "files": _changed(repository, each),
    }


def _offset(person: pygit2.Signature) -> str:
    return f"{person.offset:+d}"


def _changed(repository: pygit2.Repository, each: pygit2.Commit) -> dict[str, Any]:
    """Return the files that a commit changed: their text, and their mode where it is not that of a file."""
    base = each.parents[0].tree if each.parents else None
    diff = each.tree.diff_to_tree(base, swap=True) if base is not None else each.tree.diff_to_tree(swap=True)
    found: dict[str, Any] = {}
    for delta in diff.deltas:
        if delta.new_file.id == pygit2.Oid(hex="0" * 40):
            found[delta.old_file.path] = None
            continue
        data = repository[delta.new_file.id].data
        text = data.decode("utf-8", "surrogateescape")
        plain = delta.new_file.mode == FileMode.BLOB
        found[delta.new_file.path] = text if plain else {"mode": oct(delta.new_file.mode), "text": text}
    return found
