"""From a request's body to a plain object: JSON, YAML, or the protobuf that typed clients send for built-in kinds."""

from typing import Any

import orjson
import yaml

from gotk import nesting
from gotk.apiserver import status
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.schema import object_head
from gotk.apiserver.wire import protobuf

Json = dict[str, Any]
JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
#: Bodies above this are refused, as upstream does (its limit is 3 MiB).
LIMIT = 3 * 1024 * 1024
#: Deeper objects are refused: they could be read but not written out again.
LEVELS = 200


class Loader(nesting.Loader):
    """The safe loader without timestamps: JSON has none, so `2026-01-01` is a string."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in nesting.Loader.yaml_implicit_resolvers.items()
}


def check(value: Any) -> None:
    """Refuse an object that nests too deep to be written out again. Raises ValueError."""
    nesting.check_value(value, levels=LEVELS)


def media(content_type: str) -> str:
    """Return the bare media type."""
    return content_type.partition(";")[0].strip().lower()


def plain(data: bytes, content_type: str) -> Any:
    """Decode a body without knowing what it should be. Raises Refusal (415) and ValueError."""
    kind = media(content_type) or JSON
    if kind == PROTOBUF:
        value = protobuf.decode(data)
        check(value)
        return value
    if kind in {JSON, YAML}:
        return parse(data)
    raise status.unsupported_media_type((JSON, YAML, PROTOBUF))


def parse(data: bytes) -> Any:
    """Decode JSON, or YAML where it does not begin like JSON. Raises ValueError."""
    if kind_of(data) == JSON:
        value = orjson.loads(data)
        if data.count(b"{") + data.count(b"[") > LEVELS:
            check(value)
        return value
    try:
        documents = nesting.load(data, levels=LEVELS, loader=Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if len(documents) > 1:
        raise ValueError("expected a single document in the stream but found another document")
    return documents[0] if documents else None


def kind_of(data: bytes) -> str:
    """Tell JSON from YAML by the first byte that is not a blank."""
    return JSON if data.lstrip()[:1] in {b"{", b"["} else YAML


def decode(data: bytes, content_type: str, resource: Resource, kind: str = "") -> Json:
    """Decode the object of a create or update and check that it calls itself what it should be. Raises Refusal.

    Built-in kinds may leave their name to the path, as upstream's typed decoder fills it in; custom ones may not.
    """
    wanted = kind or resource.kind
    try:
        obj = plain(data, content_type)
    except ValueError as error:
        raise status.bad_request(_unreadable(wanted, f"couldn't get version/kind; {_said(error)}", data)) from error
    if not isinstance(obj, dict):
        raise status.bad_request(_unreadable(wanted, "couldn't get version/kind; json parse error", data))
    if kind or not resource.custom:
        _named_by_path(obj, wanted, resource, typed=not kind)
    if not obj.get("kind"):
        text = data.decode(errors="replace")
        raise status.bad_request(_unreadable(wanted, f"Object 'Kind' is missing in '{text}'", data))
    object_head.check(obj)
    return obj


def _named_by_path(obj: Json, kind: str, resource: Resource, *, typed: bool) -> None:
    """Fill in what an object does not say of its kind."""
    obj["kind"] = obj.get("kind") or kind
    if typed:
        obj["apiVersion"] = obj.get("apiVersion") or resource.api_version


def _said(error: ValueError) -> str:
    if not isinstance(error, orjson.JSONDecodeError):
        return str(error)
    return f"json parse error: {'unexpected end of JSON input' if 'end of' in str(error) else error}"


def _unreadable(kind: str, why: str, data: bytes) -> str:
    text = data[:1024].decode(errors="replace")
    return f"the object provided is unrecognized (must be of type {kind}): {why} ({text})"
