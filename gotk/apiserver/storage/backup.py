"""A data directory as one file, taken while it is in use; put back; and made small again.

A backup holds the objects as of one moment, and the keys and the token, so that kubeconfigs handed out before stay good
after a restore. It is as secret as the directory. A restored control plane goes on a million revisions later, so that
clients which saw newer states than it holds list anew instead of taking one for another.
"""

import contextlib
import io
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gotk import sqlite
from gotk.apiserver.storage import database
from gotk.apiserver.storage.database import FILE, StoreError

#: How far the revision moves on when a backup is put back.
LEAP: Final = 1_000_000
_KEPT: Final = ("token", "pki")
_LIMIT: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Report:
    """What a backup holds, or what became of a file: objects, revision, bytes before and after."""

    objects: int
    revision: int
    before: int
    after: int


def save(directory: Path, target: Path) -> Report:
    """Write a backup of a data directory, whole or not at all. Raises StoreError."""
    source = directory / FILE
    if not source.is_file():
        raise StoreError(f"{directory} holds no control plane: there is no {FILE}")
    with _staging(target.parent) as staging:
        copy, archive = staging / FILE, staging / "archive"
        _copy(source, copy)
        objects, revision = _look(copy)
        with _private(archive) as file, tarfile.open(fileobj=file, mode="w:gz", compresslevel=3) as tar:
            tar.add(copy, FILE, filter=_anonymous)
            for name in _KEPT:
                if (directory / name).exists():
                    tar.add(directory / name, name, filter=_anonymous)
        archive.replace(target)
    return Report(objects, revision, _size(source), target.stat().st_size)


def restore(directory: Path, source: Path, *, force: bool = False) -> Report:
    """Put a backup into a data directory; `force` replaces what is there, but never under a running one.

    What is replaced stays beside it as `*.replaced`. Raises StoreError.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = database.lock(directory / "lock")
    with lock, _staging(directory) as staging:
        present = [name for name in (FILE, *_KEPT) if (directory / name).exists()]
        if present and not force:
            raise StoreError(f"{directory} is not empty ({', '.join(present)}): add --force to replace what is there")
        _unpack(source, staging)
        objects, revision = _look(staging / FILE)
        _leap(staging / FILE, revision + LEAP)
        for name in (f"{FILE}-wal", f"{FILE}-shm", FILE, *_KEPT):
            _replace(directory / name, staging / name)
    return Report(objects, revision + LEAP, source.stat().st_size, (directory / FILE).stat().st_size)


def compact(directory: Path) -> Report:
    """Give unused space back to the disk. The control plane must not run. Raises StoreError."""
    path = directory / FILE
    if not path.is_file():
        raise StoreError(f"{directory} holds no control plane: there is no {FILE}")
    with database.lock(directory / "lock"):
        before = _size(path)
        free = shutil.disk_usage(directory).free
        if free < before:
            why = f"{before // 1024} KiB are needed for a while, {free // 1024} KiB are free"
            raise StoreError(f"{path} cannot be compacted: {why}")
        try:
            with sqlite.opened(path) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise StoreError(f"{path} cannot be compacted: {error}") from error
        objects, revision = _look(path)
    return Report(objects, revision, before, _size(path))


@contextlib.contextmanager
def _staging(parent: Path) -> Iterator[Path]:
    """Give a private folder on the same disk, removed in the end. Raises StoreError."""
    try:
        with tempfile.TemporaryDirectory(dir=parent, prefix=".staging-") as name:
            yield Path(name)
    except OSError as error:
        raise StoreError(f"{error.filename or parent}: {error.strerror}") from error


@contextlib.contextmanager
def _private(path: Path) -> Iterator[io.BufferedWriter]:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _copy(source: Path, target: Path) -> None:
    """Copy a database as of one moment, while another process writes to it. Raises StoreError."""
    os.close(os.open(target, os.O_CREAT | os.O_RDWR, 0o600))
    try:
        with sqlite.opened(source, read_only=True) as live, sqlite.opened(target) as copy:
            live.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise StoreError(f"{source} cannot be copied: {error}") from error


def _look(path: Path) -> tuple[int, int]:
    """Return how many objects a file holds, and its revision. Raises StoreError when it is damaged."""
    try:
        with sqlite.opened(path) as connection:
            sqlite.check(connection)
            objects = int(connection.execute("SELECT count(*) FROM obj").fetchone()[0])
            found = connection.execute("SELECT v FROM meta WHERE k = 'revision'").fetchone()
    except sqlite.Damaged as error:
        raise StoreError(f"{path.name} is damaged: {error}") from error
    except sqlite3.Error as error:
        raise StoreError(f"{path.name} is not, or no longer, a control plane's: {error}") from error
    return objects, int(found[0]) if found else 1


def _leap(path: Path, revision: int) -> None:
    with sqlite.opened(path) as connection:
        connection.execute(
            "INSERT INTO meta VALUES ('revision', ?) ON CONFLICT (k) DO UPDATE SET v = ?", (revision,) * 2
        )


def _unpack(source: Path, target: Path) -> None:
    """Unpack a backup: only what we put into one, only plain files. Raises StoreError."""
    try:
        with tarfile.open(source, mode="r:gz") as tar:
            for member in tar:
                _member(tar, member, target)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise StoreError(f"{source} cannot be read as a backup: {error}") from error
    if not (target / FILE).is_file():
        raise StoreError(f"{source} is no backup of a control plane: it holds no {FILE}")


def _member(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    parts = Path(member.name).parts
    known = member.name in {FILE, "token"} or (len(parts) == 2 and parts[0] == "pki" and parts[1] not in {".", ".."})
    if member.isdir() and member.name == "pki":
        (target / "pki").mkdir(mode=0o700, exist_ok=True)
        return
    content = tar.extractfile(member) if member.isfile() and known else None
    if content is None or (member.name != FILE and member.size > _LIMIT):
        raise StoreError(f"{member.name!r} does not belong into a backup")
    (target / member.name).parent.mkdir(mode=0o700, exist_ok=True)
    with _private(target / member.name) as file:
        shutil.copyfileobj(content, file)


def _replace(place: Path, fresh: Path) -> None:
    """Put a file or folder in its place; what is there stays beside it."""
    if place.exists():
        aside = place.with_name(f"{place.name}.replaced")
        shutil.rmtree(aside, ignore_errors=True) if aside.is_dir() else aside.unlink(missing_ok=True)
        place.rename(aside)
    if fresh.exists():
        fresh.rename(place)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out who owns a file, and drafts."""
    if Path(member.name).name.startswith("."):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _size(path: Path) -> int:
    log = path.with_name(f"{path.name}-wal")
    return path.stat().st_size + (log.stat().st_size if log.exists() else 0)
