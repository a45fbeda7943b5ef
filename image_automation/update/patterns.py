"""Patterns of paths: which files of a repository somebody means.

`*` and `?` stop at a slash, a segment `**` stands for any folders, `[a-c]` and `[!a-c]` for one character. Patterns
are strangers' words: matching takes time by the lengths of both, never by the ways in which one fits the other.
"""

import functools
import re
from collections.abc import Sequence
from typing import Final

_WILD: Final = re.compile(r"[*?]|\[[^]/]+\]")
_TOKEN: Final = re.compile(r"\[!?[^]/]+\]|.", re.DOTALL)
_SPAN: Final = re.compile(r".-.|.", re.DOTALL)
_ANY: Final = "**"


def is_pattern(text: str) -> bool:
    """Tell whether a text is a pattern and not the name of one file or folder."""
    return _WILD.search(text) is not None


def matches(path: str, pattern: str) -> bool:
    """Tell whether the whole of a path fits a pattern."""
    return _fit(path.split("/"), tuple(pattern.split("/")))


def reaches(folder: str, pattern: str) -> bool:
    """Tell whether something below a folder may fit a pattern; the root is the empty folder."""
    return not folder or bool(_after(folder.split("/"), tuple(pattern.split("/"))) - {pattern.count("/") + 1})


def _fit(names: Sequence[str], segments: tuple[str, ...]) -> bool:
    return len(segments) in _after(names, segments)


def _after(names: Sequence[str], segments: tuple[str, ...]) -> set[int]:
    """Return how many segments may be used up by these names: the states of a machine that tries all ways at once."""
    states = _closed({0}, segments)
    for name in names:
        moved = set[int]()
        for at in states:
            if at == len(segments):
                continue
            if segments[at] == _ANY:
                moved |= {at, at + 1}
            elif _names(segments[at], name):
                moved.add(at + 1)
        states = _closed(moved, segments)
        if not states:
            break
    return states


def _closed(states: set[int], segments: tuple[str, ...]) -> set[int]:
    """Add what is reached without a name: `**` may stand for nothing, but at the end, where it stands for something."""
    found = set(states)
    for at, segment in enumerate(segments[:-1]):
        if at in found and segment == _ANY:
            found.add(at + 1)
    return found


def _names(segment: str, name: str) -> bool:
    """Tell whether a segment fits a name. Where the last star took too little, it takes more."""
    tokens = _tokens(segment)
    at = token = 0
    star: tuple[int, int] | None = None
    while at < len(name):
        if token < len(tokens) and tokens[token] == "*":
            star, token = (token, at), token + 1
        elif token < len(tokens) and _is_one(tokens[token], name[at]):
            at, token = at + 1, token + 1
        elif star is not None:
            star = (star[0], star[1] + 1)
            token, at = star[0] + 1, star[1]
        else:
            return False
    return all(left == "*" for left in tokens[token:])


@functools.lru_cache(maxsize=1024)
def _tokens(segment: str) -> tuple[str, ...]:
    """Cut a segment into stars, question marks, sets and single characters; a set that never ends is none."""
    return tuple(_TOKEN.findall(segment))


def _is_one(token: str, character: str) -> bool:
    if len(token) == 1:
        return token in {"?", character}
    inner = token[1:-1].removeprefix("!")
    return any(_within(part, character) for part in _SPAN.findall(inner)) is not token.startswith("[!")


def _within(part: str, character: str) -> bool:
    return part[0] <= character <= part[-1]
