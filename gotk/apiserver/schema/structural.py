"""Whether a schema is structural: what can be pruned, defaulted and applied field by field without guessing.

Answers to `apiserver/schema/validation.go` and the schema part of `apis/apiextensions/validation`.
"""

from collections.abc import Iterator
from typing import Any, Final

import re2

from gotk.apiserver import cause
from gotk.apiserver.cause import Cause
from gotk.apiserver.schema import validation
from gotk.apiserver.schema.node import Node

Json = dict[str, Any]
_JUNCTORS: Final = ("allOf", "anyOf", "oneOf")
_UNSUPPORTED: Final = ("id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref")
#: What must not be said inside allOf, anyOf, oneOf and not, and how upstream refuses it.
_PLAIN: Final = {
    "type": "must be empty to be structural",
    "additionalProperties": "must be undefined to be structural",
    "default": "must be undefined to be structural",
    "title": "must be empty to be structural",
    "description": "must be empty to be structural",
    "nullable": "must be false to be structural",
    "x-kubernetes-preserve-unknown-fields": "must be false to be structural",
    "x-kubernetes-embedded-resource": "must be false to be structural",
    "x-kubernetes-int-or-string": "must be false to be structural",
    "x-kubernetes-list-map-keys": "must be empty to be structural",
    "x-kubernetes-list-type": "must be undefined to be structural",
    "x-kubernetes-map-type": "must be undefined to be structural",
    "x-kubernetes-validations": "must be empty to be structural",
}
_TYPES: Final = ("array", "boolean", "integer", "number", "object", "string")
_INT_OR_STRING: Final = [{"type": "integer"}, {"type": "string"}]


def problems(schema: Json, path: str) -> Iterator[Cause]:
    """Yield what keeps the schema of a version from being structural."""
    if schema.get("nullable"):
        yield cause.forbidden(f"{path}.nullable", "nullable cannot be true at the root")
    yield from _node(schema, path, "root")


def _node(schema: Json, path: str, level: str) -> Iterator[Cause]:
    yield from _type(schema, path, level)
    for key in _UNSUPPORTED:
        if key in schema:
            yield cause.forbidden(f"{path}.{key}", f"{key} is not supported")
    yield from _extensions(schema, path)
    yield from _lists(schema, path)
    yield from _values(schema, path)
    yield from _logic(schema, path, schema)
    yield from _rules(schema, path)
    for name, child in sorted((schema.get("properties") or {}).items()):
        if level != "root" or name not in {"metadata", "apiVersion", "kind"}:
            yield from _node(child, f"{path}.properties[{name}]", "field")
    yield from _head(schema, path, level)
    if isinstance(schema.get("items"), dict):
        yield from _node(schema["items"], f"{path}.items", "item")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _node(schema["additionalProperties"], f"{path}.additionalProperties", "field")


def _type(schema: Json, path: str, level: str) -> Iterator[Cause]:
    kind = schema.get("type", "")
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if level == "root" and kind not in {"", "object"}:
        yield cause.invalid(f"{path}.type", kind, "must be object at the root")
    elif not kind and (level == "root" or not free):
        what = {"root": "at the root", "item": "for specified array items", "field": "for specified object fields"}
        yield cause.required(f"{path}.type", f"must not be empty {what[level]}")
    elif kind and kind not in _TYPES:
        yield cause.not_supported(f"{path}.type", kind, _TYPES)
    if kind == "array" and not isinstance(schema.get("items"), dict):
        detail = "items must be a schema object and not an array"
        yield (
            cause.forbidden(f"{path}.items", detail)
            if isinstance(schema.get("items"), list)
            else cause.required(f"{path}.items", "must be specified")
        )
    if schema.get("additionalProperties") is not None and level == "root":
        yield cause.forbidden(f"{path}.additionalProperties", "must not be used at the root")
    if schema.get("additionalProperties") is not None and schema.get("properties"):
        yield cause.forbidden(
            f"{path}.additionalProperties", "additionalProperties and properties are mutual exclusive"
        )


def _extensions(schema: Json, path: str) -> Iterator[Cause]:
    kind = schema.get("type", "")
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        yield cause.invalid(
            f"{path}.x-kubernetes-preserve-unknown-fields", value=False, detail="must be true or undefined"
        )
    if schema.get("uniqueItems"):
        yield cause.forbidden(
            f"{path}.uniqueItems", "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        )
    if schema.get("x-kubernetes-embedded-resource"):
        if kind != "object":
            yield _wrong(f"{path}.type", kind, "must be object if x-kubernetes-embedded-resource is true")
        if not schema.get("properties") and not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield cause.required(
                f"{path}.properties",
                "must not be empty if x-kubernetes-embedded-resource is true without "
                "x-kubernetes-preserve-unknown-fields",
            )
    if map_type := schema.get("x-kubernetes-map-type"):
        if map_type not in {"atomic", "granular"}:
            yield cause.not_supported(f"{path}.x-kubernetes-map-type", map_type, ("atomic", "granular"))
        if kind != "object":
            yield _wrong(f"{path}.type", kind, "must be object if x-kubernetes-map-type is specified")


def _wrong(path: str, value: str, detail: str) -> Cause:
    return cause.invalid(path, value, detail) if value else cause.required(path, detail)


def _lists(schema: Json, path: str) -> Iterator[Cause]:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or []
    items = schema.get("items") if isinstance(schema.get("items"), dict) else {}
    assert items is not None
    where = f"{path}.x-kubernetes-list-type"
    if kind is not None:
        if kind not in {"atomic", "map", "set"}:
            yield cause.not_supported(where, kind, ("atomic", "map", "set"))
        if schema.get("type") != "array":
            detail = "must be array if x-kubernetes-list-type is specified"
            yield _wrong(f"{path}.type", schema.get("type", ""), detail)
    if keys and kind != "map":
        yield _wrong(where, kind or "", "must be map if x-kubernetes-list-map-keys is non-empty")
    if kind in {"map", "set"} and items.get("nullable"):
        yield cause.forbidden(f"{path}.items.nullable", f"cannot be nullable when x-kubernetes-list-type is {kind}")
    if kind == "set":
        yield from _set_items(items, path)
    if kind == "map":
        yield from _map_items(items, keys, path)


def _set_items(items: Json, path: str) -> Iterator[Cause]:
    detail = "must be atomic as item of a list with x-kubernetes-list-type=set"
    if items.get("type") == "array" and items.get("x-kubernetes-list-type", "atomic") != "atomic":
        yield cause.invalid(f"{path}.items.x-kubernetes-list-type", items["x-kubernetes-list-type"], detail)
    if items.get("type") == "object" and items.get("x-kubernetes-map-type") != "atomic":
        yield cause.invalid(f"{path}.items.x-kubernetes-map-type", items.get("x-kubernetes-map-type"), detail)


def _map_items(items: Json, keys: list[str], path: str) -> Iterator[Cause]:
    if not keys:
        yield cause.required(f"{path}.x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map")
    if items.get("type") != "object":
        detail = "must be object if parent array's x-kubernetes-list-type is map"
        yield cause.invalid(f"{path}.items.type", items.get("type", ""), detail)
    fields = items.get("properties") or {}
    for index, key in enumerate(keys):
        where = f"{path}.items.properties[{key}]"
        if key not in fields:
            detail = "entries must all be names of item properties"
            yield cause.invalid(f"{path}.x-kubernetes-list-map-keys[{index}]", key, detail)
        elif fields[key].get("type") in {"array", "object"}:
            detail = "must be a scalar type if parent array's x-kubernetes-list-type is map"
            yield cause.invalid(f"{where}.type", items.get("type", ""), detail)
        elif key not in (items.get("required") or ()) and "default" not in fields[key]:
            yield cause.required(
                f"{where}.default",
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
            )
    if len(set(keys)) != len(keys):
        repeated = next(key for index, key in enumerate(keys) if key in keys[:index])
        yield cause.duplicate(f"{path}.x-kubernetes-list-map-keys[{keys.index(repeated)}]", repeated)


def _values(schema: Json, path: str) -> Iterator[Cause]:
    """Check that patterns compile and that a default is valid itself."""
    if pattern := schema.get("pattern"):
        try:
            re2.compile(pattern)
        except re2.error as error:
            detail = f"must be a valid regular expression, but isn't: {error}"
            yield cause.invalid(f"{path}.pattern", pattern, detail)
    if schema.get("default") is not None:
        node = Node(schema)
        for found in validation.validate(schema["default"], node, f"{path}.default"):
            if found.reason != cause.REQUIRED:
                yield found


def _logic(schema: Json, path: str, structure: Json) -> Iterator[Cause]:
    """Check that what stands in allOf, anyOf, oneOf and not only narrows what is declared outside."""
    branches = [(f"{path}.{key}[{i}]", one) for key in _JUNCTORS for i, one in enumerate(schema.get(key) or ())]
    if isinstance(schema.get("not"), dict):
        branches.append((f"{path}.not", schema["not"]))
    for where, branch in branches:
        allowed = structure.get("x-kubernetes-int-or-string") and branch in _INT_OR_STRING
        nested = structure.get("x-kubernetes-int-or-string") and branch.get("anyOf") == _INT_OR_STRING
        if not allowed and not nested:
            yield from _branch(branch, where, structure, path)


def _branch(branch: Json, where: str, structure: Json, path: str) -> Iterator[Cause]:
    for key, detail in _PLAIN.items():
        if branch.get(key) not in (None, False, "", [], {}):
            yield cause.forbidden(f"{where}.{key}", detail)
    for name, child in sorted((branch.get("properties") or {}).items()):
        outside = (structure.get("properties") or {}).get(name) or structure.get("additionalProperties")
        if isinstance(outside, dict):
            yield from _branch(child, f"{where}.properties[{name}]", outside, f"{path}.properties[{name}]")
        else:
            detail = f"because it is defined in {where}.properties[{name}]"
            yield cause.required(f"{path}.properties[{name}]", detail)
    if isinstance(branch.get("items"), dict):
        if isinstance(structure.get("items"), dict):
            yield from _branch(branch["items"], f"{where}.items", structure["items"], f"{path}.items")
        else:
            yield cause.required(f"{path}.items", f"because it is defined in {where}.items")
    yield from _logic(branch, where, structure)


def _head(schema: Json, path: str, level: str) -> Iterator[Cause]:
    if level != "root" and not schema.get("x-kubernetes-embedded-resource"):
        return
    fields = schema.get("properties") or {}
    for name, kind in (("apiVersion", "string"), ("kind", "string"), ("metadata", "object")):
        if name in fields and fields[name].get("type") != kind:
            where = f"{path}.properties[{name}].type"
            yield cause.invalid(where, fields[name].get("type", ""), f"must be {kind}")
    inner = set((fields.get("metadata") or {}).get("properties") or ()) - {"name", "generateName"}
    if inner:
        yield cause.forbidden(
            f"{path}.properties[metadata]",
            "must not specify anything other than name and generateName, but metadata is implicitly specified",
        )


def _rules(schema: Json, path: str) -> Iterator[Cause]:
    for index, rule in enumerate(schema.get("x-kubernetes-validations") or ()):
        where = f"{path}.x-kubernetes-validations[{index}]"
        if not str(rule.get("rule", "")).strip():
            yield cause.required(f"{where}.rule", "rule is not specified")
        if "message" in rule and not rule["message"].strip():
            yield cause.invalid(f"{where}.message", rule["message"], "must be non-empty if specified")
        if "\n" in str(rule.get("rule", "")).strip() and not rule.get("message"):
            yield cause.required(f"{where}.message", "message must be specified if rule contains line breaks")
