"""Answers that came with an `ETag`: asked for again, an unchanged one costs the registry and the wire next to nothing.

Answers to RFC 9110 (section 13.1.2). Few registries send one with a tag list; of those that do the last answers are
kept, up to so many bytes in all. Whoever asks as somebody else gets nothing of what another was shown.
"""

from collections import OrderedDict
from dataclasses import dataclass

from yarl import URL

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
        self._size = 0
        self._kept: OrderedDict[tuple[URL, Credentials], Kept] = OrderedDict()

    def get(self, url: URL, who: Credentials) -> Kept | None:
        """Return what is kept of an answer."""
        if not self._kept:
            return None
        kept = self._kept.get((url, who))
        if kept is not None:
            self._kept.move_to_end((url, who))
        return kept

    def put(self, url: URL, who: Credentials, kept: Kept) -> None:
        """Keep an answer, at the cost of the longest unused ones."""
        self.drop(url, who)
        size = len(kept.page.body)
        if size > self._capacity // 4 or not kept.etag.isprintable() or len(kept.etag) > _LONGEST_TAG:
            return
        self._kept[url, who] = kept
        self._size += size
        while self._size > self._capacity:
            self._size -= len(self._kept.popitem(last=False)[1].page.body)

    def drop(self, url: URL, who: Credentials) -> None:
        """Forget an answer."""
        if self._kept and (old := self._kept.pop((url, who), None)) is not None:
            self._size -= len(old.page.body)
