"""One branch of the repository during a run: brought, and given commits that others' work is never lost to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gotk.git import errors
from gotk.git.auth import Credentials
from gotk.git.mirrors.mirror import Mirror
from gotk.git.objects.commit import Person, Sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Pen:
    """Who writes commits, who signs them, and what stands below their messages."""

    author: Person
    sign: Sign | None = None
    appendix: str = ""

    def message(self, subject: str) -> str:
        """Return the message of a commit."""
        return f"{subject}\n\n{self.appendix}" if self.appendix else subject


class Branch:
    """A branch of a remote. Methods block and raise the errors of `gotk.git.errors`."""

    def __init__(
        self, folder: Path, url: str, credentials: Credentials, name: str, *, pen: Pen, timeout: float
    ) -> None:
        self._mirror = Mirror(folder / "clone.git", url, credentials, timeout=timeout)
        self._name = name
        self._pen = pen
        #: The commit that the branch is at; None in an empty repository.
        self.tip: str | None = None

    def bring(self) -> None:
        """Fetch the branch; an empty repository is a fine beginning."""
        try:
            self.tip = self._mirror.fetch(f"refs/heads/{self._name}")
        except errors.EmptyRepository:
            self.tip = None

    def read(self, path: str) -> bytes | None:
        """Return a file of the branch; None where there is none."""
        if self.tip is None:
            return None
        try:
            return self._mirror.read(self._mirror.node(self.tip, path).id)
        except errors.PathNotFound:
            return None

    def files(self, folder: str) -> dict[str, bytes]:
        """Return the files below a folder by their paths in it."""
        if self.tip is None:
            return {}
        try:
            listed = list(self._mirror.files(self.tip, folder))
        except errors.PathNotFound:
            return {}
        return {each.path.removeprefix(f"{folder}/"): self._mirror.read(each.blob_id) for each in listed}

    def write(self, files: Mapping[str, bytes], subject: str, *, pushing: Callable[[str], None]) -> str:
        """Commit what differs and push it; return the commit, or nothing where all is there already.

        `pushing` is told of the commit before it is pushed. Raises NonFastForward where the branch moved meanwhile.
        """
        edits = {path: content for path, content in files.items() if self.read(path) != content}
        if not edits:
            return ""
        made = self._mirror.commit(
            self.tip, edits, self._pen.author, self._pen.message(subject), datetime.now(UTC), sign=self._pen.sign
        )
        pushing(made)
        self._mirror.push(made, self._name, self.tip)
        self.tip = made
        return made
