"""What a registry answered when its tags were asked for, decoded when it is looked at.

Most scans find what the last one found. `digest` tells so without decoding: equal digests are equal lists, and a list
that was once checked need not be checked again.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gotk.oci import errors, name, tags


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a tag list."""

    body: bytes
    content_type: str = ""


class Listing:
    """A repository's tags as the registry ordered them. Looking raises BadAnswer where they cannot be read."""

    def __init__(
        self,
        pages: Sequence[Page],
        *,
        what: object,
        limit: int,
        accepts: Callable[[str], object] = name.is_tag,
    ) -> None:
        #: How many answers it took.
        self.pages = len(pages)
        #: What tells this list from another.
        self.digest = _digest(pages)
        self._pages: Sequence[Page] = pages
        self._what = what
        self._limit = limit
        self._accepts = accepts
        self._found: tuple[list[str], int] | None = None

    @property
    def tags(self) -> list[str]:
        """The entries that are tags by the OCI grammar, or by what the list is held to instead."""
        return self._read()[0]

    @property
    def dropped(self) -> int:
        """How many entries are none."""
        return self._read()[1]

    def _read(self) -> tuple[list[str], int]:
        if self._found is None:
            found: list[str] = []
            total = 0
            for page in self._pages:
                entries = tags.read_page(page.body, content_type=page.content_type, what=self._what)
                total += len(entries)
                if total > self._limit:
                    raise errors.TooLarge(f"{self._what}: more tags than the limit of {self._limit}")
                found.extend(filter(self._accepts, entries))
            # The bytes are let go: of a long list they are megabytes.
            self._found, self._pages = (found, total - len(found)), ()
        return self._found


def _digest(pages: Sequence[Page]) -> bytes:
    whole = hashlib.blake2b(pages[0].body, digest_size=16)
    for page in pages[1:]:
        whole.update(b"%d:" % len(page.body) + page.body)
    whole.update(pages[0].content_type.encode("utf-8", "replace"))
    return whole.digest()
