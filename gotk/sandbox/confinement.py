"""What a child may reach and use up, as a value; and how a program is started under it.

A child interpreter of ours encloses itself once its own code is loaded (`Confinement.enclose`), so that not even that
stays readable. A program that is not ours is started through the launcher (`Confinement.command`).
"""

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gotk.sandbox import elf, enclosure, launcher, limits

#: Where the loader and libraries of a program lie that is not linked into one piece.
LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")

#: What a resolver reads to know where it is, and what of hosts needs no question.
RESOLVER = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf")
_DNS = 53


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """What a child may do: `read` and `write` are paths with all that is beneath them.

    `memory` and `file_size` are bytes. Without `cpu_seconds` whoever asks the child bounds each answer. A Go program
    reserves far more address space than it uses: `reserves`. `keep` are descriptors that a program is started with
    beside the standard ones, such as memory that holds a key. Without a network it may still connect by TCP to `ports`;
    that it is those alone takes Landlock 4, and any address will do. With `names` it may ask for addresses of hosts
    besides: it reads what this machine says of that, and has UDP, which no kernel bounds.
    """

    memory: int
    cpu_seconds: int | None
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    network: bool = False
    file_size: int = 0
    reserves: bool = False
    keep: tuple[int, ...] = ()
    ports: tuple[int, ...] = ()
    names: bool = False

    def enclose(self) -> None:
        """Confine the process that calls, which now ends with its parent. Raises OSError and RuntimeError."""
        limits.die_with_parent(os.getppid())
        enclosure.enclose(
            read=self._readable,
            write=self.write,
            run=(),
            network=self.network,
            memory=self.memory,
            cpu_seconds=self.cpu_seconds,
            file_size=self.file_size,
            reserves=self.reserves,
            ports=self._reachable,
            names=self.names,
        )

    def command(self, program: Sequence[str]) -> tuple[str, ...]:
        """Return the command line that runs a program under it. Raises FileNotFoundError where there is none."""
        name, *arguments = program
        if (found := shutil.which(name)) is None:
            raise FileNotFoundError(f"there is no program {name}")
        path = str(Path(found).resolve())
        loader = elf.interpreter(path)
        read, run = ((*self._readable, *LIBRARIES), (path, loader)) if loader else (self._readable, (path,))
        options = [
            *(f"--read={each}" for each in read),
            *(f"--write={each}" for each in self.write),
            *(f"--run={each}" for each in run),
            *(f"--keep={each}" for each in self.keep),
            *(f"--port={each}" for each in self._reachable),
            *(["--names"] if self.names else []),
            *(["--network"] if self.network else []),
            *(["--reserves"] if self.reserves else []),
            *([f"--cpu-seconds={self.cpu_seconds}"] if self.cpu_seconds is not None else []),
            f"--memory={self.memory}",
            f"--file-size={self.file_size}",
            f"--parent={os.getpid()}",
        ]
        return (sys.executable, "-I", "-S", launcher.__file__, *options, "--", path, *arguments)

    @property
    def _readable(self) -> tuple[str, ...]:
        return (*self.read, *RESOLVER) if self.names else self.read

    @property
    def _reachable(self) -> tuple[int, ...]:
        return (*self.ports, _DNS) if self.names else self.ports
