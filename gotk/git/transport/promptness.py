"""What is said to a remote leaves at once.

libgit2 writes a request in two pieces and leaves Nagle's algorithm on, so the second piece waits until the server has
acknowledged the first, which it puts off for 40 ms: in each of the two or three requests of a fetch or push, longer
than all the rest of them takes. libgit2 has no option for it and shows nobody its socket, so it is found among this
process's own. To set the option on another socket that was opened meanwhile does no harm: asyncio sets it on all of its
own.
"""

import contextlib
import os
import socket
import stat
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import NamedTuple

_DESCRIPTORS = Path("/dev/fd")


class Opened(NamedTuple):
    """A socket of this process: a descriptor is soon another one's."""

    descriptor: int
    inode: int


def sockets() -> frozenset[Opened]:
    """Return the sockets of this process; none where the system does not tell."""
    try:
        found = [_socket(int(path.name)) for path in _DESCRIPTORS.iterdir()]
    except (OSError, ValueError):
        return frozenset()
    return frozenset(each for each in found if each is not None)


def ensure(before: AbstractSet[Opened]) -> None:
    """Let the TCP sockets that were opened since send at once, as far as that can be done."""
    for each in sockets() - before:
        with contextlib.suppress(OSError):
            _set(each.descriptor)


def _socket(descriptor: int) -> Opened | None:
    try:
        found = os.fstat(descriptor)
    except OSError:  # closed by now, as what the directory itself was read by
        return None
    return Opened(descriptor, found.st_ino) if stat.S_ISSOCK(found.st_mode) else None


def _set(descriptor: int) -> None:
    """Set the option without a second descriptor, which would keep a connection open. Raises OSError."""
    opened = socket.socket(fileno=descriptor)
    try:
        if opened.family in {socket.AF_INET, socket.AF_INET6} and opened.type == socket.SOCK_STREAM:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    finally:
        opened.detach()
