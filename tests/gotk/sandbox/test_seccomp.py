"""The filter's program, run by a small machine of our own: the kernel runs only the one for this hardware."""

import errno
import os
import struct

import pytest

from gotk.sandbox import seccomp, syscalls

ALLOWED, KILLED = "allowed", "killed"
BIG = 1 << 40


def verdict(machine, call, *arguments, network=False, runs=False, ports=False, names=False):
    """Return what the filter says to a call: allowed, killed, or the error's name."""
    number = call if isinstance(call, int) else numbers(machine)[call]
    seen = struct.pack("=iIQ6Q", number, syscalls.MACHINES[machine], 0, *arguments, *[0] * (6 - len(arguments)))
    return judged(b"".join(seccomp.program(machine, network=network, runs=runs, ports=ports, names=names)), seen)


def judged(program, seen):
    at, held = 0, 0
    while True:
        code, then, otherwise, value = struct.unpack_from("=HBBI", program, 8 * at)
        at += 1
        match code:
            case 0x20:
                (held,) = struct.unpack_from("=I", seen, value)
            case 0x54:
                held &= value
            case 0x15:
                at += then if held == value else otherwise
            case 0x35:
                at += then if held >= value else otherwise
            case 0x06:
                if value == 0x7FFF0000:
                    return ALLOWED
                return KILLED if value == 0x80000000 else errno.errorcode[value & 0xFFFF]


def numbers(machine):
    column = list(syscalls.MACHINES).index(machine)
    tables = (syscalls.REFUSED, syscalls.NETWORK, syscalls.SERVING, syscalls.ABSENT, syscalls.JUDGED)
    return {name: found[column] for table in tables for name, found in table.items() if found[column] >= 0}


every_machine = pytest.mark.parametrize("machine", syscalls.MACHINES)


@every_machine
@pytest.mark.parametrize("network", [True, False])
def test_what_is_refused_is_refused_on_every_machine(machine, network):
    for name in syscalls.REFUSED.keys() & numbers(machine).keys():
        assert verdict(machine, name, network=network) == "EPERM", name
    for name in syscalls.ABSENT:
        assert verdict(machine, name, network=network) == "ENOSYS"


@every_machine
def test_everything_else_that_the_filter_has_looked_at_is_allowed(machine):
    named = set(numbers(machine).values())
    for number in set(range(syscalls.LAST + 1)) - named:
        assert verdict(machine, number) == ALLOWED
    for number in (syscalls.LAST + 1, 0x40000000, 0x7FFFFFFF):
        assert verdict(machine, number) == "ENOSYS"


@every_machine
def test_another_machines_numbering_ends_the_process(machine):
    program = b"".join(seccomp.program(machine, network=True, runs=True))
    assert judged(program, struct.pack("=iIQ6Q", 39, 0x40000003, 0, *[0] * 6)) == KILLED


CLONE_OF_A_THREAD, CLONE_OF_A_PROCESS = 0x3D0F00, 0x1200011
CASES = [
    ("socket", (2, 1), True, "EPERM", ALLOWED),
    ("socket", (10, 2), True, "EPERM", ALLOWED),
    ("socket", (1, 1), True, "EPERM", "EPERM"),
    ("socket", (16, 3), True, "EPERM", "EPERM"),
    ("socket", (BIG + 2, 1), True, "EPERM", ALLOWED),
    ("socketpair", (1, 1 | 0o2000000), True, "EPERM", ALLOWED),
    ("socketpair", (1, 2), True, "EPERM", "EPERM"),
    ("connect", (3,), True, "EPERM", ALLOWED),
    ("bind", (3,), True, "EPERM", ALLOWED),
    ("listen", (3,), True, "EPERM", "EPERM"),
    ("clone", (CLONE_OF_A_THREAD,), True, ALLOWED, ALLOWED),
    ("clone", (CLONE_OF_A_PROCESS,), True, "EPERM", "EPERM"),
    ("kill", (os.getpid(),), True, ALLOWED, ALLOWED),
    ("kill", (1,), True, "EPERM", "EPERM"),
    ("kill", (0xFFFFFFFF,), True, "EPERM", "EPERM"),
    ("tgkill", (os.getppid(),), True, "EPERM", "EPERM"),
    ("prlimit64", (0,), True, ALLOWED, ALLOWED),
    ("prlimit64", (1,), True, "EPERM", "EPERM"),
    ("mmap", (0, 4096, 3, 0x22), True, ALLOWED, ALLOWED),
    ("mmap", (0, 4096, 3, 0x21), True, "EPERM", "EPERM"),
    ("mmap", (0, 4096, 3, 0x23), True, "EPERM", "EPERM"),
    ("openat", (3, 0, os.O_TRUNC), True, "EPERM", "EPERM"),
    ("openat", (3, 0, os.O_TRUNC | os.O_WRONLY | os.O_CREAT), True, ALLOWED, ALLOWED),
    ("openat", (3, 0, os.O_RDONLY), True, ALLOWED, ALLOWED),
    ("ioctl", (0, 0x5412), True, "EPERM", "EPERM"),
    ("ioctl", (0, BIG + 0x5412), True, "EPERM", "EPERM"),
    ("ioctl", (0, 0x8901), True, "EPERM", "EPERM"),
    ("fcntl", (0, 8, 1), True, "EPERM", "EPERM"),
    ("fcntl", (0, 2, 1), True, ALLOWED, ALLOWED),
    ("prctl", (1, 0), True, "EPERM", "EPERM"),
    ("prctl", (15, 0), True, ALLOWED, ALLOWED),
    ("execve", (), True, ALLOWED, ALLOWED),
    ("execve", (), False, "EPERM", "EPERM"),
]


@every_machine
@pytest.mark.parametrize(("call", "arguments", "runs", "without", "with_network"), CASES)
def test_calls_are_judged_by_their_arguments(machine, call, arguments, runs, without, with_network):
    assert verdict(machine, call, *arguments, runs=runs) == without
    assert verdict(machine, call, *arguments, runs=runs, network=True) == with_network


@every_machine
def test_a_child_with_ports_has_streams_of_tcp_and_nothing_else_of_the_network(machine):
    tcp = {"network": False, "ports": True}
    assert verdict(machine, "connect", 3, BIG, 16, **tcp) == ALLOWED
    assert verdict(machine, "connect", 3, BIG, 16) == "EPERM"
    for name in ("bind", "listen", "accept", "accept4", "sendmmsg"):
        assert verdict(machine, name, 3, **tcp) == "EPERM", name
    cloexec = 0x80800
    for protocol in (0, 6):
        assert verdict(machine, "socket", 2, 1 | cloexec, protocol, **tcp) == ALLOWED
    for domain, kind, protocol in ((10, 1, 0), (1, 1, 0), (2, 2, 0), (2, 3, 6), (2, 1, 262), (2, 1, 132), (16, 1, 0)):
        assert verdict(machine, "socket", domain, kind, protocol, **tcp) == "EPERM", (domain, kind, protocol)
    assert verdict(machine, "socketpair", 1, 1, 0, **tcp) == "EPERM"


@every_machine
def test_a_child_that_asks_for_names_has_datagrams_besides(machine):
    asking = {"ports": True, "names": True}
    for kind, protocol in ((1, 6), (2, 0), (2, 17)):
        assert verdict(machine, "socket", 2, kind | 0x80800, protocol, **asking) == ALLOWED, (kind, protocol)
    for domain, kind, protocol in ((10, 2, 0), (1, 2, 0), (2, 3, 17), (2, 2, 136), (2, 1, 132)):
        assert verdict(machine, "socket", domain, kind, protocol, **asking) == "EPERM", (domain, kind, protocol)
    for name in ("bind", "listen", "accept", "accept4", "sendmmsg"):
        assert verdict(machine, name, 3, **asking) == "EPERM", name


@every_machine
def test_a_child_with_ports_connects_by_no_other_call(machine):
    tcp = {"network": False, "ports": True}
    fast_open, no_signal = 0x20000000, 0x4000
    assert verdict(machine, "sendto", 3, BIG, 9, no_signal, **tcp) == ALLOWED
    assert verdict(machine, "sendto", 3, BIG, 9, no_signal | fast_open, BIG, 16, **tcp) == "EPERM"
    assert verdict(machine, "sendmsg", 3, BIG, no_signal, **tcp) == ALLOWED
    assert verdict(machine, "sendmsg", 3, BIG, fast_open, **tcp) == "EPERM"
