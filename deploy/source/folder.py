"""A folder of this machine as what an artifact is made of: its files and directories, links and all else left out."""

import os
from collections.abc import Callable
from pathlib import Path

from gotk.git.objects.tree import DIRECTORY, Entry

_FILE = 0o100000


def entries(root: Path) -> list[Entry]:
    """List what is below a folder; a file's blob is its path. Raises OSError."""
    found: list[Entry] = []
    pending = [""]
    while pending:
        where = pending.pop()
        with os.scandir(root / where) as inside:
            for each in inside:
                path = f"{where}/{each.name}".lstrip("/")
                if each.is_dir(follow_symlinks=False):
                    found.append(Entry(path, DIRECTORY, ""))
                    pending.append(path)
                elif each.is_file(follow_symlinks=False):
                    mode = each.stat(follow_symlinks=False).st_mode
                    found.append(Entry(path, _FILE | mode & 0o777, path))
    return found


def reader(root: Path) -> Callable[[str], Path]:
    """Return what finds the file of an entry."""
    return lambda path: root / path
