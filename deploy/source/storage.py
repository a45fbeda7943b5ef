"""Artifacts on disk: where each one is, how it gets there whole or not at all, and when old ones go.

Answers to source-controller's `Storage`: `<kind>/<namespace>/<name>/<file>` below one root, written beside its place
and renamed, served under an advertised address, collected by age and then by number.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, TypeVar

from gotk import digest
from gotk.api.meta import Artifact

W = TypeVar("W")

_MOST_FILES = 1000
_PARTIAL = ".partial-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long a superseded artifact stays, and how many artifacts of an object stay."""

    ttl: timedelta
    records: int


class Storage:
    """The artifacts below one directory; its methods block."""

    def __init__(self, root: Path, *, address: str, retention: Retention, algorithm: str) -> None:
        """Take the directory and the address (`host:port`, or with a scheme) that artifacts are reached under.

        `algorithm` is what new artifacts are digested with.
        """
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.root = root
        prefix = address if address.startswith(("http://", "https://")) else f"http://{address}"
        self._prefix = prefix.rstrip("/")
        self._retention = retention
        self.algorithm = algorithm

    def url(self, path: str) -> str:
        """Return the address of an artifact."""
        return f"{self._prefix}/{path}"

    def write(self, path: str, fill: Callable[[BinaryIO], W]) -> W:
        """Let `fill` write an artifact; it appears under its path only when it is complete. Raises OSError."""
        target = self._locate(path)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(prefix=_PARTIAL, dir=target.parent)
        partial = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                written = fill(file)
                file.flush()
                os.fsync(descriptor)
            partial.replace(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return written

    def file(self, artifact: Artifact) -> Path:
        """Return where an artifact's file is."""
        return self._locate(artifact.path)

    def missing(self, artifact: Artifact) -> bool:
        """Tell whether an artifact's file is not there."""
        path = self._locate(artifact.path)
        return path.is_symlink() or not path.is_file()

    def verify(self, artifact: Artifact) -> str:
        """Compare the file with its digest; returns what is wrong, or nothing."""
        try:
            actual = self._digest(artifact.path, artifact.digest.partition(":")[0])
        except ValueError as error:
            return str(error)
        return "" if actual == artifact.digest else f"computed digest doesn't match '{artifact.digest}'"

    def digest(self, path: str) -> str:
        """Return the digest of a file by the algorithm that artifacts are digested with."""
        return self._digest(path, self.algorithm)

    def _digest(self, path: str, algorithm: str) -> str:
        with self._locate(path).open("rb") as file:
            return digest.of(file, algorithm)

    def link(self, path: str, artifact: Artifact) -> None:
        """Let a name beside an artifact lead to it, from one moment to the next. Raises OSError."""
        link = self._locate(path)
        fresh = link.with_name(f"{link.name}{_PARTIAL}link")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(self._locate(artifact.path).name)
        fresh.replace(link)

    def remove(self, artifact: Artifact) -> None:
        """Delete an artifact's file."""
        self._locate(artifact.path).unlink(missing_ok=True)

    def remove_all(self, directory: str) -> None:
        """Delete everything of an object. Raises OSError."""
        path = self._locate(directory)
        if path.exists():
            shutil.rmtree(path)

    def collect(self, current: Artifact, *, now: datetime) -> list[str]:
        """Delete what an object's artifact has superseded, and what a killed process left; returns the file names.

        Whatever is older than the retention's age goes; of the rest only the newest stay, up to its number.
        """
        kept = self._locate(current.path)
        others = self._others(kept)
        limit = (now - self._retention.ttl).timestamp()
        doomed = [path for path, modified in others if modified < limit]
        rest = [path for path, modified in others if modified >= limit and not path.name.startswith(_PARTIAL)]
        surplus = len(rest) + 1 - self._retention.records
        doomed += rest[: max(surplus, 0)]
        for path in doomed:
            path.unlink(missing_ok=True)
        return [path.name for path in doomed]

    def _others(self, kept: Path) -> list[tuple[Path, float]]:
        """List the files beside an artifact, oldest first."""
        if not kept.parent.is_dir():
            return []
        beside = itertools.islice(kept.parent.iterdir(), _MOST_FILES)
        found = [path for path in beside if path != kept and path.is_file() and not path.is_symlink()]
        return sorted(((path, path.stat().st_mtime) for path in found), key=lambda pair: (pair[1], pair[0].name))

    def _locate(self, path: str) -> Path:
        names = path.split("/")
        if any(name in {"", ".", ".."} or "\0" in name for name in names):
            raise ValueError(f"'{path}' is no artifact's path")
        return self.root.joinpath(*names)
