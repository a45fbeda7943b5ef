"""OpenAPI documents: what `kubectl apply`, `create`, `edit` and `explain` read before they do anything.

Answers to `/openapi/v3` (an index, and a document per group and version) and, with the smallest document that
clients accept, to `/openapi/v2`. kubectl finds out from the paths whether the server checks fields and which patches
it takes; that is why there are paths at all.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.schema import builtin_definitions

Json = dict[str, Any]
RELEASE: Final = "v1.37.1"
#: The media type of `/openapi/v2`. Clients ask for it with an `@` before `v1.0`, which they cannot parse in answers.
V2_MEDIA_TYPE: Final = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
#: A version 2 document without a single path, in protobuf: swagger "2.0", info {title, version}.
V2: Final = b"\n\x032.0\x12\x15\n\nKubernetes\x12\x07" + RELEASE.encode()

_PATCHES: Final = ("application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json")
_STRATEGIC: Final = "application/strategic-merge-patch+json"
_WRITE: Final = ("dryRun", "fieldManager", "fieldValidation")
_VERBS: Final = {
    "get": ("get", ()),
    "put": ("put", _WRITE),
    "patch": ("patch", (*_WRITE, "force")),
    "delete": ("delete", ("dryRun",)),
    "list": ("get", ("fieldSelector", "labelSelector", "limit", "continue", "watch")),
    "post": ("post", _WRITE),
}
_INTEGER_OR_STRING: Final = [{"type": "integer"}, {"type": "string"}]
_QUANTITY: Final = [{"type": "string"}, {"type": "number"}]


def document(resources: Iterable[Resource]) -> Json:
    """Return the document of one group and version."""
    schemas: Json = {}
    paths: Json = {}
    for resource in resources:
        name = schema_name(resource)
        schemas[name] = _own_schema(resource)
        paths |= _paths(resource, name)
    wanted = {ref for schema in schemas.values() for ref in _references(schema)}
    known = builtin_definitions.load()
    while wanted:
        name = wanted.pop()
        if name not in schemas:
            schemas[name] = _emitted(known[name])
            wanted |= set(_references(schemas[name]))
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": RELEASE},
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


def schema_name(resource: Resource) -> str:
    """Return the name of a kind's schema: the definition's for built-ins, the group reversed for custom kinds."""
    reference = resource.schema.raw.get("$ref") if resource.schema is not None else None
    if isinstance(reference, str):
        return reference.removeprefix(builtin_definitions.PREFIX)
    return ".".join([*reversed(resource.group.split(".")), resource.version, resource.kind])


def _own_schema(resource: Resource) -> Json:
    kinds = [{"group": resource.group, "version": resource.version, "kind": resource.kind}]
    if resource.schema is None:
        return {"type": "object", "x-kubernetes-group-version-kind": kinds}
    raw = resource.schema.raw
    if isinstance(raw.get("$ref"), str):
        return _emitted(builtin_definitions.load()[raw["$ref"].removeprefix(builtin_definitions.PREFIX)])
    declared = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, **(raw.get("properties") or {})}
    declared["metadata"] = {
        "description": "Standard object's metadata.",
        "allOf": [builtin_definitions.reference(builtin_definitions.OBJECT_META)],
    }
    return {**raw, "properties": declared, "x-kubernetes-group-version-kind": kinds}


def _emitted(node: Mapping[str, Any]) -> Json:
    """Write a definition as version 3 wants it: nothing may stand beside a reference."""
    if isinstance(node.get("$ref"), str):
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return {**beside, "allOf": [{"$ref": node["$ref"]}]} if beside else dict(node)
    if node.get("x-kubernetes-int-or-string"):
        choices = _QUANTITY if node.get("format") == "quantity" else _INTEGER_OR_STRING
        rest = {k: v for k, v in node.items() if k not in {"x-kubernetes-int-or-string", "type"}}
        return {**rest, "oneOf": choices}
    out = dict(node)
    if isinstance(out.get("properties"), dict):
        out["properties"] = {name: _emitted(child) for name, child in out["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(out.get(key), dict):
            out[key] = _emitted(out[key])
    return out


def _references(node: Any) -> Iterable[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].removeprefix(builtin_definitions.PREFIX)
        for child in node.values():
            yield from _references(child)
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)


def _paths(resource: Resource, schema: str) -> Json:
    root = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
    scope = "/namespaces/{namespace}" if resource.namespaced else ""
    collection = f"{root}{scope}/{resource.plural}"
    given = ["namespace"] if resource.namespaced else []
    if resource.verbs == ("create",):
        return {collection: {"post": _operation("post", resource, schema, given)}}
    item = {verb: _operation(verb, resource, schema, [*given, "name"]) for verb in ("get", "put", "patch", "delete")}
    listed = _operation("list", resource, schema, given)
    posted = _operation("post", resource, schema, given)
    return {collection: {"get": listed, "post": posted}, f"{collection}/{{name}}": item}


def _operation(verb: str, resource: Resource, schema: str, given: list[str]) -> Json:
    action, query = _VERBS[verb]
    content = {"application/json": {"schema": builtin_definitions.reference(schema)}}
    found: Json = {
        "tags": [(resource.group or "core").replace(".", "_") + f"_{resource.version}"],
        "operationId": f"{verb}{resource.group.title().replace('.', '')}{resource.version.title()}{resource.kind}",
        "parameters": [
            *({"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in given),
            *({"name": n, "in": "query", "schema": {"type": "string"}} for n in query),
        ],
        "responses": {"200": {"description": "OK", "content": content}},
        "x-kubernetes-action": verb,
        "x-kubernetes-group-version-kind": {
            "group": resource.group,
            "version": resource.version,
            "kind": resource.kind,
        },
    }
    if action in {"put", "post"}:
        found["requestBody"] = {"required": True, "content": {"*/*": content["application/json"]}}
    if action == "patch":
        kinds = _PATCHES if resource.custom else (*_PATCHES, _STRATEGIC)
        patch: Json = {"schema": {"type": "object"}}
        found["requestBody"] = {"required": True, "content": dict.fromkeys(kinds, patch)}
    return found
