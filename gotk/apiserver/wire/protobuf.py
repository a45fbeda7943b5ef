"""Request bodies in protobuf, decoded into the plain objects that JSON would have given.

kubectl and helm send every typed request so, and do not fall back when refused. Answers never need it: everyone
takes JSON. The layout of the messages is a packaged table; `scripts/generate_protobuf_table.py` makes it.
"""

import base64
import datetime as dt
import functools
import gzip
import struct
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any, Final

import orjson

from gotk.duration import Duration

Json = dict[str, Any]
Fields = list[tuple[int, int | bytes]]
#: A field of a message: its name, its type, whether a zero value is kept, whether its own fields are lifted up.
Row = tuple[str, str, bool, bool]

MAGIC: Final = b"k8s\x00"
_SCHEMA: Final = "apiextensions.v1.JSONSchemaProps"
_DEPTH: Final = 100


class Undecodable(ValueError):
    """A body that is not what it says it is, or of a kind that has no protobuf form here."""


def decode(data: bytes) -> Json:
    """Decode a body with its envelope. Raises Undecodable."""
    if data[:4] != MAGIC:
        raise Undecodable("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        return _decode(data[4:])
    except (IndexError, struct.error, UnicodeDecodeError, OverflowError, RecursionError) as error:
        raise Undecodable(f"unexpected end of data or a bad field: {error}") from error


def _decode(data: bytes) -> Json:
    envelope = dict(_fields(data))
    head = dict(_fields(_bytes(envelope.get(1, b""))))
    api_version, kind = _bytes(head.get(1, b"")).decode(), _bytes(head.get(2, b"")).decode()
    name = _table()[0].get(f"{api_version} {kind}") or _table()[0].get(kind)
    if name is None:
        raise Undecodable(f'no kind "{kind}" is registered for version "{api_version}"')
    return {"kind": kind, "apiVersion": api_version, **_message(_bytes(envelope.get(2, b"")), name)}


@functools.cache
def _table() -> tuple[dict[str, str], dict[str, dict[int, Row]]]:
    packed = resources.files("gotk.apiserver").joinpath("data/protobuf-table.json.gz").read_bytes()
    table = orjson.loads(gzip.decompress(packed))
    messages = {
        name: {number: (field, kind, "k" in flags, "i" in flags) for number, field, kind, flags in rows}
        for name, rows in table["messages"].items()
    }
    return table["kinds"], messages


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise Undecodable("wrong wire type")
    return value


def _int(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise Undecodable("wrong wire type")
    return value - (1 << 64) if value >= 1 << 63 else value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
        if shift > 63:
            raise Undecodable("integer overflow")


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Take a message apart; fixed-width values come as bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind not in {1, 2, 5}:
            raise Undecodable(f"unknown wire type {kind}")
        size, at = _varint(data, at) if kind == 2 else ((8 if kind == 1 else 4), at)
        if at + size > len(data):
            raise Undecodable("unexpected EOF")
        yield key >> 3, data[at : at + size]
        at += size


def _message(data: bytes, name: str, depth: int = 0) -> Json:
    if depth > _DEPTH:
        raise Undecodable("nested too deeply")
    rows = _table()[1][name]
    out: Json = {}
    for number, value in _fields(data):
        if number not in rows:
            continue
        field, kind, keep, inline = rows[number]
        if kind.startswith("[]"):
            out.setdefault(field, []).append(_value(value, kind[2:], depth))
        elif kind.startswith("{}"):
            key, inner = _entry(_bytes(value), kind[2:], depth)
            out.setdefault(field, {})[key] = inner
        else:
            found = _value(value, kind, depth)
            if inline and isinstance(found, dict):
                out.update(found)
            elif keep or kind[0] == "M" or found not in (None, "", 0, False, [], {}):
                out[field] = found
    return out


def _entry(data: bytes, kind: str, depth: int) -> tuple[str, Any]:
    entry = dict(_fields(data))
    absent: int | bytes = 0 if kind in {"i", "B"} else b""
    return _bytes(entry.get(1, b"")).decode(), _value(entry.get(2, absent), kind, depth)


def _value(value: int | bytes, kind: str, depth: int) -> Any:
    if kind[0] == "M":
        return _message(_bytes(value), kind[1:], depth + 1)
    if kind.startswith("()"):
        return [_value(item, kind[2:], depth + 1) for number, item in _fields(_bytes(value)) if number == 1]
    if kind[0] == "E":
        return _either(_bytes(value), kind[1:], depth)
    return _SCALARS[kind](value)


def _either(data: bytes, name: str, depth: int) -> Any:
    """A schema, or what may stand in its place: a truth value, a list of schemas, a list of names."""
    if depth > _DEPTH:
        raise Undecodable("nested too deeply")
    schema: Json | None = None
    others: list[Any] = []
    allowed = True
    for number, value in _fields(data):
        if name == "JSONSchemaPropsOrBool":
            if number == 1:
                allowed = bool(_int(value))
            else:
                schema = _message(_bytes(value), _SCHEMA, depth + 1)
        elif number == 1:
            schema = _message(_bytes(value), _SCHEMA, depth + 1)
        elif name == "JSONSchemaPropsOrArray":
            others.append(_message(_bytes(value), _SCHEMA, depth + 1))
        else:
            others.append(_bytes(value).decode())
    if schema is not None and not others:
        return schema
    return allowed if name == "JSONSchemaPropsOrBool" else others


def _time(value: int | bytes) -> str | None:
    parts = dict(_fields(_bytes(value)))
    if not parts:
        return None
    return _moment(parts).strftime("%Y-%m-%dT%H:%M:%SZ")


def _micro_time(value: int | bytes) -> str | None:
    parts = dict(_fields(_bytes(value)))
    if not parts:
        return None
    return _moment(parts).strftime("%Y-%m-%dT%H:%M:%S") + f".{_int(parts.get(2, 0)) // 1000:06d}Z"


def _moment(parts: dict[int, int | bytes]) -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=_int(parts.get(1, 0)))


def _int_or_string(value: int | bytes) -> int | str:
    parts = dict(_fields(_bytes(value)))
    return _bytes(parts.get(3, b"")).decode() if _int(parts.get(1, 0)) else _int(parts.get(2, 0))


def _raw(value: int | bytes) -> Any:
    parts = dict(_fields(_bytes(value)))
    body = _bytes(parts.get(1, b""))
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError as error:
        raise Undecodable(f"embedded JSON: {error}") from error


def _double(value: int | bytes) -> float | int:
    number: float = struct.unpack("<d", _bytes(value))[0]
    return int(number) if number.is_integer() else number


_SCALARS: Final[dict[str, Callable[[int | bytes], Any]]] = {
    "s": lambda value: _bytes(value).decode(),
    "b": lambda value: base64.b64encode(_bytes(value)).decode(),
    "B": lambda value: bool(_int(value)),
    "i": _int,
    "d": _double,
    "Q": lambda value: _bytes(dict(_fields(_bytes(value))).get(1, b"")).decode(),
    "T": _time,
    "U": _micro_time,
    "D": lambda value: str(Duration(_int(dict(_fields(_bytes(value))).get(1, 0)))),
    "I": _int_or_string,
    "R": _raw,
}
