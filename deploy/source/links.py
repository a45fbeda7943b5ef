"""Where a symbolic link of a tree leads, without a work tree for the system to follow it in.

Answers to Flux, which opens `.sourceignore` in a checkout and so follows a link. What lies outside is not there.
"""

import errno
from collections.abc import Callable, Mapping

from gotk.git.objects.tree import DIRECTORY, Entry

LINK = 0o120000
_GITLINK = 0o160000
_MOST_LINKS = 40  # as Linux
_LONGEST_TARGET = 4095  # bytes, as Linux

Parts = tuple[str, ...]


def follow(path: Parts, tree: Mapping[Parts, Entry | None], target: Callable[[Entry], bytes]) -> Entry | None:
    """Find the file that a path leads to; None where there is none in the tree. A directory's entry may be None.

    `target` gives what a link says. Raises OSError (ELOOP) for a path through more than 40 links.
    """
    here: list[str] = []
    left = list(reversed(path))
    links = 0
    while left:
        part = left.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not here:
                return None
            here.pop()
            continue
        here.append(part)
        if tuple(here) not in tree:
            return None
        entry = tree[tuple(here)]
        if entry is None or entry.mode in (DIRECTORY, _GITLINK):
            continue
        if entry.mode != LINK:
            return entry if not left else None
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, f"'{'/'.join(path)}' leads through more than {_MOST_LINKS} symbolic links")
        said = target(entry)
        if said.startswith(b"/") or len(said) > _LONGEST_TARGET:
            return None
        here.pop()
        left += reversed(said.decode("utf-8", "surrogateescape").split("/"))
    return None
