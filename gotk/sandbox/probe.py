"""A child that encloses itself and tries to get out: what it says is what this machine really refuses.

Its last line on standard output names what was not refused.
"""

import errno
import os
import socket
import sys
from collections.abc import Callable, Sequence

from gotk.sandbox.confinement import Confinement

_MEMORY = 256 << 20
_THE_PORT = 1
#: A child that may connect to one port tries another.
PORTS = "ports"


def main(ways: Sequence[str]) -> None:
    """Try what is named: `PORTS`, or everything else."""
    os.environ["TZ"] = "UTC"
    ports = (_THE_PORT,) if PORTS in ways else ()
    Confinement(memory=_MEMORY, cpu_seconds=5, ports=ports).enclose()
    attempts = {PORTS: _connect_elsewhere} if ports else ATTEMPTS
    open_ways = [name for name, attempt in attempts.items() if not _refused(attempt)]
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


def _connect_elsewhere() -> None:
    """Tell a refusal of the sandbox from that of a server that is not there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        tried.settimeout(1)
        if tried.connect_ex(("127.0.0.1", _THE_PORT + 1)) == errno.EACCES:
            raise PermissionError


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
    main(sys.argv[1:])
