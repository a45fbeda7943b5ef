"""What an ArtifactGenerator copies: from which source, what of it, to where, and how files that meet are joined.

Answers to source-watcher's builder: its `cp`-like rules, its strategies and its error texts, also where its guide says
otherwise: what a pattern finds keeps its path, unless the pattern ends in `/**`.
"""

import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from deploy.source import unpack
from deploy.source.generating import globs, merging
from deploy.source.generating.globs import BadPattern
from deploy.source.generating.merging import NotMergeable
from deploy.source.generating.staging import Staged, Staging, StagingError, clean
from deploy.source.generating.tree import Tree
from gotk.api.source_extensions import CopyOperation

_ARCHIVES = (".tar.gz", ".tgz")
_ARTIFACT = "@artifact/"
_DEEP = "/**"


class CopyError(ValueError):
    """A copy operation that cannot be; the message says which, and why."""


class Rooms(Protocol):
    """Where archives are unpacked, for as long as an artifact is made."""

    def room(self) -> Path:
        """Return an empty folder."""
        ...


def apply(operations: Sequence[CopyOperation], sources: Mapping[str, Tree], staging: Staging, rooms: Rooms) -> None:
    """Copy in order; what comes later replaces what is there. Blocks. Raises CopyError."""
    for operation in operations:
        try:
            _Copy(operation, sources, staging, rooms).apply()
        except (CopyError, StagingError, NotMergeable, BadPattern, unpack.ArchiveError, OSError) as error:
            cause = error.strerror if isinstance(error, OSError) else error
            raise CopyError(
                f"failed to apply copy operation from '{operation.from_}' to '{operation.to}': {cause}"
            ) from error


class _Copy:
    """One operation."""

    def __init__(self, operation: CopyOperation, sources: Mapping[str, Tree], staging: Staging, rooms: Rooms) -> None:
        self._operation = operation
        self._staging = staging
        self._rooms = rooms
        self._alias, self._pattern = _source(operation.from_)
        self._to = _target(operation.to)
        if self._alias not in sources:
            raise CopyError(f"source alias '{self._alias}' not found")
        self._tree = sources[self._alias]
        self._excludes = [(pattern, _exclude(pattern)) for pattern in operation.exclude]
        self._extracts = operation.strategy == "Extract"

    def apply(self) -> None:
        """Copy what the pattern says."""
        if globs.special(self._pattern):
            self._matches()
        else:
            self._one(_source_path(self._pattern))

    def _matches(self) -> None:
        where = f"'{self._pattern}' in source '{self._alias}'"
        try:
            deep = globs.deep(self._pattern) if self._extracts else None
            found = self._tree.match(self._pattern) if deep is None else [p for p in self._tree.paths if deep(p)]
        except BadPattern as error:
            raise CopyError(f"invalid glob pattern '{self._pattern}': {error}") from error
        if not found:
            raise CopyError(f"no files match pattern {where}")
        base = globs.root(self._pattern)
        kept = [path for path in found if not self._excluded(path, base)]
        if not kept:
            raise CopyError(f"all files matching pattern {where} were excluded")
        for path in kept:
            if not self._extracts:
                self._copy(path, _destination(self._pattern, path, self._to), base)
            elif self._tree.is_file(path) and _is_archive(path):
                self._extract(path)

    def _one(self, path: str) -> None:
        if not self._tree.is_there(path):
            raise CopyError(f"source '{path}' does not exist")
        name = posixpath.basename(path)
        if not self._tree.is_file(path):
            if self._extracts:
                raise CopyError(f"extract strategy is not supported for directories, got '{path}'")
            self._copy(path, posixpath.join(self._to, name), path)
            return
        if self._excluded(path, "."):
            return
        if self._extracts:
            if not _is_archive(path):
                raise CopyError(f"extract strategy requires tarball file (.tar.gz or .tgz), got '{path}'")
            self._extract(path)
            return
        into = self._operation.to.endswith("/") or self._staging.is_folder(self._to)
        self._copy(path, posixpath.join(self._to, name) if into else self._to, ".")

    def _copy(self, path: str, to: str, base: str) -> None:
        if not self._tree.is_file(path):
            self._copy_folder(path, to, base)
            return
        old = self._staging.file(to)
        if self._operation.strategy == "Merge" and (old is not None or self._staging.is_folder(to)):
            if old is None:
                raise CopyError(f"read {clean(to)}: is a directory")
            merged = merging.merge(old.content, self._tree.file(path))
            self._staging.put(to, Staged(merged, old.executable))
            return
        self._staging.put(to, self._tree.staged(path))

    def _copy_folder(self, path: str, to: str, base: str) -> None:
        self._staging.make(to)
        skipped = ""
        for each in self._tree.below(path):
            if skipped and each.startswith(skipped):
                continue
            if self._excluded(each, base):
                skipped = "" if self._tree.is_file(each) else f"{each}/"
                continue
            inner = each if path == "." else each[len(path) + 1 :]
            if self._tree.is_file(each):
                self._staging.put(posixpath.join(to, inner), self._tree.staged(each))
            else:
                self._staging.make(posixpath.join(to, inner))

    def _extract(self, path: str) -> None:
        place = self._rooms.room()
        try:
            unpack.unpack(self._tree.file(path), place)
        except unpack.ArchiveError as error:
            raise CopyError(f"failed to extract tarball '{path}' to '{self._to}': {error}") from error
        self._staging.make(self._to)
        unpacked = Tree(place)
        for each in unpacked.paths:
            if unpacked.is_file(each):
                self._staging.put(posixpath.join(self._to, each), unpacked.staged(each))
            else:
                self._staging.make(posixpath.join(self._to, each))

    def _excluded(self, path: str, base: str) -> bool:
        """Tell whether a path is left out, as it stands in the source or below the folder that is copied."""
        if not self._excludes:
            return False
        if self._named(path):
            return True
        return base != "." and path.startswith(f"{base}/") and self._named(path[len(base) + 1 :])

    def _named(self, path: str) -> bool:
        name = posixpath.basename(path)
        return any(test(path) or ("/" not in pattern and test(name)) for pattern, test in self._excludes)


def _source(text: str) -> tuple[str, str]:
    alias, slash, pattern = text.removeprefix("@").partition("/")
    if not text.startswith("@") or not slash:
        raise CopyError(f"invalid copy source '{text}': source format must be '@alias/pattern'")
    return alias, pattern


def _target(text: str) -> str:
    if not text.startswith(_ARTIFACT):
        raise CopyError(f"invalid copy destination '{text}': destination must start with '{_ARTIFACT}'")
    return clean(text.removeprefix(_ARTIFACT))


def _source_path(pattern: str) -> str:
    try:
        return clean(pattern)
    except StagingError as error:
        raise CopyError(f"failed to stat source {error}") from error


def _exclude(pattern: str) -> globs.Matches:
    try:
        return globs.deep(pattern)
    except BadPattern as error:
        raise CopyError(f"invalid exclude pattern '{pattern}'") from error


def _destination(pattern: str, path: str, to: str) -> str:
    """Return where something that a pattern found goes: `dir/**` leaves out `dir`."""
    if pattern.endswith(_DEEP) and path.startswith(inner := f"{pattern.removesuffix(_DEEP)}/"):
        return posixpath.join(to, path.removeprefix(inner))
    return posixpath.join(to, path)


def _is_archive(path: str) -> bool:
    return path.lower().endswith(_ARCHIVES)
