"""Go durations: `1m30s` in a manifest, nanoseconds inside, `1m30s` again on the way out.

Every interval and timeout of the API is one of these. The text form is Go's (`time.ParseDuration`,
`Duration.String`), because that is what manifests hold and what conditions and events print.
"""

import re
from functools import total_ordering
from typing import Self, final

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_LIMIT = 1 << 63


@final
@total_ordering
class Duration:
    """A span of time in whole nanoseconds, within Go's int64. Immutable.

    Not a dataclass: msgspec would read one as an object, and a duration is text on the wire.
    """

    __slots__ = ("_nanoseconds",)

    def __init__(self, nanoseconds: int) -> None:
        self._nanoseconds = nanoseconds

    @property
    def nanoseconds(self) -> int:
        """The span in nanoseconds."""
        return self._nanoseconds

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read Go's text form, such as `1h15m30.5s`, `-5ms` or `0`.

        Raises ValueError with Go's wording for anything else.
        """
        body = text[1:] if text[:1] in {"-", "+"} else text
        if body == "0":
            return cls(0)
        total, position = 0, 0
        while position < len(body) and (match := _PART.match(body, position)):
            whole, _, fraction = match[1].partition(".")
            fraction, unit = fraction[:18], _UNITS[match[2]]
            total += int(whole or "0") * unit + int(fraction or "0") * unit // 10 ** len(fraction)
            position = match.end()
        if not body or position != len(body) or total >= _LIMIT:
            raise ValueError(f'time: invalid duration "{text}"')
        return cls(-total if text[0] == "-" else total)

    @classmethod
    def of(cls, seconds: float) -> Self:
        """Make a duration of so many seconds."""
        return cls(round(seconds * 1_000_000_000))

    @property
    def seconds(self) -> float:
        """The span in seconds."""
        return self.nanoseconds / 1_000_000_000

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self._nanoseconds == other._nanoseconds

    def __lt__(self, other: "Duration") -> bool:
        return self._nanoseconds < other._nanoseconds

    def __hash__(self) -> int:
        return hash(self._nanoseconds)

    def __repr__(self) -> str:
        return f"Duration({self})"

    def __bool__(self) -> bool:
        return self.nanoseconds != 0

    def __str__(self) -> str:
        """Print as Go's `Duration.String` does: `10m0s`, `1.5s`, `44.85ms`, `0s`."""
        rest = abs(self.nanoseconds)
        sign = "-" if self.nanoseconds < 0 else ""
        if rest == 0:
            return "0s"
        for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
            if rest < size * 1_000 and rest < 1_000_000_000:
                return f"{sign}{_decimal(rest, size)}{unit}"
        hours, rest = divmod(rest, _UNITS["h"])
        minutes, rest = divmod(rest, _UNITS["m"])
        seconds = f"{_decimal(rest, _UNITS['s'])}s"
        if hours:
            return f"{sign}{hours}h{minutes}m{seconds}"
        return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    fraction = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0") if rest else ""
    return f"{whole}.{fraction}" if fraction else str(whole)
