"""What marked files hold, from when they are found until they are rewritten, so that a first run reads none twice.

Of one run, and up to so many bytes: what there was no room for is read again.
"""

from collections.abc import Mapping
from typing import Final

from image_automation import ports
from image_automation.update import screening, texts
from image_automation.update.lines.kinds import Kind
from image_automation.update.result import Problem
from image_automation.writing import marker_cache

#: The most bytes that are kept of all files.
LIMIT: Final = 16 << 20


class Contents:
    """The contents of a repository's files, by their ids."""

    def __init__(self, repository: ports.Repository, limit: int = LIMIT) -> None:
        self.repository = repository
        self._room = limit
        self._kept: dict[str, bytes] = {}

    def look(self, keys: Mapping[str, bytes], kind: Kind | None) -> dict[bytes, marker_cache.Learnt]:
        """Read files, by their ids, and tell by their keys which may hold a marker, read as YAML or as a kind of text.

        What may hold one is kept, if there is room; what is too large or is no file is not read, and may hold one.
        """
        told: dict[bytes, marker_cache.Learnt] = {}
        for blob_id, content in self.repository.read_each(keys, limit=screening.SIZE_LIMIT):
            if content is None:
                told[keys[blob_id]] = True
            elif texts.has_marker(content, kind):
                told[keys[blob_id]] = True
                self._keep(blob_id, content)
            else:
                told[keys[blob_id]] = False
        return told

    def take(self, blob_id: str) -> bytes | Problem:
        """Return what a file holds and let go of it, or say why it is not read. Raises the errors of `gotk.git`."""
        if (content := self._kept.pop(blob_id, None)) is not None:
            self._room += len(content)
            return content
        return screening.refuse_size(self.repository.size(blob_id)) or self.repository.read(blob_id)

    def _keep(self, blob_id: str, content: bytes) -> None:
        if len(content) <= self._room and blob_id not in self._kept:
            self._room -= len(content)
            self._kept[blob_id] = content
