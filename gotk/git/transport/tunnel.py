"""The way of an SSH connection through a proxy: `ssh` starts this as its `ProxyCommand`.

Arguments are a file with the proxy's address, which holds its password, and the host and port to reach. Standard input
and output are the connection.
"""

import os
import select
import socket
import sys
from pathlib import Path

import python_socks
from python_socks.sync import Proxy

_SECONDS = 30.0
_CHUNK = 1 << 16


def main() -> int:
    """Connect and carry bytes until one side ends. What goes wrong is said without the proxy's password."""
    file, host, port = sys.argv[1:]
    try:
        proxy = Proxy.from_url(Path(file).read_text(), rdns=True)
        carry(proxy.connect(host, int(port), timeout=_SECONDS))
    except (python_socks.ProxyError, python_socks.ProxyTimeoutError, python_socks.ProxyConnectionError) as error:
        os.write(2, f"the proxy refused: {error}\n".encode())
        return 1
    except (OSError, ValueError) as error:
        os.write(2, f"the proxy cannot be reached: {type(error).__name__}\n".encode())
        return 1
    return 0


def carry(remote: socket.socket) -> None:
    """Carry bytes both ways."""
    remote.setblocking(True)
    with remote:
        sides = [sys.stdin.fileno(), remote.fileno()]
        while remote.fileno() in sides:
            ready, _, _ = select.select(sides, [], [])
            if sys.stdin.fileno() in ready:
                data = os.read(0, _CHUNK)
                if data:
                    remote.sendall(data)
                else:
                    remote.shutdown(socket.SHUT_WR)
                    sides.remove(sys.stdin.fileno())
            if remote.fileno() in ready:
                data = remote.recv(_CHUNK)
                if not data:
                    return
                _write(data)


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    sys.exit(main())
