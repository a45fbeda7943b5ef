"""The structs that controllers read and the definitions that clusters serve say the same."""

from typing import Any

import msgspec
import pytest

from deploy import crds
from gotk.api import scheme
from gotk.duration import Duration

CRDS = {crd["spec"]["names"]["kind"]: crd for crd in crds.load()}
CONSTRAINTS = ("type", "enum", "pattern", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum")


def duration_schema(kind: type) -> dict[str, Any]:
    assert kind is Duration
    return {"type": "string"}


def struct_schema(struct: type) -> tuple[dict[str, Any], dict[str, Any]]:
    (root,), definitions = msgspec.json.schema_components([struct], schema_hook=duration_schema)
    return root, definitions


def resolved(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Follow references and see through `X | None`."""
    while "$ref" in node or "anyOf" in node:
        if "$ref" in node:
            node = {**definitions[node["$ref"].rsplit("/", 1)[1]], **{k: v for k, v in node.items() if k != "$ref"}}
        else:
            (choice,) = (c for c in node["anyOf"] if c.get("type") != "null")
            node = {**choice, **{k: v for k, v in node.items() if k != "anyOf"}}
    return node


def default_of(node: dict[str, Any]) -> Any:
    """An empty default is what an absent field reads as: no default."""
    default = node.get("default") or None
    return Duration.parse(default).nanoseconds if isinstance(default, str) and default[:1].isdigit() else default


def constraints(node: dict[str, Any]) -> dict[str, Any]:
    found = {key: node[key] for key in CONSTRAINTS if key in node}
    if "const" in node:
        found["enum"] = [node["const"]]
    if "enum" in found:
        found = {**found, "type": "string", "enum": sorted(found["enum"])}
    return found


def differences(struct: dict[str, Any], crd: dict[str, Any], definitions: dict[str, Any], path: str) -> list[str]:
    struct = resolved(struct, definitions)
    found = []
    if constraints(struct) != constraints(crd):
        found.append(f"{path}: {constraints(struct)} is not {constraints(crd)}")
    theirs = crd.get("properties", {})
    ours = struct.get("properties", {})
    found += [f"{path}.{name}: only in one of both" for name in sorted(set(ours) ^ set(theirs))]
    needed = {name for name in crd.get("required", []) if "default" not in theirs[name]}
    if set(struct.get("required", [])) != needed:
        found.append(f"{path}: requires {struct.get('required')}, not {sorted(needed)}")
    for name in sorted(set(ours) & set(theirs)):
        mine, its = default_of(ours[name]), default_of(theirs[name])
        if mine != its and theirs[name].get("type") != "object":
            found.append(f"{path}.{name}: default {mine!r} is not {its!r}")
        found += differences(ours[name], theirs[name], definitions, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(crd.get(inner), dict):
            found += differences(struct.get(inner, {}), crd[inner], definitions, f"{path}[]")
    return found


@pytest.mark.parametrize("kind", sorted(CRDS))
def test_a_struct_has_the_fields_bounds_and_defaults_of_its_definition(kind: str) -> None:
    resource = next(r for r in scheme.RESOURCES if r.kind == kind)
    root, definitions = struct_schema(resource.struct)
    properties = resolved(root, definitions)["properties"]
    crd = CRDS[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    assert [
        found
        for part in ("spec", "status")
        for found in differences(properties[part], crd[part], definitions, part)
    ] == []


@pytest.mark.parametrize("kind", sorted(CRDS))
def test_a_default_that_is_an_object_reads_as_the_structs_own(kind: str) -> None:
    resource = next(r for r in scheme.RESOURCES if r.kind == kind)
    schema = CRDS[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    types = {f.name: f for f in msgspec.structs.fields(resource.struct)}
    assert scheme.convert(schema["status"]["default"], types["status"].type) == types["status"].default
    for name, field in schema["spec"]["properties"].items():
        if isinstance(field.get("default"), dict):
            inner = next(f for f in msgspec.structs.fields(types["spec"].type) if f.encode_name == name)
            assert scheme.convert(field["default"], inner.type) == inner.default


@pytest.mark.parametrize("kind", sorted(CRDS))
def test_a_definition_is_served_where_the_scheme_says(kind: str) -> None:
    resource = next(r for r in scheme.RESOURCES if r.kind == kind)
    spec = CRDS[kind]["spec"]
    assert (spec["group"], spec["names"]["plural"], spec["scope"]) == (resource.group, resource.plural, "Namespaced")
    assert tuple(v["name"] for v in spec["versions"] if v["served"]) == (resource.version, *resource.older)
    assert [v["name"] for v in spec["versions"] if v["storage"]] == [resource.version]


@pytest.mark.parametrize("kind", sorted(CRDS))
def test_older_versions_take_everything_that_the_newest_takes(kind: str) -> None:
    newest, *older = (v["schema"]["openAPIV3Schema"] for v in CRDS[kind]["spec"]["versions"])
    for schema in older:
        for part in ("spec", "status"):
            mine, new = schema["properties"][part], newest["properties"][part]
            assert mine.get("required", []) == new.get("required", [])
            assert set(new["properties"]) <= set(mine["properties"])
