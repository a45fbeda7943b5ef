"""`policy.numerical`: the greatest number, or the smallest.

Answers to `strconv.ParseFloat(s, 64)`: Python's `float` takes blanks and foreign digits, does not take hexadecimal and
puts underscores elsewhere. One candidate that is no number fails the policy, as in Flux. Of equal numbers (`1`, `1.0`)
the smallest in byte order wins: it is the last that Flux meets in its database.
"""

import math
import re
from collections.abc import Collection

from policies.verdict import Refusal

# Plain numbers, where `float` and ParseFloat agree: nearly every tag.
_PLAIN = re.compile(r"[+-]?[0-9]++(?:\.[0-9]*+)?")
_PLAIN_LINES = re.compile(rf"^{_PLAIN.pattern}$", re.MULTILINE)
_DECIMAL = re.compile(r"[+-]?+(?=[0-9_.]*[0-9])[0-9_]*+(?:\.[0-9_]*+)?(?:[eE][+-]?+[0-9][0-9_]*+)?")
_HEXADECIMAL = re.compile(
    r"[+-]?+0[xX](?=[0-9a-fA-F_.]*[0-9a-fA-F])[0-9a-fA-F_]*+(?:\.[0-9a-fA-F_]*+)?[pP][+-]?+[0-9][0-9_]*+"
)
_WORDS = re.compile(r"[+-]?+inf(?:inity)?|nan", re.IGNORECASE | re.ASCII)
# An underscore stands between two digits, or between the prefix of a hexadecimal and a digit.
_MISPLACED = re.compile(r"(?<![0-9])_|_(?![0-9])")
_MISPLACED_HEXADECIMAL = re.compile(r"(?<![0-9a-fA-FxX])_|_(?![0-9a-fA-F])")


def parse_float(text: str) -> float:
    """Read a number as Go's ParseFloat does. Raises ValueError, also for what is too great for a float."""
    if _PLAIN.fullmatch(text):
        value = float(text)
    elif _WORDS.fullmatch(text):
        return float(text)
    elif _DECIMAL.fullmatch(text) and not _MISPLACED.search(text):
        value = float(text.replace("_", ""))
    elif _HEXADECIMAL.fullmatch(text) and not _MISPLACED_HEXADECIMAL.search(text):
        value = _from_hexadecimal(text)
    else:
        raise ValueError(f"'{text}' is not a number")
    if math.isinf(value):
        raise ValueError(f"'{text}' is out of range")
    return value


def _from_hexadecimal(text: str) -> float:
    try:
        return float.fromhex(text.replace("_", ""))
    except OverflowError:
        raise ValueError(f"'{text}' is out of range") from None


class Numerical:
    """Chooses by value."""

    def __init__(self, *, descending: bool) -> None:
        self._descending = descending

    def latest(self, candidates: Collection[str]) -> str:
        """Return the greatest, or the smallest where the order descends. Raises ValueError at what is no number."""
        if (plain := _plain(candidates)) is not None:
            best = (min if self._descending else max)(plain)
            return min(candidate for number, candidate in zip(plain, candidates, strict=True) if number == best)
        try:
            numbers = [(parse_float(candidate), candidate) for candidate in candidates]
        except ValueError:
            first = max(candidate for candidate in candidates if self.refusal(candidate))
            raise ValueError(_invalid(first)) from None
        if any(number != number for number, _ in numbers):  # noqa: PLR0124 - what NaN is known by
            return self._walk(sorted(numbers, key=lambda pair: pair[1], reverse=True))
        best = (min if self._descending else max)(number for number, _ in numbers)
        return min(candidate for number, candidate in numbers if number == best)

    def _walk(self, numbers: list[tuple[float, str]]) -> str:
        """Choose as Flux does: NaN is neither less nor greater, so that it takes the place of what came before."""
        value, latest = numbers[0]
        for number, candidate in numbers[1:]:
            if not (number > value if self._descending else number < value):
                value, latest = number, candidate
        return latest

    def refusal(self, candidate: str) -> Refusal | None:
        """Say that a candidate is no number; then no other can be chosen either."""
        try:
            parse_float(candidate)
        except ValueError:
            return Refusal("NotANumber", _invalid(candidate))
        return None

    def ranked(self, candidates: Collection[str]) -> list[str]:
        """Return the candidates that are numbers, the best first."""
        numbers = [candidate for candidate in candidates if self.refusal(candidate) is None]
        sign = 1 if self._descending else -1
        return sorted(numbers, key=lambda candidate: (sign * parse_float(candidate), candidate))

    def is_total(self, candidates: Collection[str]) -> bool:
        """Tell whether no candidate is NaN, whose place among the others depends on their order."""
        return "nan" not in "\n".join(candidates).lower()


def _plain(candidates: Collection[str]) -> list[float] | None:
    """Read numbers that are plain, all at once; None where one is not, or too great for a float."""
    found = _PLAIN_LINES.findall("\n".join(candidates))
    if found != list(candidates):
        return None
    numbers = list(map(float, found))
    return None if any(map(math.isinf, numbers)) else numbers


def _invalid(candidate: str) -> str:
    return f"failed to parse invalid numeric value '{candidate}'"
