"""cdevents: events of the CDEvents specification 0.4, by `Ce-Type`.

Answers to notification-controller's receiver, which proves nothing but the form: the path is the secret. The form is
that of the CDEvents SDK 0.4.1: its structs forget unknown fields and fill missing ones, its schemas (Apache-2.0) judge
what comes of it. cdevents.json holds both, by scripts/cdevents. Where the SDK is odd ours is too: an event without a
time is taken, a link without tags and an incident without artifactId are not.
"""

import functools
import importlib.resources
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from image_automation.notification.receivers import content
from image_automation.notification.receivers.call import Accepted, Call, RefusedError, check_event

_CUSTOM = re.compile(r"dev\.cdeventsx\.[a-z]+-[a-z]+\.[a-z]+\.[0-9]\.[0-9]\.[0-9]")
_CUSTOM_SUBJECT = re.compile(r"[a-zA-Z0-9]+-[a-zA-Z]+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_PURL = re.compile(r"pkg:/*[a-zA-Z0-9.+-]+/+[^/\s@?#][^\s]*")
_NO_URI = re.compile(r"[\x00-\x1f\x7f]|%(?![0-9a-fA-F]{2})|^:|^(?![a-zA-Z][a-zA-Z0-9+.-]*:)[^/?#]*:")
_TEXT = {"kind": "string"}
_FILLED = {"kind": "string", "filled": True, "required": True}
_CONTEXT = {"kind": "object", "fields": {"contextId": _FILLED}, "required": True}
_TAGS = {"kind": "any", "type": "object"}
_LINKS: Mapping[str, Mapping[str, Any]] = {
    "END": {"from": _CONTEXT, "tags": _TAGS},
    "PATH": {"from": _CONTEXT, "tags": _TAGS},
    "RELATION": {"linkKind": _FILLED, "target": _CONTEXT, "tags": _TAGS},
}
_BASE = {
    "context": {"version": _FILLED, "id": _FILLED, "source": _FILLED | {"valid": "uri-reference"}, "chainId": _TEXT},
    "subject": {"id": _FILLED, "source": {"kind": "string", "omitted": True, "valid": "uri-reference"}},
}


def verify(call: Call) -> Accepted:
    """Check that the body is an event of the specification, and the one that the headers say. Raises RefusedError."""
    try:
        body = content.alone(call.body)
    except content.UnreadableError as error:
        raise RefusedError(str(error)) from None
    event = _object(body, "the event")
    context, subject = _object(event.get("context"), "context"), _object(event.get("subject"), "subject")
    shape = _shape(context.get("type"), subject.get("type"))
    for name, part in (("context", context), ("subject", subject)):
        _check(part, {"kind": "object", "fields": _BASE[name]}, name)
    _check_context(context)
    _check(subject.get("content"), shape["content"], "subject.content")
    _check(event.get("customDataContentType"), _TEXT, "customDataContentType")
    if not isinstance(event.get("customData"), dict | str | None):
        raise RefusedError("the CDEvent's customData is neither an object nor a text")
    check_event(call, "Ce-Type")
    return Accepted(ids=(f"{context['source']} {context['id']}",))


@functools.cache
def shapes() -> Mapping[str, Mapping[str, Any]]:
    """Return what the SDK knows of each type: its version, its subject and the content of that."""
    text = importlib.resources.files(__package__).joinpath("cdevents.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, dict[str, Any]])


def _shape(type_: Any, subject: Any) -> Mapping[str, Any]:
    """Return the shape of a type. Raises RefusedError for one that the specification does not have."""
    if isinstance(type_, str) and isinstance(subject, str):
        if _CUSTOM.fullmatch(type_) and _CUSTOM_SUBJECT.fullmatch(subject):
            return shapes()["custom"]
        name = ".".join(type_.removeprefix("dev.cdevents.").split(".")[:2])
        found = shapes().get(name)
        if found and type_ == f"dev.cdevents.{name}.{found['version']}" and subject == found.get("subject"):
            return found
    raise RefusedError("the CDEvent's type, its version or its subject's type is not one of the specification 0.4.1")


def _check_context(context: Mapping[str, Any]) -> None:
    time = context.get("timestamp")
    if time is not None and not (isinstance(time, str) and _is_time(time)):
        raise RefusedError("the CDEvent's context.timestamp is not a time")
    if context.get("schemaUri") not in {None, ""}:
        raise RefusedError("the CDEvent's context.schemaUri names a schema that is not known")
    links = context.get("links")
    if not isinstance(links, list | None):
        raise RefusedError("the CDEvent's context.links is not a list")
    for each in links or ():
        link = _object(each, "context.links") if each is not None else {}
        kind = link.get("linkType")
        if not isinstance(kind, str) or kind not in _LINKS:
            raise RefusedError("the CDEvent has a link of an unknown type")
        _check(link, {"kind": "object", "fields": _LINKS[kind]}, "context.links")


def _check(value: Any, shape: Mapping[str, Any], where: str) -> None:
    """Check a value as the SDK does once its structs have taken it in. Raises RefusedError."""
    if shape["kind"] == "object":
        if value is None and shape.get("pointer"):
            if shape.get("required") or not shape.get("omitted"):
                raise RefusedError(f"the CDEvent has no {where}")
            return
        fields = _object(value, where)
        for name, each in shape["fields"].items():
            _check(fields.get(name), each, f"{where}.{name}")
    elif shape["kind"] == "string":
        _check_text("" if value is None else value, shape, where)
    elif shape["kind"] == "strings":
        if not isinstance(value, list | None) or not all(isinstance(each, str | None) for each in value or ()):
            raise RefusedError(f"the CDEvent's {where} is not a list of texts")
    elif shape.get("type") == "object" and not isinstance(value, dict):
        raise RefusedError(f"the CDEvent's {where} is not an object")


def _check_text(value: Any, shape: Mapping[str, Any], where: str) -> None:
    if not isinstance(value, str):
        raise RefusedError(f"the CDEvent's {where} is not a text")
    valid = shape.get("valid")
    if (valid == "purl" and not _PURL.fullmatch(value)) or (valid == "uri-reference" and _NO_URI.search(value)):
        raise RefusedError(f"the CDEvent's {where} is not a {valid}")
    if not value and shape.get("omitted") and not shape.get("required"):
        return
    if not value and (shape.get("filled") or shape.get("omitted")):
        raise RefusedError(f"the CDEvent's {where} is empty")
    if "enum" in shape and value not in shape["enum"]:
        raise RefusedError(f"the CDEvent's {where} is not one of {', '.join(shape['enum'])}")


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict | None):
        raise RefusedError(f"the CDEvent's {where} is not an object")
    return value or {}


def _is_time(text: str) -> bool:
    try:
        return _TIME.fullmatch(text) is not None and datetime.fromisoformat(text) is not None
    except ValueError:
        return False
