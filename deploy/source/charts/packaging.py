"""`helm package`: the real program, over a chart that was laid out for it, without a network or anybody's settings.

Helm 3 and 4 will do. It gets a directory of its own with neither home, plugins, repositories nor a search path, and the
operating system gives it that directory and no other file. All files are given one time, so that the same chart makes
the same bytes wherever Helm takes the times of its files.
"""

import os
import subprocess
from pathlib import Path

from deploy.source.charts import program
from gotk.sandbox.confinement import Confinement
from gotk.sandbox.ending import limit_reached

_MEMORY = 512 << 20
_SECONDS = 60


class PackageError(Exception):
    """The chart could not be packaged; the message is Helm's, or names the program that is missing."""


def package(chart: Path, version: str, work: Path, *, command: str | None, confine: program.Confine) -> bytes:
    """Package the chart in a folder, as this version. Blocks. Raises PackageError and OSError."""
    if command is None:
        raise PackageError(program.MISSING)
    target, home = work / "packaged", work / "home"
    for folder in (target, home):
        folder.mkdir()
    _settle(chart)
    confinement = Confinement(
        read=(str(chart),),
        write=(str(target), str(home)),
        memory=_MEMORY,
        cpu_seconds=_SECONDS,
        file_size=256 << 20,
        reserves=True,
    )
    words = (command, "package", str(chart), "--version", version, "--destination", str(target))
    try:
        ended = subprocess.run(
            confine(confinement, words),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=3 * _SECONDS,
            cwd=work,
            env=program.environment(home, memory=_MEMORY),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PackageError(f"failed to package chart: it took longer than {3 * _SECONDS}s") from None
    said = ended.stderr.decode("utf-8", "replace")
    if ended.returncode:
        limit = limit_reached(confinement, ended.returncode, said)
        raise PackageError(f"failed to package chart: {limit or program.complaint(said, work)}")
    (found,) = target.iterdir()
    return found.read_bytes()


def _settle(chart: Path) -> None:
    """Give every file the same time."""
    for folder, _, files in os.walk(chart):
        for name in (*files, "."):
            os.utime(Path(folder) / name, (0, 0))
