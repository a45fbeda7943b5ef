"""Landlock: the kernel refuses every file that is not beneath a path named here, whatever its permissions say.

Answers to the kernel's `userspace-api/landlock`. A kernel offers an ABI; an older one handles fewer rights, and what it
does not handle the seccomp filter refuses (`seccomp`). Landlock leaves names, sizes and permissions of files readable
to `stat`: what a file holds is what it guards.
"""

import os
import stat
import struct
from collections.abc import Sequence

from gotk.sandbox import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every machine
_VERSION = 1
_PATH_BENEATH, _NET_PORT = 1, 2

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
#: For each ABI that added rights to files: how many there are.
_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
_BIND, _CONNECT = 0b01, 0b10  # of TCP
_PORTS_SINCE = 4
_SCOPES = 0b11  # abstract UNIX sockets, and signals

READ = _READ_FILE | _READ_DIR
RUN = _READ_FILE | _EXECUTE
WRITE = READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE
DEVICE = _READ_FILE | _WRITE_FILE


def abi() -> int:
    """Return the kernel's version of Landlock, 0 where there is none, it is turned off, or a container forbids it."""
    try:
        return kernel.call(_CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def guards_ports(found: int) -> bool:
    """Tell whether a version of Landlock knows ports of TCP."""
    return found >= _PORTS_SINCE


def restrict(rules: Sequence[tuple[str, int]], *, network: bool, ports: Sequence[int] = ()) -> None:
    """Leave this thread the rights beneath the paths, and without `network` no TCP. A path that is missing gives none.

    To `ports` it may connect, at whatever address. Needs `no_new_privs`, and Landlock. Raises OSError.
    """
    found = abi()
    handled = (1 << max(count for version, count in _RIGHTS.items() if version <= found)) - 1
    attributes = _attributes(found, handled, network=network)
    ruleset = kernel.call(_CREATE_RULESET, kernel.buffer(attributes), len(attributes), 0)
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & handled)
        for port in ports if guards_ports(found) else ():
            kernel.call(_ADD_RULE, ruleset, _NET_PORT, kernel.buffer(struct.pack("=QQ", _CONNECT, port)), 0)
        kernel.call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _attributes(found: int, handled: int, *, network: bool) -> bytes:
    parts = [handled]
    if guards_ports(found):
        parts.append(0 if network else _BIND | _CONNECT)
    if found >= 6:
        parts.append(_SCOPES)
    return struct.pack(f"={len(parts)}Q", *parts)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _OF_FILES
        kernel.call(_ADD_RULE, ruleset, _PATH_BENEATH, kernel.buffer(struct.pack("=Qi", rights, descriptor)), 0)
    finally:
        os.close(descriptor)
