"""Repositories that no honest Git would make: trees with any entry, written as raw objects."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pygit2
from pygit2.enums import ObjectType

FILE, LINK, TREE, SUBMODULE = 0o100644, 0o120000, 0o40000, 0o160000
MARK = '# {"$imagepolicy": "apps:web"}'
MARKED = f"image: a/web:1.0 {MARK}\n"
UPDATED = f"image: a/web:1.1 {MARK}\n"


class Evil:
    """Writes objects into a bare repository."""

    def __init__(self, folder: Path) -> None:
        self.git: Any = pygit2.Repository(str(folder))

    def blob(self, content: bytes | str) -> str:
        return str(self.git.create_blob(content.encode() if isinstance(content, str) else content))

    def tree(self, entries: Iterable[tuple[int, bytes | str, str]]) -> str:
        """Write a tree of (mode, name, id), whatever the names are."""
        named = [(mode, name.encode() if isinstance(name, str) else name, id_) for mode, name, id_ in entries]
        ordered = sorted(named, key=lambda entry: entry[1] + (b"/" if entry[0] == TREE else b""))
        raw = b"".join(b"%o %b\0%b" % (mode, name, bytes.fromhex(id_)) for mode, name, id_ in ordered)
        return str(self.git.write(ObjectType.TREE, raw))

    def commit(self, tree: str, branch: str = "main") -> str:
        """Commit a tree on top of a branch."""
        name = f"refs/heads/{branch}"
        who = "Evil <evil@example.com> 0 +0000"
        parents = [f"parent {self.git.references[name].target}\n"] if name in self.git.references else []
        content = f"tree {tree}\n{''.join(parents)}author {who}\ncommitter {who}\n\nevil\n"
        made = str(self.git.write(ObjectType.COMMIT, content.encode()))
        self.git.references.create(name, made, force=True)
        return made

    def put(self, *entries: tuple[int, bytes | str, str]) -> str:
        """Commit the branch's tree with these entries beside what is there."""
        old = self.git[self.git.references["refs/heads/main"].target].tree
        kept = [(int(entry.filemode), entry.raw_name, str(entry.id)) for entry in old]
        return self.commit(self.tree([*kept, *entries]))
