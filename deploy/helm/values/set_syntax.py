"""Helm's `--set` language: `image.tags[0].name=v1` put into values, with every corner that its users have come to know.

Answers to `ParseInto` and `ParseIntoString` of Helm's `pkg/strvals`: `{a,b}` is a list, an unescaped comma begins
another path, `\\` escapes, and what reads as a whole number, `true`, `false` or `null` becomes one. Maps and lists are
changed in place where Helm does so. The text may hold a secret, so no message quotes any of it, and what it may make is
bounded.
"""

import re
from collections.abc import Callable
from typing import Any

_LARGEST_INDEX = 65536
_DEEPEST = 30
#: Ours: by how many places a line may make lists grow, and how many lists it may open within one another.
_PLACES = 1_000_000
_NESTED = 100
_INDEX = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_INT = re.compile(r"[+-]?[0-9]+", re.ASCII)
_KEY_ENDS = frozenset("=[,.")
_INDEX_ENDS = frozenset("[.=")


class SetError(ValueError):
    """Text that Helm would not take, or that does not fit the values. The message quotes nothing of it."""


def put(values: dict[str, Any], line: str, *, as_text: bool) -> None:
    """Change values as `--set` (or `--set-string`) would with a line `path=value`. Raises SetError."""
    _Parser(line, as_text=as_text).run(values)


def typed(text: str) -> Any:
    """Return what a value of `--set` stands for."""
    word = text.casefold()
    if word in {"true", "false"}:
        return word == "true"
    if word == "null":
        return None
    if text == "0":
        return 0
    if _INT.fullmatch(text) and text[0] != "0":
        digits = text.lstrip("+-").lstrip("0")
        number = int(digits or "0") if len(digits) < 20 else 1 << 64
        number = -number if text[0] == "-" else number
        if -(1 << 63) <= number < 1 << 63:
            return number
    return text


class _End(Exception):
    """The line ends here, which is no error: Helm's io.EOF."""


class _Parser:
    """Reads a line from left to right; one method for each rule of Helm's parser."""

    def __init__(self, line: str, *, as_text: bool) -> None:
        self._line = line
        self._at = 0
        self._places = 0
        self._open = 0
        self._value: Callable[[str], Any] = str if as_text else typed

    def run(self, values: dict[str, Any]) -> None:
        """Read one path with its value after another."""
        try:
            while True:
                self._key(values, 0)
        except _End:
            return

    def _until(self, ends: frozenset[str]) -> tuple[str, str]:
        """Return the text before the next of the signs, and the sign: none where the line ends first."""
        taken: list[str] = []
        while self._at < len(self._line):
            sign = self._line[self._at]
            self._at += 1
            if sign in ends:
                return "".join(taken), sign
            if sign == "\\":
                if self._at == len(self._line):
                    break
                sign = self._line[self._at]
                self._at += 1
            taken.append(sign)
        return "".join(taken), ""

    def _key(self, into: dict[str, Any], level: int) -> None:
        key, end = self._until(_KEY_ENDS)
        match end:
            case "":
                if not key:
                    raise _End
                raise SetError("a key has no value")
            case "=":
                value, empty = self._assigned()
                _set(into, key, value)
                if empty:
                    raise _End
            case ",":
                raise SetError("a key has no value (cannot end with ,)")
            case "[":
                made, ended = self._item(_list(into.get(key, [])), self._index(), level)
                _set(into, key, made)
                if ended:
                    raise _End
            case _:
                self._below(into, key, level + 1)

    def _below(self, into: dict[str, Any], key: str, level: int) -> None:
        if level > _DEEPEST:
            raise SetError(f"value name nested level is greater than maximum supported nested level of {_DEEPEST}")
        inner = into.get(key, {})
        if not isinstance(inner, dict):
            raise SetError(f"a key is given for what is {_name(inner)}, not a map")
        try:
            self._key(inner, level)
            if not inner:
                raise SetError("a map of keys has no value")
        finally:
            if inner:
                _set(into, key, inner)

    def _index(self) -> int:
        text, end = self._until(frozenset("]"))
        if not end:
            raise SetError("error parsing index: it has no ]")
        if not _INDEX.fullmatch(text):
            raise SetError("error parsing index: it is not a number")
        return int(text)

    def _item(self, into: list[Any], index: int, level: int) -> tuple[list[Any], bool]:
        """Read what follows an index; return the list to be, and whether the line ended before the item was whole."""
        if index < 0:
            raise SetError(f"negative {index} index not allowed")
        self._open += 1
        if self._open > _NESTED:
            raise SetError(f"more than {_NESTED} lists are nested")
        try:
            return self._placed(into, index, self._read_item(into, index, level)), False
        except _End:
            return into, True
        finally:
            self._open -= 1

    def _read_item(self, into: list[Any], index: int, level: int) -> Any:
        text, end = self._until(_INDEX_ENDS)
        if text:
            raise SetError("unexpected data at end of array index")
        match end:
            case "":
                raise _End
            case "=":
                return self._assigned()[0]
            case "[":
                before = into[index] if index < len(into) else None
                made, ended = self._item([] if before is None else _list(before), self._index(), level)
                if ended:
                    raise _End
                return made
        inner: dict[str, Any] = {}
        if index < len(into):
            if not isinstance(into[index], dict):
                into[index] = {}
            inner = into[index]
        self._key(inner, level)
        return inner

    def _placed(self, into: list[Any], index: int, value: Any) -> list[Any]:
        """Put a value into a list, which is another one where it has to grow."""
        if index > _LARGEST_INDEX:
            raise SetError(f"index of {index} is greater than maximum supported index of {_LARGEST_INDEX}")
        if index >= len(into):
            self._places += index + 1
            if self._places > _PLACES:
                raise SetError(f"lists would grow by more than {_PLACES} places")
            into = into + [None] * (index + 1 - len(into))
        into[index] = value
        return into

    def _assigned(self) -> tuple[Any, bool]:
        """Read the value behind `=`, and tell whether the line ended before it."""
        if self._at == len(self._line):
            return "", True
        if self._line[self._at] != "{":
            return self._value(self._until(frozenset(","))[0]), False
        self._at += 1
        made = []
        while True:
            text, end = self._until(frozenset(",}"))
            if not end:
                raise SetError("list must terminate with '}'")
            made.append(self._value(text))
            if end == "}":
                self._at += self._line.startswith(",", self._at)
                return made, False


def _set(into: dict[str, Any], key: str, value: Any) -> None:
    if key:
        into[key] = value


def _list(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise SetError(f"an index is given for what is {_name(found)}, not a list")
    return found


def _name(value: Any) -> str:
    match value:
        case dict():
            return "a map"
        case list():
            return "a list"
        case None:
            return "null"
    return "a single value"
