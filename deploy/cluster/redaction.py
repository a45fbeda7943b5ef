"""No message carries a value of a Secret, whoever worded it: the API server, an admission webhook, or a program.

What a server says of a value may be the value as it was written, decoded, quoted, or a piece of it with something cut
off at either end. So a message is looked through for every piece of every value, and not for the values alone.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from deploy.cluster import objects

HIDDEN = "***"
#: So many signs in a row are a piece of a value; a shorter value is hidden where it stands whole.
_PIECE = 8
_SHORTEST = 4
#: Values are looked at up to here, all of them together; a message that quotes what lies beyond is not shown at all.
_MOST = 4 << 20
_WORDS = frozenset({"true", "false", "null"})
_OF_DATA = re.compile(
    r"""((?:\b|\.|\[)(?:stringData|data)\b[^\n:]*:\s(?:[A-Z][a-z]+\svalue:|expected\s[\w\s]+,\sgot)\s)
        ("(?:[^"\\]|\\.)*"|&?[\w.]+\{[^}]*\}|\{[^}]*\}|[^\n:]+)""",
    re.VERBOSE,
)


class Redactor:
    """Hides values in messages. `values` are what must not be seen, as they are written in manifests."""

    def __init__(self, values: Iterable[Any]) -> None:
        self._pieces: set[str] = set()
        self._short: set[str] = set()
        self._overflows = False
        left = _MOST
        for spelling in {each for value in values for each in _spellings(value)}:
            left -= len(spelling)
            if left < 0:
                self._overflows = True
                return
            self._learn(spelling)

    def hide(self, message: str) -> str:
        """Return the message with every piece of every value replaced."""
        if self._overflows:
            return "the cause is not shown, since it may hold values of a Secret"
        for text in sorted(self._short, key=len, reverse=True):
            message = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", HIDDEN, message)
        return "".join(self._parts(message))

    def _learn(self, spelling: str) -> None:
        if len(spelling) < _PIECE:
            self._short.add(spelling)
        else:
            self._pieces.update(spelling[at : at + _PIECE] for at in range(len(spelling) - _PIECE + 1))

    def _parts(self, message: str) -> Iterator[str]:
        """Yield the message in parts, each run of pieces as one that hides it."""
        shown, at = 0, 0
        while at <= len(message) - _PIECE:
            if message[at : at + _PIECE] not in self._pieces:
                at += 1
                continue
            yield message[shown:at]
            end = at + _PIECE
            while message[end - _PIECE + 1 : end + 1] in self._pieces and end < len(message):
                end += 1
            yield HIDDEN
            shown = at = end
        yield message[shown:]


def of_objects(manifests: Iterable[objects.Manifest]) -> Redactor:
    """Make the redactor of the Secrets among some objects."""
    return Redactor(value for manifest in manifests if is_secret(manifest) for value in values_of(manifest))


def of_refusal(message: str, obj: Mapping[str, Any], redactor: Redactor) -> str:
    """Return what a server said when it refused an object, without values; of a Secret's data none is quoted at all."""
    if is_secret(obj):
        message = _OF_DATA.sub(rf"\1{HIDDEN}", message)
    return redactor.hide(message)


def is_secret(obj: Mapping[str, Any]) -> bool:
    """Tell whether an object is a Secret."""
    return obj.get("kind") == "Secret" and objects.group_of(obj) == ""


def values_of(obj: Mapping[str, Any]) -> Iterator[Any]:
    """Yield everything that stands in a Secret's `data` and `stringData`, whatever its shape."""
    for place in ("data", "stringData"):
        yield from _leaves(obj.get(place), top=True)


def _leaves(value: Any, *, top: bool = False) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            if not top:  # the keys of `data` are names, and those of what lies deeper are content
                yield key
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif value is not None:
        yield value


def _spellings(value: Any) -> Iterator[str]:
    """Yield the ways in which a message may write a value, but for those that are too short to be told apart."""
    texts = [f"{value:g}", repr(value), f"{value:.0f}"] if isinstance(value, float) else [str(value)]
    if not isinstance(value, str):
        yield from (text for text in texts if len(text) >= _SHORTEST and text.lower() not in _WORDS)
        return
    texts += _decoded(value)
    texts.append(base64.b64encode(value.encode(errors="replace")).decode())
    for text in texts:
        for spelling in (
            text,
            json.dumps(text)[1:-1],
            json.dumps(text, ensure_ascii=False)[1:-1],
            quote(text, safe=""),
        ):
            if len(spelling) >= _SHORTEST and spelling.lower() not in _WORDS:
                yield spelling


def _decoded(value: str) -> list[str]:
    """Return what a value of `data` stands for, where it is text."""
    try:
        return [base64.b64decode("".join(value.split()), validate=True).decode()]
    except (binascii.Error, ValueError):
        return []
