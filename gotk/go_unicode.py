r"""`\p{...}` as Go's regexp reads it, written for RE2, which knows fewer names and only their canonical spelling.

Since Go 1.25 a name is a category, its long name (`Letter`), a script, `Any`, `Assigned` or `ASCII`, in any case, with
`_`, `-` and blanks anywhere; `^` before it is a second way to say `\P`. Scripts of several words (`Old_Italic`) Go no
longer finds. The table beside this module is Go's own, written by `scripts/go_unicode_classes`; classes that RE2 lacks
are spelled out as ranges of code points.
"""

import functools
import json
import re
from collections.abc import Iterator, Sequence
from importlib import resources

_MOST = 0x10FFFF
#: A class that there is not, also for RE2.
_UNKNOWN = r"\p{?}"
#: Quoted text, Unicode classes, other escapes, POSIX classes, and the brackets that begin and end a class.
_TOKEN = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\(?P<sign>[pP])(?:\{(?P<name>[^}]*)\}|(?P<letter>[^{]))|\\.|(?P<posix>\[:\^?\w+:\])"
    r"|(?P<open>\[\^?\]?)|(?P<close>\])",
    re.DOTALL,
)


def rewrite(pattern: str) -> list[tuple[str, str]]:
    """Split a pattern into pieces, each with what it is for RE2, which refuses what stands for an unknown name."""
    pieces: list[tuple[str, str]] = []
    position, in_class = 0, False
    for token in _TOKEN.finditer(pattern):
        pieces.append((pattern[position : token.start()],) * 2)
        position, text = token.end(), token[0]
        if token["sign"]:
            pieces.append((text, _written(token, in_class=in_class)))
            continue
        pieces.append((text, text))
        if token["open"] and not in_class:
            in_class = True
        elif token["close"]:
            in_class = False
    pieces.append((pattern[position:],) * 2)
    return pieces


def _written(token: "re.Match[str]", *, in_class: bool) -> str:
    """Write a class for RE2."""
    name = token["name"] if token["name"] is not None else token["letter"]
    is_negative = token["sign"] == "P"
    if name.startswith("^"):
        is_negative, name = not is_negative, name[1:]
    table = _names().get(_canonical(name))
    if table is None:
        return _UNKNOWN
    spelled = _ranges().get(table)
    if spelled is None:
        return rf"\{'P' if is_negative else 'p'}{{{table}}}"
    if not in_class:
        return f"[{'^' if is_negative else ''}{_text(spelled)}]"
    return _text(list(_complement(spelled)) if is_negative else spelled)


def _canonical(name: str) -> str:
    """Bring a name to the spelling by which Go looks it up; letters beyond ASCII stay as they are."""
    plain = re.sub("[_ -]", "", name)
    lowered = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in plain)
    return chr(ord(lowered[0]) - 32) + lowered[1:] if lowered and "a" <= lowered[0] <= "z" else lowered


def _text(ranges: Sequence[Sequence[int]]) -> str:
    return "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in ranges)


def _complement(ranges: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
    following = 0
    for low, high in ranges:
        if low > following:
            yield following, low - 1
        following = high + 1
    if following <= _MOST:
        yield following, _MOST


@functools.lru_cache(maxsize=1)
def _table() -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(
        resources.files("gotk").joinpath("go_unicode_classes.json").read_text()
    )
    return found


def _names() -> dict[str, str]:
    return _table()["names"]  # type: ignore[return-value] # a file of ours


def _ranges() -> dict[str, list[tuple[int, int]]]:
    return _table()["ranges"]  # type: ignore[return-value] # a file of ours
