"""The seccomp filter: what Landlock and resource limits leave open is refused by the number of the system call.

A list of what is refused, not of what is allowed: Go's and Python's runtimes call something new with each release, and
a build that breaks on a new kernel helps nobody. Calls newer than the list do not exist here, nor do those of another
machine's numbering. Refusals are errors (EPERM, or ENOSYS where the caller knows another way), so that a program can
say what it was refused.
"""

import errno
import os
import struct
from collections.abc import Iterator, Mapping

from gotk.sandbox import kernel, syscalls

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16  # where they stand in the kernel's `struct seccomp_data`
_REFUSE = _ERRNO | errno.EPERM
_UNKNOWN = _ERRNO | errno.ENOSYS

_ALL = 0xFFFFFFFF
_CLONE_THREAD = 0x10000
_MAP_SHARED_ANONYMOUS = 0x21
_AF_INET, _AF_INET6 = 2, 10  # the module `socket` takes as long to load as all of this
_SOCKET_KIND, _SOCK_STREAM, _SOCK_DGRAM = 0xF, 1, 2
_TCP = (0, 6)  # what streams are by default, and by name; MPTCP and SCTP are streams, too, that Landlock does not guard
_UDP = 17
_MSG_FASTOPEN = 0x20000000  # connects without `connect`, where Landlock looks
#: Text for a terminal, and the two ways to have a descriptor signal somebody.
_IOCTLS = (0x5412, 0x541C, 0x8901, 0x8902)
#: Owner, signal, lease and notice of a descriptor: signals to others where Landlock has no scopes.
_FCNTLS = (8, 10, 15, 1024, 1026)


def known(machine: str) -> bool:
    """Tell whether there is a filter for a machine, as `os.uname` names it."""
    return machine in syscalls.MACHINES


def install(machine: str, *, network: bool, runs: bool, ports: bool = False, names: bool = False) -> None:
    """Filter the system calls of this thread and of what it becomes. Needs `no_new_privs`. Raises OSError."""
    code = b"".join(program(machine, network=network, runs=runs, ports=ports, names=names))
    instructions = kernel.buffer(code)
    described = kernel.buffer(struct.pack("HxxxxxxP", len(code) // 8, kernel.address(instructions)))
    kernel.control(_PR_SET_SECCOMP, _MODE_FILTER, kernel.address(described))


def program(machine: str, *, network: bool, runs: bool, ports: bool = False, names: bool = False) -> Iterator[bytes]:
    """Yield the filter as instructions of the kernel's packet filter.

    `ports` leaves TCP if there is no network, and `names` UDP besides.
    """
    ports = ports and not network
    yield from (_load(_MACHINE), _jump(_EQUAL, syscalls.MACHINES[machine], 1, 0), _end(_KILL), _load(_NUMBER))
    yield from (_jump(_AT_LEAST, syscalls.LAST + 1, 0, 1), _end(_UNKNOWN))
    yield from _always(machine, syscalls.REFUSED, _REFUSE)
    yield from _always(machine, syscalls.ABSENT, _UNKNOWN)
    allowed = syscalls.NETWORK.keys() if network else {"connect"} if ports else set()
    refused = {name: found for name, found in syscalls.NETWORK.items() if name not in allowed}
    yield from _always(machine, {**refused, **syscalls.SERVING}, _REFUSE)
    for name, verdict in _judged(network=network, ports=ports, names=names, runs=runs):
        if (number := syscalls.JUDGED[name][_column(machine)]) >= 0:
            yield from (_jump(_EQUAL, number, 0, len(verdict)), *verdict)
    yield _end(_ALLOW)


def _judged(*, network: bool, ports: bool, names: bool, runs: bool) -> Iterator[tuple[str, list[bytes]]]:
    """Yield, for each call that depends on its arguments, the instructions that decide it to the end."""
    own = os.getpid()
    write_less = os.O_TRUNC | os.O_ACCMODE
    if ports:
        kinds = (_SOCK_STREAM, *((_SOCK_DGRAM,) if names else ()))
        protocols = (*_TCP, *((_UDP,) if names else ()))
        yield "socket", _each((0, _ALL, (_AF_INET,)), (1, _SOCKET_KIND, kinds), (2, _ALL, protocols))
        yield "sendto", _never(3, _MSG_FASTOPEN, _MSG_FASTOPEN)
        yield "sendmsg", _never(2, _MSG_FASTOPEN, _MSG_FASTOPEN)
    else:
        yield "socket", _only(0, _ALL, *((_AF_INET, _AF_INET6) if network else ()))
    yield "socketpair", _only(1, _SOCKET_KIND, *((_SOCK_STREAM,) if network else ()))
    yield "clone", _only(0, _CLONE_THREAD, _CLONE_THREAD)
    yield "kill", _only(0, _ALL, own)
    yield "tgkill", _only(0, _ALL, own)
    yield "prlimit64", _only(0, _ALL, 0, own)
    yield "mmap", _never(3, _MAP_SHARED_ANONYMOUS, _MAP_SHARED_ANONYMOUS)
    yield "open", _never(1, write_less, os.O_TRUNC)  # an old Landlock takes it for reading
    yield "openat", _never(2, write_less, os.O_TRUNC)
    yield "ioctl", _never(1, _ALL, *_IOCTLS)
    yield "fcntl", _never(1, _ALL, *_FCNTLS)
    yield "prctl", _never(0, _ALL, kernel.PR_SET_PDEATHSIG)
    if not runs:
        yield "execve", [_end(_REFUSE)]


def _always(machine: str, calls: Mapping[str, tuple[int, int]], verdict: int) -> Iterator[bytes]:
    for numbers in calls.values():
        if (number := numbers[_column(machine)]) >= 0:
            yield from (_jump(_EQUAL, number, 0, 1), _end(verdict))


def _only(position: int, mask: int, *values: int) -> list[bytes]:
    return _matched(position, mask, values, _ALLOW, _REFUSE)


def _never(position: int, mask: int, *values: int) -> list[bytes]:
    return _matched(position, mask, values, _REFUSE, _ALLOW)


def _each(*conditions: tuple[int, int, tuple[int, ...]]) -> list[bytes]:
    """Return the verdict over several arguments, all of which must hold."""
    refused = [step for position, mask, values in conditions for step in _only(position, mask, *values)[:-1]]
    return [*refused, _end(_ALLOW)]


def _matched(position: int, mask: int, values: tuple[int, ...], then: int, otherwise: int) -> list[bytes]:
    """Return the verdict over one argument: of its low half, which is all that these calls look at."""
    compared = [_jump(_EQUAL, value, len(values) - index, 0) for index, value in enumerate(values)]
    return [_load(_ARGUMENTS + 8 * position), _step(_AND, mask), *compared, _end(otherwise), _end(then)]


def _column(machine: str) -> int:
    return list(syscalls.MACHINES).index(machine)


def _load(offset: int) -> bytes:
    return _step(_LOAD, offset)


def _end(verdict: int) -> bytes:
    return _step(_RETURN, verdict)


def _jump(kind: int, value: int, then: int, otherwise: int) -> bytes:
    return _step(kind, value, then, otherwise)


def _step(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)
