"""The gate OOMWatch: the service ends cleanly before the kernel kills it for its memory.

Answers to helm-controller's `internal/oomwatch`: what the control group uses is held against its limit, both as files
of the kernel say them, version 2 before version 1. A container that is killed leaves a release pending; one that ends
by itself finishes what it is doing.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

_GROUP = Path("/sys/fs/cgroup")
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")
_USAGES = ("memory.current", "memory/memory.usage_in_bytes")


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """How much memory there is, in bytes, where it stands how much is used, and at how much of it to end.

    `percent` is of the limit; `every` are the seconds between two looks.
    """

    limit: int
    usage: Path
    percent: int
    every: float

    @property
    def most(self) -> float:
        """The bytes at which the service ends."""
        return self.limit * self.percent / 100


def find(limit: Path | None, usage: Path | None, *, percent: int, every: float, group: Path = _GROUP) -> MemoryLimit:
    """Read the limit, and find the file of what is used. Raises ValueError with a message for people."""
    limit = limit or _first(group, _LIMITS, "--oom-watch-max-memory-path")
    usage = usage or _first(group, _USAGES, "--oom-watch-current-memory-path")
    try:
        _number(usage)
    except (OSError, ValueError) as error:
        raise ValueError(f"--oom-watch-current-memory-path: {usage} cannot be read: {error}") from None
    try:
        most = _number(limit)
    except (OSError, ValueError) as error:
        why = "it says that there is no limit" if _is_unlimited(limit) else str(error)
        raise ValueError(
            f"--oom-watch-max-memory-path: {limit} cannot be used: {why}; limit the container's memory, "
            "or leave the gate OOMWatch out"
        ) from None
    return MemoryLimit(most, usage, percent, every)


@contextlib.contextmanager
def watching(limit: MemoryLimit | None, stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` when so much memory is used, for as long as the block lasts; without a limit nothing is looked at."""
    if limit is None:
        yield
        return
    watch = _Watch(limit, stop)
    try:
        yield
    finally:
        watch.end()


class _Watch:
    """Looks again and again. A look reads a few bytes that the kernel has at hand."""

    def __init__(self, limit: MemoryLimit, stop: asyncio.Event) -> None:
        self._limit = limit
        self._stop = stop
        self._log = structlog.get_logger().bind(logger="memory")
        self._next = self._later()

    def end(self) -> None:
        self._next.cancel()

    def _later(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self._limit.every, self._look)

    def _look(self) -> None:
        try:
            used = _number(self._limit.usage)
        except (OSError, ValueError) as error:
            self._log.warning("the memory that is used could not be read", error=str(error))
            used = 0
        if used >= self._limit.most:
            self._log.warning("memory is nearly used up: the service ends", used=used, limit=self._limit.limit)
            self._stop.set()
            return
        self._next = self._later()


def _first(group: Path, names: tuple[str, ...], option: str) -> Path:
    for name in names:
        if (group / name).exists():
            return group / name
    raise ValueError(f"{option}: there is no {' and no '.join(names)} beneath {group}: say where it is")


def _number(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))


def _is_unlimited(file: Path) -> bool:
    try:
        return file.read_text(encoding="ascii").strip() == "max"
    except (OSError, ValueError):
        return False
