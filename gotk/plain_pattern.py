r"""Patterns that Python's own engine answers as RE2 does, and in linear time: most of those that people write.

RE2's binding makes objects of every answer, which costs ten times the search; over 100,000 tags that is half a second.
Python's engine is quick but goes back on its steps, which a hostile text can make last. A pattern is plain where going
back is never needed: a run such as `[a-f0-9]+` whose characters cannot begin what follows it is made possessive, which
changes no answer. One run may be of the other sort (`.*-alpine`), if what follows is short. What is not understood to
the letter, here or in a text beyond ASCII, is RE2's.
"""

import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Search = Callable[[str], "re.Match[str] | None"]

#: How long what follows a run that may be gone back on can be: the work for each of its characters.
_SHORT = 64
#: Python's engine reads groups within groups by calls within calls.
_DEEP = 20
_WORD = frozenset(string.ascii_letters + string.digits + "_")
_ANY = frozenset(map(chr, range(128))) - {"\n"}
_ESCAPES = {r"\d": frozenset(string.digits), r"\w": _WORD, r"\.": frozenset("."), r"\-": frozenset("-")}
_TOKEN = re.compile(
    r"(?P<group>\((?:\?:|\?P?<\w+>)?(?!\?)|\)(?![*+?{]))"
    r"|(?P<atom>[\w/:@=~-]|\.|\\[dw.-]|\[-?(?:[A-Za-z0-9]-[A-Za-z0-9]|[\w.+]|\\[dw.-])+-?\])"
    r"(?P<count>[*+?]|\{[0-9]{1,4}(?:,[0-9]{0,4})?\})?(?![*+?{])",
    re.ASCII,
)
_MEMBER = re.compile(r"(.)-(.)(?!\])|\\.|.")


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some of a set of characters: from `least` to `most` of them; none for the bracket of a group."""

    text: str
    chars: frozenset[str] = frozenset()
    least: int = 0
    most: float = 0


_END, _ALL = _Piece("", _ANY), _Piece(".*", _ANY, 0, float("inf"))


def suits(text: str) -> bool:
    """Tell whether plain patterns may be searched for in a text."""
    return text.isascii() and "\n" not in text


def search_of(pattern: str) -> Search | None:
    """Return a search that answers as RE2's in texts that suit, or None where RE2 has to be asked.

    The pattern is one that RE2 takes.
    """
    is_anchored, has_end = pattern.startswith("^"), pattern.endswith("$")
    inner = pattern[is_anchored : len(pattern) - has_end]
    pieces = list(_pieces(inner)) if "\n" not in pattern and pattern.count("(") < _DEEP else []
    if not pieces or sum(len(piece.text) for piece in pieces) != len(inner):
        return None
    # What begins with `.*` is found at the very beginning or not at all.
    is_anchored = is_anchored or next(piece for piece in [*pieces, _END] if piece.chars) == _ALL
    doubts = [number for number, piece in enumerate(pieces) if _goes_back(piece, pieces[number + 1 :])]
    starts = [*([] if is_anchored else [-1]), *doubts]
    if len(starts) > 1 or (starts and sum(piece.most for piece in pieces[starts[0] + 1 :]) > _SHORT):
        return None
    text = "".join(_written(piece, may_go_back=number in doubts) for number, piece in enumerate(pieces))
    compiled = re.compile(text + (r"\Z" if has_end else ""))
    return compiled.match if is_anchored else compiled.search


def _pieces(pattern: str) -> Iterator[_Piece]:
    """Read a pattern up to what is not understood."""
    position = 0
    while token := _TOKEN.match(pattern, position):
        position = token.end()
        if token["group"]:
            yield _Piece(token[0])
        else:
            yield _Piece(token[0], _chars(token["atom"]), *_counts(token["count"]))


def _chars(atom: str) -> frozenset[str]:
    if atom == ".":
        return _ANY
    if not atom.startswith("["):
        return _ESCAPES.get(atom, frozenset(atom))
    found: frozenset[str] = frozenset()
    for member in _MEMBER.finditer(atom[1:-1]):
        if member[1]:
            found |= frozenset(map(chr, range(ord(member[1]), ord(member[2]) + 1)))
        else:
            found |= _ESCAPES.get(member[0], frozenset(member[0]))
    return found


def _counts(text: str | None) -> tuple[int, float]:
    """Return the least and the most of a count."""
    if text is None:
        return 1, 1
    if not text.startswith("{"):
        return {"*": (0, float("inf")), "+": (1, float("inf")), "?": (0, 1)}[text]
    least, comma, most = text[1:-1].partition(",")
    return int(least), (float(most) if most else float("inf")) if comma else int(least)


def _goes_back(piece: _Piece, behind: list[_Piece]) -> bool:
    """Tell whether what follows can begin with a character that the piece has taken."""
    if piece.least == piece.most:
        return False
    for each in behind:
        if piece.chars & each.chars:
            return True
        if each.least:
            return False
    return False


def _written(piece: _Piece, *, may_go_back: bool) -> str:
    """Write a piece for Python's engine."""
    if not piece.chars:
        return piece.text if piece.text in {")", "(?:"} else "("
    one = r"[^\n]" if piece.chars == _ANY else "[" + "".join(map(re.escape, sorted(piece.chars))) + "]"
    if piece.least == piece.most == 1:
        return one
    least, most = piece.least, "" if piece.most == float("inf") else int(piece.most)
    return f"{one}{{{least},{most}}}" + ("" if may_go_back or piece.least == piece.most else "+")
