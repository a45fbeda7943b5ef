"""Patterns of paths: those that choose what is copied, and those that choose what is not. Pure.

Answers to Go's `io/fs.Glob`, where `**` is a `*`, for what is copied; to `doublestar` for what is excluded and for
which archives are extracted: there `**` is any number of folders, and `{a,b}` either of two texts.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from deploy.source.ignore import segment

_ANY_DEPTH = "**"
_SPECIAL = "*?[]"
_MOST_ALTERNATIVES = 256

Matches = Callable[[str], bool]


class BadPattern(ValueError):
    """A pattern that is none."""


def special(path: str) -> bool:
    """Tell whether a path is a pattern."""
    return any(char in path for char in _SPECIAL)


def root(pattern: str) -> str:
    """Return the folder that a pattern stands in: what comes before its first pattern of a name, `.` for none."""
    names: list[str] = []
    for name in pattern.split("/"):
        if special(name):
            break
        names.append(name)
    return "/".join(name for name in names if name) or "."


def plain(pattern: str, paths: Iterable[str]) -> list[str]:
    """Return the paths that a pattern of `io/fs.Glob` matches, name by name. Raises BadPattern."""
    names = [_segment(name) for name in pattern.split("/")]
    return [path for path in paths if _same(names, path.split("/"))]


def deep(pattern: str) -> Matches:
    """Return what tells whether a path matches a pattern of `doublestar`. Raises BadPattern."""
    return _deep(pattern)


@lru_cache(maxsize=1024)
def _deep(pattern: str) -> Matches:
    choices = [_split(choice) for choice in _alternatives(pattern)]
    return lambda path: any(_fits(choice, path.split("/")) for choice in choices)


def _same(names: Sequence[Matches], path: Sequence[str]) -> bool:
    return len(names) == len(path) and all(test(name) for test, name in zip(names, path, strict=True))


def _split(pattern: str) -> list[Matches | None]:
    """Compile a pattern's names; None is any number of folders."""
    found: list[Matches | None] = []
    for name in pattern.split("/"):
        if name != _ANY_DEPTH:
            found.append(_segment(name.replace("[!", "[^")))
        elif not found or found[-1] is not None:
            found.append(None)
    return found


def _segment(name: str) -> Matches:
    try:
        return segment(name)
    except (ValueError, IndexError):
        raise BadPattern("syntax error in pattern") from None


def _fits(pattern: Sequence[Matches | None], path: Sequence[str]) -> bool:
    """Match from the back, one row at a time: no pattern takes longer than its names times the path's."""
    row = [False] * len(path) + [True]
    for test in reversed(pattern):
        below = row
        if test is None:
            row, reached = [False] * len(below), False
            for at in range(len(path), -1, -1):
                reached = reached or below[at]
                row[at] = reached
        else:
            row = [below[at + 1] and test(path[at]) for at in range(len(path))] + [False]
    return row[0]


def _alternatives(pattern: str) -> list[str]:
    """Write `{a,b}` out. Raises BadPattern."""
    found = list(_written_out(pattern, _MOST_ALTERNATIVES))
    if len(found) > _MOST_ALTERNATIVES:
        raise BadPattern(f"more than {_MOST_ALTERNATIVES} alternatives")
    return found


def _written_out(pattern: str, most: int) -> Iterator[str]:
    start = _unescaped(pattern, "{", 0)
    if start < 0:
        if _unescaped(pattern, "}", 0) >= 0:
            raise BadPattern("syntax error in pattern")
        yield pattern
        return
    choices, end = _choices(pattern, start)
    tails = list(_written_out(pattern[end + 1 :], most))
    count = 0
    for choice in choices:
        for inner in _written_out(choice, most):
            for tail in tails:
                yield pattern[:start] + inner + tail
                count += 1
                if count > most:
                    return


def _choices(pattern: str, start: int) -> tuple[list[str], int]:
    """Split what stands between a brace and its partner at the commas of this level."""
    depth, at, begin = 0, start, start + 1
    choices: list[str] = []
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if not depth:
                return [*choices, pattern[begin:at]], at
        elif char == "," and depth == 1:
            choices.append(pattern[begin:at])
            begin = at + 1
        at += 1
    raise BadPattern("syntax error in pattern")


def _unescaped(text: str, wanted: str, at: int) -> int:
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == wanted:
            return at
        at += 1
    return -1
