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

_DESCRIPTORS = Path("/dev/fd")


def sockets() -> frozenset[int]:
    """Return the sockets of this process by their descriptors; none where the system does not tell."""
    try:
        return frozenset(found for path in _DESCRIPTORS.iterdir() if _is_socket(found := int(path.name)))
    except (OSError, ValueError):
        return frozenset()


def ensure(before: AbstractSet[int]) -> None:
    """Let the TCP sockets that were opened since send at once, as far as that can be done."""
    for descriptor in sockets() - before:
        with contextlib.suppress(OSError):
            _set(descriptor)


def _is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:  # closed by now, as what the directory itself was read by
        return False


def _set(descriptor: int) -> None:
    """Set the option without a second descriptor, which would keep a connection open. Raises OSError."""
    opened = socket.socket(fileno=descriptor)
    try:
        if opened.family in {socket.AF_INET, socket.AF_INET6} and opened.type == socket.SOCK_STREAM:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    finally:
        opened.detach()
