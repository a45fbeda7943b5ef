"""Resource limits, and the rights of root that a child has no use for."""

import os
import resource
import struct

from gotk.sandbox import kernel

_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITIES_V3 = 0x20080522
_OPEN_FILES = 256
_RESERVED = 2 << 30
_SIGKILL = 9  # the module `signal` takes as long to load as all of this


def bound(*, memory: int, cpu_seconds: int | None, file_size: int, reserves: bool) -> None:
    """Limit this process. Raises OSError and ValueError.

    Memory is what the process may write to. A program that `reserves` address space which it never touches, as Go's
    do, may have so much more of that. What it maps within a reservation the kernel counts, and refuses only when the
    program asks for more next: a single text may so be larger than the memory, and the address space is its bound.
    """
    _limit(resource.RLIMIT_DATA, memory)
    _limit(resource.RLIMIT_AS, memory + (_RESERVED if reserves else 0))
    if cpu_seconds is not None:
        _limit(resource.RLIMIT_CPU, cpu_seconds)
    _limit(resource.RLIMIT_FSIZE, file_size)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    for unused in (resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE):
        _limit(unused, 0)


def die_with_parent(parent: int) -> None:
    """End this process when its parent ends, and now where that has happened already. Raises OSError."""
    kernel.control(kernel.PR_SET_PDEATHSIG, _SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), _SIGKILL)


def drop_capabilities(machine: str) -> None:
    """Give up what root may do beyond its own files; under `no_new_privs` no program gives it back. Raises OSError."""
    if machine in _CAPSET:
        header = struct.pack("=Ii", _CAPABILITIES_V3, 0)
        kernel.call(_CAPSET[machine], kernel.buffer(header), kernel.buffer(bytes(24)))


def _limit(which: int, most: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(which, (most, most))
