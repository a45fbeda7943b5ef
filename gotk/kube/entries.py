"""Objects as the cache holds them: decoded into their struct, or the note that they do not fit it.

One object that a newer version wrote, or that slipped past an older schema, must not blind us to the others of its
kind; it is kept with what could be read of it, so that its controller can say on the object what is wrong.
"""

from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
import structlog

from gotk.api import scheme
from gotk.api.meta import Object, ObjectMeta, ReconcileStatus

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type, as everywhere in this module


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecodable:
    """An object that does not fit its struct: what of it could be read, and why the rest could not."""

    namespace: str
    name: str
    metadata: ObjectMeta
    status: ReconcileStatus = field(default_factory=ReconcileStatus)
    error: str


class _Known(msgspec.Struct):
    """The part of an object that is needed to speak about it."""

    metadata: ObjectMeta


class _Reported(msgspec.Struct):
    status: ReconcileStatus = ReconcileStatus()


def decode(raw: bytes, kind: type[O]) -> O | Undecodable | None:
    """Decode an object of a list or a watch; None, and a line in the log, where not even its name can be read."""
    resource = scheme.resource_of(kind)
    # Items of a list of a built-in kind do not name their kind; where one is named, the later one stands.
    prefix = b'{"apiVersion":"%s","kind":"%s",' % (resource.api_version.encode(), resource.kind.encode())
    try:
        return scheme.decode(prefix + raw.lstrip()[1:], kind)
    except msgspec.MsgspecError as error:
        return _undecodable(raw, resource.kind, error)


def _undecodable(raw: bytes, kind: str, error: msgspec.MsgspecError) -> Undecodable | None:
    try:
        metadata = msgspec.json.decode(raw, type=_Known).metadata
    except msgspec.MsgspecError as worse:
        structlog.get_logger().error("an object without a readable name is left out", kind=kind, error=str(worse))
        return None
    try:
        status = msgspec.json.decode(raw, type=_Reported).status
    except msgspec.MsgspecError:
        status = ReconcileStatus()
    return Undecodable(
        namespace=metadata.namespace, name=metadata.name, metadata=metadata, status=status, error=_cause(error)
    )


def _cause(error: msgspec.MsgspecError) -> str:
    """Say `spec.interval: Expected ...` for msgspec's `Expected ... - at `$.spec.interval``."""
    cause, _, path = str(error).partition(" - at `$")
    field_ = path.rstrip("`").lstrip(".")
    return f"{field_}: {cause}" if field_ else cause
