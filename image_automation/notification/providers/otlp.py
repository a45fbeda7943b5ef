"""Spans in OTLP's binary form (protobuf), which collectors take that refuse JSON.

The layout is that of opentelemetry-proto: `ExportTraceServiceRequest` with one resource, one scope and its spans.
Only what a span of ours has is written; fields that are empty are left out, as protobuf does.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_SCHEMA = "https://opentelemetry.io/schemas/1.34.0"
_SCOPE = "flux:notification-controller"
_INTERNAL = 1
#: W3C's "sampled", and that it is known whether the parent is of another process.
_FLAGS = 0x101
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
OK, ERROR = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One span. Times are nanoseconds since the epoch; `parent` is empty for a root."""

    trace: bytes
    span: bytes
    parent: bytes
    name: str
    start: int
    end: int
    attributes: Mapping[str, str]
    status: int
    message: str = ""


def encode(resource: Mapping[str, str], span: Span) -> bytes:
    """Return the request that exports a span of a resource."""
    scoped = _field(1, _field(1, _SCOPE.encode())) + _field(2, _span(span))
    spans = _field(1, _attributes(1, resource)) + _field(2, scoped) + _field(3, _SCHEMA.encode())
    return _field(1, spans)


def _span(span: Span) -> bytes:
    parts = [_field(1, span.trace), _field(2, span.span)]
    if span.parent:
        parts.append(_field(4, span.parent))
    parts += [_field(5, span.name.encode()), _key(6, _VARINT) + _varint(_INTERNAL)]
    parts += [_key(7, _FIXED64) + span.start.to_bytes(8, "little"), _key(8, _FIXED64) + span.end.to_bytes(8, "little")]
    message = _field(2, span.message.encode()) if span.message else b""
    parts += [_attributes(9, span.attributes), _field(15, message + _key(3, _VARINT) + _varint(span.status))]
    parts.append(_key(16, _FIXED32) + _FLAGS.to_bytes(4, "little"))
    return b"".join(parts)


def _attributes(number: int, facts: Mapping[str, str]) -> bytes:
    pairs = ((name.encode(), value.encode()) for name, value in facts.items())
    return b"".join(_field(number, _field(1, name) + _field(2, _field(1, value))) for name, value in pairs)


def _field(number: int, content: bytes) -> bytes:
    return _key(number, _BYTES) + _varint(len(content)) + content


def _key(number: int, wire: int) -> bytes:
    return _varint(number << 3 | wire)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
