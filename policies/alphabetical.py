"""`policy.alphabetical`: the last candidate in byte order, or the first.

Code points and UTF-8 bytes sort alike, so that Python's order of strings is Go's.
"""

from collections.abc import Collection


class Alphabetical:
    """Chooses by byte order."""

    def __init__(self, *, descending: bool) -> None:
        self._descending = descending

    def latest(self, candidates: Collection[str]) -> str:
        """Return the last candidate, or the first where the order descends."""
        return min(candidates) if self._descending else max(candidates)

    def refusal(self, candidate: str) -> None:  # noqa: ARG002 - the policies share one shape
        """Every text is as good as another."""
        return

    def ranked(self, candidates: Collection[str]) -> list[str]:
        """Return the candidates, the best first."""
        return sorted(candidates, reverse=not self._descending)

    def is_total(self, candidates: Collection[str]) -> bool:  # noqa: ARG002 - the policies share one shape
        """Say that this order is total."""
        return True
