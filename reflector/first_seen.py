"""When each tag of an image was first seen, and how many scans in a row have missed it. Pure.

Flux knows only the last list; registries' own dates are the publisher's word. A service that scans all day knows when
a tag turned up, and nobody upstream can forge that. 100,000 tags take their names and, compressed, little more.
"""

import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

#: A count of missed scans is a byte.
MOST_SCANS = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSeen:
    """The first-seen record of every tag that is believed to be there, excluded or not, in the order of the store.

    `first` holds seconds since 1970, `missing` scans in a row without the tag; `began` is the first scan and `counted`
    the last one that counted as missing something. `expected` is not 0 while a list is doubted because the store was
    lost and the one before had so many tags; `doubts` counts the scans since.
    """

    names: Sequence[str]
    first: Sequence[int]
    missing: bytes
    began: int
    counted: int = 0
    expected: int = 0
    doubts: int = 0

    @property
    def settled(self) -> bool:
        """Whether the last list was taken as it was."""
        return not self.expected and not any(self.missing)

    def since(self, moment: datetime) -> Iterator[tuple[str, int]]:
        """Find the tags that were first seen after a moment, and when."""
        after = moment.timestamp()
        return ((name, seen) for name, seen in zip(self.names, self.first, strict=True) if seen > after)

    def packed(self) -> tuple[bytes, bytes, bytes]:
        """Return names, first and missing as bytes."""
        times = array("I", self.first).tobytes()
        return "\n".join(self.names).encode(), zlib.compress(times, 1), zlib.compress(self.missing, 1)

    @classmethod
    def unpacked(cls, names: bytes, first: bytes, missing: bytes, **numbers: int) -> Self:
        """Read what `packed` made. Raises ValueError where the parts do not fit."""
        tags = names.decode().split("\n") if names else []
        times = array("I")
        try:
            times.frombytes(zlib.decompress(first))
            scans = zlib.decompress(missing)
        except zlib.error as error:
            raise ValueError(f"the first-seen records of an image cannot be read: {error}") from error
        if not len(tags) == len(times) == len(scans):
            raise ValueError("the first-seen records of an image do not fit its tags")
        return cls(names=tags, first=times, missing=scans, **numbers)
