"""Which walls stand on this machine: a child that tries to get through them finds out.

A kernel may lack Landlock (before 5.13, or where its list of modules leaves it out), a container may forbid its calls,
and the filter knows two kinds of machine. Then a wall is missing, and an operator has to know.
"""

import os
import subprocess
from dataclasses import dataclass

from gotk import process as processes
from gotk.sandbox import landlock, probe, seccomp

_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Walls:
    """What confined children cannot reach here, and what they still can; `landlock` is the kernel's version of it."""

    refused: tuple[str, ...]
    open: tuple[str, ...]
    landlock: int
    filtered: bool
    machine: str

    @property
    def stand(self) -> bool:
        """Tell whether nothing is missing but what older kernels lack: ports, which no template can ask for anyway."""
        return not set(self.open) - {probe.PORTS}

    @property
    def causes(self) -> tuple[str, ...]:
        """Return what this machine lacks."""
        lacks = []
        if not self.landlock:
            lacks.append(
                "no Landlock: a kernel before 5.13, one without it in its list of modules, or a container's profile"
            )
        elif probe.PORTS in self.open:
            lacks.append("no ports in Landlock: a kernel before 6.7")
        if not self.filtered:
            lacks.append(f"no system call filter for {self.machine}")
        return tuple(lacks)


def inspect() -> Walls:
    """Start a confined child that tries every way out. Blocks for some tenths of a second."""
    machine = os.uname().machine
    ways = _open_ways()
    tried = (*probe.ATTEMPTS, probe.PORTS)
    return Walls(
        refused=tuple(name for name in tried if name not in ways),
        open=tuple(name for name in tried if name in ways),
        landlock=landlock.abi(),
        filtered=seccomp.known(machine),
        machine=machine,
    )


def _open_ways() -> frozenset[str]:
    """Return what children were not refused."""
    return _found(frozenset(probe.ATTEMPTS)) | _found(frozenset({probe.PORTS}), probe.PORTS)


def _found(everything: frozenset[str], *arguments: str) -> frozenset[str]:
    """Return what a child was not refused: everything, where it could not even be started."""
    try:
        ended = subprocess.run(
            (*processes.interpreter(probe.__name__), *arguments),
            env=processes.environment(),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return everything
    return frozenset(ended.stdout.decode().split())
