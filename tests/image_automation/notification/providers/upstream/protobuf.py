"""A reader of OTLP's binary form, for the one span that a request holds."""

from collections.abc import Iterator
from typing import Any


def span(body: bytes) -> dict[str, Any]:
    """Return a request's span and its resource by OTLP's names; what is unknown stands under its number."""
    [spans] = _each(body, 1)
    [resource], [scoped] = _each(spans, 1), _each(spans, 2)
    [found] = _each(scoped, 2)
    names = {1: "trace", 2: "span", 4: "parent", 5: "name", 6: "kind", 7: "start", 8: "end", 15: "status", 16: "flags"}
    shown: dict[str, Any] = {}
    for number, value in _fields(found):
        if number == 9:
            continue
        shown[names.get(number, str(number))] = value.hex() if number in {1, 2, 4} else value
    shown["name"] = shown["name"].decode()
    shown["status"] = {
        ("message" if n == 2 else "code"): v.decode() if n == 2 else v for n, v in _fields(shown["status"])
    }
    scope = dict(_fields(_each(scoped, 1)[0]))
    return {
        **shown, "attributes": _attributes(found, 9), "resource": _attributes(resource, 1),
        "scope": scope[1].decode(), "schema": _each(spans, 3)[0].decode(),
    }  # fmt: skip


def _attributes(message: bytes, number: int) -> dict[str, str]:
    pairs = (dict(_fields(pair)) for pair in _each(message, number))
    return {pair[1].decode(): dict(_fields(pair[2]))[1].decode() for pair in pairs}


def _each(message: bytes, wanted: int) -> list[bytes]:
    return [value for number, value in _fields(message) if number == wanted]


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire = key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        size, at = (8, at) if wire == 1 else (4, at) if wire == 5 else _varint(message, at)
        raw, at = message[at : at + size], at + size
        yield key >> 3, raw if wire == 2 else int.from_bytes(raw, "little")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not message[at - 1] & 0x80:
            return value, at
