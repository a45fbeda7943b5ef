"""A child that encloses itself and tries to get out: what it says is what this machine really refuses.

Its last line on standard output names what was not refused.
"""

import os
import socket
import sys
from collections.abc import Callable

from gotk.sandbox.confinement import Confinement

_MEMORY = 256 << 20


def main() -> None:
    """Try everything."""
    os.environ["TZ"] = "UTC"
    Confinement(memory=_MEMORY, cpu_seconds=5).enclose()
    open_ways = [name for name, attempt in ATTEMPTS.items() if not _refused(attempt)]
    sys.stdout.write(" ".join(open_ways) + "\n")
    sys.stdout.flush()
    os._exit(0)


def _refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (OSError, MemoryError):
        return True
    return False


def _read() -> None:
    os.close(os.open(__file__, os.O_RDONLY))


def _connect() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


def _fork() -> None:
    if not os.fork():
        os._exit(0)


def _signal() -> None:
    os.kill(os.getppid(), 0)


def _allocate() -> None:
    bytearray(2 * _MEMORY)


ATTEMPTS: dict[str, Callable[[], object]] = {
    "files": _read,
    "network": _connect,
    "processes": _fork,
    "signals": _signal,
    "memory": _allocate,
}


if __name__ == "__main__":
    main()
