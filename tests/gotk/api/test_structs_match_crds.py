"""The structs that controllers read and the definitions that clusters serve say the same."""

from collections.abc import Collection
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from deploy import crds
from gotk.api import scheme
from gotk.duration import Duration

CRDS = {crd["spec"]["names"]["kind"]: crd for crd in crds.load()}
#: What Flux takes for granted and does not write into the object.
UNWRITTEN: dict[str, set[str]] = {
    "HelmRelease": {
        "spec.driftDetection.mode", "spec.install.crds", "spec.maxHistory",
        "spec.persistentClient", "spec.rollback.serverSideApply", "spec.timeout",
        "spec.upgrade.chartNameChangeStrategy", "spec.upgrade.crds", "spec.upgrade.remediation.strategy",
        "spec.upgrade.serverSideApply",
    },
    "ArtifactGenerator": {"spec.artifacts[].copy[].strategy"},
    "ImageUpdateAutomation": {"spec.git.commit.signingKey.type"},
    "Kustomization": {"spec.postBuild.substituteStrategy"},
    "Receiver": {"spec.oidcProviders[].audience"},
}  # fmt: skip
#: What the runtime keeps of a status that has no field for it, as it reads it from Ready.
KEPT = {("ArtifactGenerator", "status.observedGeneration: only in one of both")}
CONSTRAINTS = ("type", "enum", "pattern", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum")


def bounds(info: Any, names: dict[str, str]) -> dict[str, Any]:
    return {key: value for name, key in names.items() if (value := getattr(info, name)) is not None}


def schema_of(info: Any) -> dict[str, Any]:
    """Say in JSON Schema what a type accepts. `X | None` is X: an absent field and a null read the same."""
    match info:
        case inspect.Metadata():
            return {**schema_of(info.type), **(info.extra_json_schema or {})}
        case inspect.UnionType():
            (choice,) = (t for t in info.types if not isinstance(t, inspect.NoneType))
            return schema_of(choice)
        case inspect.StructType():
            return {
                "type": "object",
                "properties": {f.encode_name: {**schema_of(f.type), "default": plain(f.default)} for f in info.fields},
                "required": [f.encode_name for f in info.fields if f.required],
            }
        case inspect.VarTupleType():
            return {
                "type": "array",
                "items": schema_of(info.item_type),
                **bounds(info, {"min_length": "minItems", "max_length": "maxItems"}),
            }
        case inspect.DictType():
            return {"type": "object", "additionalProperties": schema_of(info.value_type)}
        case inspect.LiteralType():
            return {"type": "string", "enum": list(info.values)}
        case inspect.StrType():
            found = bounds(info, {"min_length": "minLength", "max_length": "maxLength", "pattern": "pattern"})
            return {"type": "string", **found}
        case inspect.CustomType():
            assert info.cls is Duration
            return {"type": "string"}
        case inspect.IntType():
            return {"type": "integer"}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.AnyType():
            return {}
    raise AssertionError(info)


def plain(default: Any) -> Any:
    return None if default is msgspec.NODEFAULT else scheme.to_builtins(default)


def default_of(node: dict[str, Any]) -> Any:
    """An empty default is what an absent field reads as: no default."""
    default = node.get("default") or None
    if isinstance(default, str) and default[:1].isdigit():
        return Duration.parse(default).nanoseconds
    return list(default) if isinstance(default, tuple) else default


def constraints(node: dict[str, Any]) -> dict[str, Any]:
    found = {key: node[key] for key in CONSTRAINTS if key in node}
    if "enum" in found:
        found = {**found, "type": "string", "enum": sorted(found["enum"])}
    return found


def differences(struct: dict[str, Any], crd: dict[str, Any], path: str, unwritten: Collection[str]) -> list[str]:
    if crd.get("x-kubernetes-preserve-unknown-fields"):
        return []  # the definition leaves it open
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
        if mine != its and f"{path}.{name}" not in unwritten and theirs[name].get("type") != "object":
            found.append(f"{path}.{name}: default {mine!r} is not {its!r}")
        found += differences(ours[name], theirs[name], f"{path}.{name}", unwritten)
    for inner in ("items", "additionalProperties"):
        if isinstance(crd.get(inner), dict):
            found += differences(struct.get(inner, {}), crd[inner], f"{path}[]", unwritten)
    return found


@pytest.mark.parametrize("kind", sorted(CRDS))
def test_a_struct_has_the_fields_bounds_and_defaults_of_its_definition(kind: str) -> None:
    resource = next(r for r in scheme.RESOURCES if r.kind == kind)
    properties = schema_of(inspect.type_info(resource.struct))["properties"]
    crd = CRDS[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    assert [
        found
        for part in ("spec", "status")
        if part in {*crd, *properties}
        for found in differences(properties[part], crd[part], part, UNWRITTEN.get(kind, ()))
        if (kind, found) not in KEPT
    ] == []


@pytest.mark.parametrize("kind", sorted(CRDS))
def test_a_default_that_is_an_object_reads_as_the_structs_own(kind: str) -> None:
    resource = next(r for r in scheme.RESOURCES if r.kind == kind)
    schema = CRDS[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    types = {f.name: f for f in msgspec.structs.fields(resource.struct)}
    if "default" in schema.get("status", {}):
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
            if part not in newest["properties"]:
                continue
            mine, new = schema["properties"][part], newest["properties"][part]
            assert mine.get("required", []) == new.get("required", [])
            assert set(new["properties"]) <= set(mine["properties"])
