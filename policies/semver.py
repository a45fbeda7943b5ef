"""`policy.semver`: the highest version within a range.

Candidates that are no versions, or not in the range, are passed over; Flux wants two dots in a tag before it reads a
version in it. Of equal versions (`v1.2.0`, `1.2.0`) the greatest in byte order wins: it is the first that Flux meets.
"""

from collections.abc import Collection

from gotk.semver import Range, Version
from policies.verdict import Refusal


class SemVer:
    """Chooses by precedence within a range."""

    def __init__(self, range_: str) -> None:
        """Read the range. Raises ValueError in Masterminds' words."""
        self._range = Range.parse(range_)

    def latest(self, candidates: Collection[str]) -> str:
        """Return the candidate with the highest version. Raises ValueError where none is in the range."""
        if (latest := self._range.latest(candidates)) is None:
            raise ValueError("unable to determine latest version from provided list")
        return latest

    def refusal(self, candidate: str) -> Refusal | None:
        """Say why a candidate is out of the question."""
        try:
            version = Version.parse_tag(candidate)
        except ValueError:
            return Refusal("NotAVersion", f"'{candidate}' is not a semantic version of three numbers")
        if self._range.contains(version):
            return None
        if version.prerelease and not self._range.prereleases:
            text = f"{version} is a prerelease and range '{self._range.text}' is only looking for releases"
            return Refusal("Prerelease", text)
        return Refusal("OutOfRange", f"{version} is not in range '{self._range.text}'")

    def ranked(self, candidates: Collection[str]) -> list[str]:
        """Return the candidates in the range, the best first."""
        fit = [candidate for candidate in candidates if self.refusal(candidate) is None]
        return sorted(fit, key=lambda candidate: (Version.parse_tag(candidate).key, candidate), reverse=True)

    def is_total(self, candidates: Collection[str]) -> bool:  # noqa: ARG002 - the policies share one shape
        """Say that this order is total."""
        return True
