"""Answers that came with an `ETag`: asked for again, an unchanged one costs the registry and the wire next to nothing.

Answers to RFC 9110 (section 13.1.2). Few registries send one with a tag list; of those that do the last answers are
kept, up to so many bytes in all. Whoever asks as somebody else gets nothing of what another was shown.
"""

from dataclasses import dataclass

from yarl import URL

from gotk.bounded import Bounded
from gotk.oci.keychain import Credentials
from gotk.oci.listing import Page

_CAPACITY = 16 << 20
_LONGEST_TAG = 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, its validator, and the `Link` header that came with it."""

    etag: str
    page: Page
    link: str


class Validators:
    """The last answers that can be asked about, by URL and by who asked."""

    def __init__(self, *, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._kept: Bounded[tuple[URL, Credentials], Kept] = Bounded(capacity, weigh=_size)

    def get(self, url: URL, who: Credentials) -> Kept | None:
        """Return what is kept of an answer."""
        return self._kept.get((url, who)) if self._kept else None

    def put(self, url: URL, who: Credentials, kept: Kept) -> None:
        """Keep an answer, at the cost of the longest unused ones."""
        self.drop(url, who)
        if _size(kept) > self._capacity // 4 or not kept.etag.isprintable() or len(kept.etag) > _LONGEST_TAG:
            return
        self._kept.put((url, who), kept)

    def drop(self, url: URL, who: Credentials) -> None:
        """Forget an answer."""
        if self._kept:
            self._kept.pop((url, who))


def _size(kept: Kept) -> int:
    return len(kept.page.body)
