"""The tree that kustomize works in: what was planned, and nothing beside it.

Files of the source are hard links where the file system has them, so that a build of many manifests copies nothing, and
copies elsewhere. There are no symbolic links, hence `..` leads where it reads. What was decrypted lies in the place of
what was encrypted.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from deploy.kustomize.building.plan import Plan


def lay_out(plan: Plan, source: Path, tree: Path, decrypted: Mapping[str, bytes]) -> None:
    """Make the tree of a plan, in a directory that does not exist yet; `decrypted` are contents of source files."""
    tree.mkdir()
    made = {tree}
    for directory in plan.directories:
        _make(tree / directory, made)
    for path, text in plan.texts.items():
        _make((tree / path).parent, made)
        (tree / path).write_text(text, "utf-8")
    for path, origin in plan.files.items():
        _make((tree / path).parent, made)
        if origin in decrypted:
            (tree / path).write_bytes(decrypted[origin])
        else:
            _link(source / origin, tree / path)


def digest(plan: Plan, source: Path, contents: Mapping[str, bytes]) -> str:
    """Return what tells the tree of a plan from others: its directories, and the path and bytes of every file.

    `contents` are those of files that the source does not hold. What else lies in the source does not count.
    """
    total = hashlib.sha256()
    for directory in sorted(plan.directories):
        total.update(_field(b"directory", directory.encode()))
    for path, text in sorted(plan.texts.items()):
        total.update(_field(b"file", path.encode(), text.encode()))
    for path, origin in sorted(plan.files.items()):
        content = contents[origin] if origin in contents else (source / origin).read_bytes()
        total.update(_field(b"file", path.encode(), content))
    return total.hexdigest()


def _field(*parts: bytes) -> bytes:
    """Write parts so that no others read the same."""
    return b"".join(b"%d:%b" % (len(part), part) for part in parts)


def _make(directory: Path, made: set[Path]) -> None:
    if directory not in made:
        directory.mkdir(parents=True, exist_ok=True)
        made.add(directory)


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source, place, follow_symlinks=False)
    except OSError:
        shutil.copyfile(source, place, follow_symlinks=False)
