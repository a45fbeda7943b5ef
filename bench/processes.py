"""What processes on this machine cost that a benchmark looks at from outside."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Processes:
    """Processes, and those that they have started."""

    pids: Sequence[int]

    @property
    def processor(self) -> float:
        """How many seconds of a processor they have taken."""
        return sum(self._ticks(pid) for pid in self._tree()) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> int:
        """How many bytes of memory they have resident."""
        return sum(_pages(pid) for pid in self._tree()) * os.sysconf("SC_PAGE_SIZE")

    def _tree(self) -> list[int]:
        children: dict[int, list[int]] = {}
        for each in Path("/proc").iterdir():
            if each.name.isdigit() and (fields := _stat(int(each.name))):
                children.setdefault(int(fields[1]), []).append(int(each.name))
        found = list(self.pids)
        for pid in found:
            found.extend(children.get(pid, ()))
        return found

    @staticmethod
    def _ticks(pid: int) -> int:
        return sum(int(each) for each in _stat(pid)[11:15])


def _stat(pid: int) -> list[str]:
    """Return the fields of a process behind its name; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _pages(pid: int) -> int:
    """Return the resident pages of a process; none where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
