"""The log of a service with an embedded control plane, kept in its data folder: there are no pods to ask for theirs.

Two files hold it, the present one and the one before it, so that whoever reads finds at least half of what may be kept.
What cannot be written is lost: a full disk is no reason for a service to stop. It lies beside the kubeconfig, so that
whoever has that need not be told where; and it is there still when the service has ended.
"""

import contextlib
import os
from pathlib import Path

_LIMIT = 8 << 20
_NAME = "service.log"


class LogFile:
    """Takes lines and appends them to a file, which only its owner may read. The file is made with the first line."""

    def __init__(self, path: Path, *, limit: int = _LIMIT) -> None:
        self._path = path
        self._limit = limit
        self._file = -1
        self._size = 0

    def write(self, line: str) -> None:
        """Append a line; never raises."""
        data = line.encode(errors="replace") + b"\n"
        with contextlib.suppress(OSError):
            self._open()
            if self._size and self._size + len(data) > self._limit:
                self.close()
                self._path.replace(before(self._path))
                self._open()
            self._size += os.write(self._file, data)

    def _open(self) -> None:
        if self._file >= 0:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._file).st_size

    def close(self) -> None:
        """Close the file; a further line opens it again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def of(folder: Path) -> Path:
    """Return where the log of a service lies that keeps its data in a folder."""
    return folder / _NAME


def find(kubeconfig: Path) -> Path | None:
    """Return the log that a service has left beside its kubeconfig, if any."""
    path = of(kubeconfig.parent)
    return path if path.is_file() else None


def before(path: Path) -> Path:
    """Return where the lines before those in a log file are."""
    return path.with_name(f"{path.name}.1")
