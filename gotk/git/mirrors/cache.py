"""The life of a mirror's repository on the disk: made, opened, found damaged, thrown away, swept when nobody uses it.

A mirror's name is a link to a repository that was made first, so that a half-made one never counts; one that is
damaged, or that has gathered too many packs, is deleted and made anew, at another path because libgit2 remembers packs
by path.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pygit2

from gotk.git import errors
from gotk.git import libgit2 as _settings

assert _settings is not None  # imported for what it sets

_MOST_PACKS = 50
_MOST_LOOSE = 27  # in one of 256 directories: Git's own rule for when to tidy up
#: So many of them are a thousand in all, and 4 MiB of disk: more than to fetch a small repository anew.
_MANY_LOOSE, _SMALL = 4, 8 << 20


class Cache:
    """The bare repository of one mirror; `url` names its remote for messages. One thread uses one instance."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        self._url = url
        self._opened: pygit2.Repository | None = None

    @property
    def lock(self) -> Path:
        """The file that whoever changes the mirror holds."""
        return self.directory.with_suffix(".lock")

    def repository(self) -> pygit2.Repository:
        """Open the repository. Raises Damaged where there is none, or none that can be opened."""
        if self._opened is None:
            try:
                self._opened = pygit2.Repository(str(self.directory))
            except pygit2.GitError:
                raise errors.Damaged(f"there is no mirror of '{self._url}' yet, or it is damaged") from None
        return self._opened

    def prepare(self) -> None:
        """Open the repository, or make an empty one; clear away what a killed process left behind."""
        if self._is_crowded():
            self.discard()
        for leftover in (self.directory / "objects" / "pack").glob("pack_git2_*"):
            leftover.unlink(missing_ok=True)
        try:
            self.repository()
        except errors.Damaged:
            self.discard()
            self._create()

    def _is_crowded(self) -> bool:
        """Tell whether more has gathered than is worth keeping: each commit of ours leaves loose objects."""
        objects = self.directory / "objects"
        packs, loose = list((objects / "pack").glob("*.pack")), len(list((objects / "17").glob("*")))
        if len(packs) > _MOST_PACKS or loose > _MOST_LOOSE:
            return True
        return loose > _MANY_LOOSE and sum(pack.stat().st_size for pack in packs) < _SMALL

    def discard(self) -> None:
        """Delete the repository."""
        self._opened = None
        delete(self.directory)

    @contextmanager
    def reading(self) -> Iterator[pygit2.Repository]:
        """Read from the repository; where its object database is broken the next fetch starts over. Raises Damaged."""
        try:
            yield self.repository()
        except (pygit2.GitError, KeyError):
            self.directory.unlink(missing_ok=True)
            self._opened = None
            raise errors.Damaged(f"the mirror of '{self._url}' was damaged; it is fetched anew") from None

    def _create(self) -> None:
        """Make an empty repository under a new name, and then let the mirror's name lead to it."""
        self.directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = Path(tempfile.mkdtemp(prefix=f"{self.directory.stem}-", dir=self.directory.parent))
        pygit2.init_repository(str(made), bare=True)
        link = made.with_suffix(".link")
        link.symlink_to(made.name)
        link.replace(self.directory)


def delete(directory: Path) -> None:
    """Delete a mirror, and what was left of earlier ones of the same name."""
    directory.unlink(missing_ok=True)
    for left in directory.parent.glob(f"{directory.stem}-*"):
        if left.is_symlink():
            left.unlink()
        else:
            shutil.rmtree(left, ignore_errors=True)
