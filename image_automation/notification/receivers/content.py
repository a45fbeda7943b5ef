"""Bodies and content types as Go's standard library reads them, which decides what Flux takes.

JSON: the first value counts, what follows it is not looked at; numbers are floating-point; broken UTF-8 is replaced.
"""

import json
import math
import re
from typing import Any
from urllib.parse import parse_qs

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_BLANK = " \t\r\n"
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA = re.compile(rf"\s*({_WORD}/{_WORD}|{_WORD})\s*")
_PARAMETER = re.compile(rf";\s*{_WORD}\s*=\s*(?:{_WORD}|\"(?:[^\"\\]|\\.)*\")\s*")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class UnreadableError(ValueError):
    """The text is not what it should be."""


class TooDeepError(UnreadableError):
    """The JSON nests deeper than it can be read."""


def media_type(text: str) -> str:
    """Return the media type of a Content-Type header, in lower case. Raises UnreadableError."""
    found = _MEDIA.match(text)
    if found is None:
        raise UnreadableError("there is no media type")
    at = found.end()
    while (parameter := _PARAMETER.match(text, at)) is not None:
        at = parameter.end()
    if text[at:].strip(_BLANK) not in {"", ";"}:
        raise UnreadableError("the content type is malformed")
    return found[1].lower()


def is_json(header: str) -> bool:
    """Tell whether one of the content types of a header is JSON; those behind a malformed one do not count."""
    for text in header.split(","):
        try:
            if media_type(text) == JSON:
                return True
        except UnreadableError:
            return False
    return False


def first(body: bytes) -> Any:
    """Return the first JSON value of a body. Raises UnreadableError."""
    return _decode(body)[0]


def alone(body: bytes) -> Any:
    """Return the JSON value that the whole body is. Raises UnreadableError."""
    value, rest = _decode(body)
    if rest.strip(_BLANK):
        raise UnreadableError("something follows the JSON")
    return value


def form_field(body: bytes, name: str) -> bytes:
    """Return the first value of a form's field, empty where there is none. Raises UnreadableError."""
    text = body.decode("utf-8", "replace")
    if ";" in text or _ESCAPE.search(text):
        raise UnreadableError("the form is malformed")
    try:
        fields = parse_qs(text, keep_blank_values=True, max_num_fields=64)
    except ValueError:
        raise UnreadableError("the form is malformed") from None
    return fields.get(name, [""])[0].encode("utf-8", "replace")


def _decode(body: bytes) -> tuple[Any, str]:
    text = body.decode("utf-8", "replace").lstrip(_BLANK)
    try:
        value, end = _DECODER.raw_decode(text)
    except RecursionError:
        raise TooDeepError("the JSON nests too deep") from None
    except ValueError:
        raise UnreadableError("the body is not JSON") from None
    return value, text[end:]


def _number(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise UnreadableError("a number is too large")
    return value


def _refuse(text: str) -> float:
    raise UnreadableError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(parse_int=_number, parse_float=_number, parse_constant=_refuse)
