"""Enclosing the process that calls: every wall that this kernel has, from here on and for whatever it becomes.

A kernel without Landlock, and a machine that the filter does not know, leave their wall out (`walls` says so); anything
else that fails is an error, and the child does not start on strangers' bytes.
"""

import os
from collections.abc import Sequence

from gotk.sandbox import kernel, landlock, limits, seccomp

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full")
_SOURCES = ("/dev/urandom", "/dev/random")


def enclose(
    *,
    read: Sequence[str],
    write: Sequence[str],
    run: Sequence[str],
    network: bool,
    memory: int,
    cpu_seconds: int | None,
    file_size: int,
    reserves: bool = False,
    ports: Sequence[int] = (),
    names: bool = False,
) -> None:
    """Confine this process: files, network, other processes, and what it may use up.

    `run` names the programs that it may become, none where it stays itself. Without `network` it may connect to `ports`
    alone, and with `names` use UDP. Raises OSError, and RuntimeError where the process has more threads than one: they
    would stay outside.
    """
    with os.scandir("/proc/self/task") as threads:
        if sum(1 for _ in threads) > 1:
            raise RuntimeError("a process with several threads cannot be confined")
    machine = os.uname().machine
    limits.bound(memory=memory, cpu_seconds=cpu_seconds, file_size=file_size, reserves=reserves)
    limits.drop_capabilities(machine)
    kernel.control(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if landlock.abi():
        landlock.restrict(_rules(read, write, run), network=network, ports=ports)
    if seccomp.known(machine):
        seccomp.install(machine, network=network, ports=bool(ports), names=names, runs=bool(run))


def _rules(read: Sequence[str], write: Sequence[str], run: Sequence[str]) -> list[tuple[str, int]]:
    given = ((read, landlock.READ), (write, landlock.WRITE), (run, landlock.RUN))
    always = ((_DEVICES, landlock.DEVICE), (_SOURCES, landlock.READ))
    return [(path, rights) for paths, rights in (*given, *always) for path in paths]
