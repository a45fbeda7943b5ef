"""What the last scan of each object came to: where the registry answers the same bytes, nothing is done again.

Most scans find what the one before found. Its result holds as long as the answer, the exclusions and the stored list
are the same ones, and the list was taken as it was; a digest an object is all that it takes to know.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from gotk.api.image import ScanResult


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a result depends on: the answer's digest, the exclusions, and the state of the image's stored list."""

    image: str
    answer: bytes
    exclusions: Sequence[str]
    state: tuple[int, bytes]


class Memory:
    """The last settled scans, by object."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[Scanned, ScanResult]] = {}

    def recall(self, uid: str, scanned: Scanned, scan_time: str) -> ScanResult | None:
        """Return the result of the last scan with a new time, where it depends on the very same things."""
        last = self._last.get(uid)
        if last is None or last[0] != scanned:
            return None
        return msgspec.structs.replace(last[1], scan_time=scan_time)

    def keep(self, uid: str, scanned: Scanned, found: ScanResult) -> None:
        """Remember the result of a scan whose list was taken as it was."""
        self._last[uid] = (scanned, found)

    def forget(self, uid: str) -> None:
        """An object is gone."""
        self._last.pop(uid, None)
