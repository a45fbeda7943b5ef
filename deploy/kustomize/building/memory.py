"""Where a build lies that has decrypted files: in memory, in a folder of this service's own that nobody else may open.

A killed process leaves its builds there, and no restart of a program empties `/dev/shm`: the folder is named for the
service's scratch folder, so that the next process finds it and empties it, as it does with the scratch.
"""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

_SHARED = Path("/dev/shm")  # noqa: S108 - what is made there is ours alone, or is not used


class Memory:
    """The folder in memory of whoever works in a scratch folder. It is emptied at once, and there while it is used."""

    def __init__(self, scratch: Path, *, shared: Path = _SHARED) -> None:
        self._shared = shared
        name = hashlib.blake2b(os.fsencode(scratch), digest_size=8).hexdigest()
        self._own = shared / f"image-automation-{name}"
        if self._is_ours():
            shutil.rmtree(self._own, ignore_errors=True)

    def free(self) -> int:
        """Return how many bytes there is room for. Raises OSError where there is no memory to lie in."""
        return shutil.disk_usage(self._shared).free

    def make(self) -> Path | None:
        """Make a folder for one build, None where that cannot be: somebody else has the name, or nobody may write."""
        try:
            self._own.mkdir(mode=0o700, exist_ok=True)
            return make_folder(self._own) if self._is_ours() else None
        except OSError:
            return None

    def leave(self) -> None:
        """Take the folder away once nothing lies in it."""
        with contextlib.suppress(OSError):
            self._own.rmdir()

    def _is_ours(self) -> bool:
        try:
            found = self._own.lstat()
        except OSError:
            return False
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077


def make_folder(parent: Path) -> Path:
    """Make a folder for one build."""
    return Path(tempfile.mkdtemp(prefix="build-", dir=parent))
