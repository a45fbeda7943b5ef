"""The processes of this machine, as `/proc` shows them: who is below whom, and that one has ended."""

import contextlib
import os
import select
from pathlib import Path


def below(parent: int) -> list[Path]:
    """The processes below another, however deep."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*"):
        parents[int(path.name)] = _parent(path)
    found = {parent}
    while more := {child for child, of in parents.items() if of in found} - found:
        found |= more
    return [Path(f"/proc/{each}") for each in found - {parent}]


def ends(process: Path, *, seconds: float = 10.0) -> bool:
    """Wait until a process has ended; False where it does not."""
    try:
        descriptor = os.pidfd_open(int(process.name))
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def fork_servers() -> set[Path]:
    """The processes that this one started to fork workers from."""
    return {each for each in below(os.getpid()) if _forks(each) and _parent(each) == os.getpid()}


def workers() -> set[Path]:
    """The workers below this process."""
    return {each for each in below(os.getpid()) if _forks(each)} - fork_servers()


def _forks(process: Path) -> bool:
    with contextlib.suppress(OSError):
        return b"gotk.git.transport.fork_server" in (process / "cmdline").read_bytes()
    return False


def _parent(process: Path) -> int:
    with contextlib.suppress(OSError):
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    return 0
