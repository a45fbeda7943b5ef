"""Reading of a repository's index in a process of its own, within limits of memory and time.

An index may be 50 MiB of YAML from a stranger: that is millions of nodes, half a minute of a processor's time and a
pause of everything else in this process. It starts only where an index has changed.
"""

import subprocess
from pathlib import Path

from gotk import process
from gotk.sandbox.confinement import Confinement
from gotk.sandbox.ending import limit_reached

_MEMORY = 768 << 20
_SECONDS = 180
_LONGEST_COMPLAINT = 2048


class IndexingError(Exception):
    """The index could not be read; the message says where and why."""


def confinement(source: str, target: str) -> Confinement:
    """Return what the process may do: read one file and write another."""
    return Confinement(
        read=(*process.libraries(), source),
        write=(target,),
        memory=_MEMORY,
        cpu_seconds=_SECONDS,
        file_size=1 << 30,
    )


def convert(source: Path, target: Path) -> None:
    """Read an index as it was downloaded, and write it as it is stored. Blocks. Raises IndexingError and OSError."""
    target.touch(mode=0o600)
    try:
        ended = subprocess.run(
            process.interpreter("deploy.source.charts.indexing_worker", str(source), str(target)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=2 * _SECONDS,
            env=process.environment(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise IndexingError(f"it took longer than {2 * _SECONDS}s") from None
    if ended.returncode == 0:
        return
    said = ended.stderr.decode("utf-8", "replace")
    if ended.returncode == 1 and said.startswith("index: "):
        raise IndexingError(said.removeprefix("index: ").strip()[:_LONGEST_COMPLAINT])
    limit = limit_reached(confinement(str(source), str(target)), ended.returncode, said)
    raise IndexingError(limit or f"it broke the reader (exit status {ended.returncode})")
