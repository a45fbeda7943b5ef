"""CustomResourceDefinitions: whether one makes sense, and which kinds it serves.

Answers to `k8s.io/apiextensions-apiserver`, its validation included. Conversion between versions only rewrites the
apiVersion: a webhook that converts is refused.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from gotk.apiserver import cause
from gotk.apiserver.cause import Cause
from gotk.apiserver.resources import jsonpath
from gotk.apiserver.resources.resource import Column, Resource, Scale
from gotk.apiserver.schema import structural
from gotk.apiserver.schema.kind_schema import Schema

AGE = Column(
    name="Age",
    type="date",
    path=".metadata.creationTimestamp",
    description="CreationTimestamp is the time at which the object was made.",
)


def resources(crd: dict[str, Any]) -> tuple[Resource, ...]:
    """Turn the served versions of a definition into resources."""
    return tuple(_resource(crd, version) for version in crd["spec"]["versions"] if version.get("served"))


def validate(crd: dict[str, Any], old: dict[str, Any] | None = None) -> list[Cause]:
    """Return every reason to refuse a definition; `old` is the stored one on an update."""
    spec = crd.get("spec") or {}
    causes = [*_head(crd, spec), *_names(spec.get("names") or {}), *_versions(spec)]
    if old is not None:
        causes += _unchanged(spec, old.get("spec") or {})
    return causes


_LABEL: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_TEXT: Final = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_COLUMN_TYPES: Final = ("boolean", "date", "integer", "number", "string")


def _head(crd: dict[str, Any], spec: dict[str, Any]) -> Iterator[Cause]:
    name, group = crd.get("metadata", {}).get("name", ""), spec.get("group", "")
    wanted = f"{(spec.get('names') or {}).get('plural', '')}.{group}"
    if name != wanted:
        yield cause.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
    if not group:
        yield cause.required("spec.group")
    elif "." not in group:
        yield cause.invalid("spec.group", group, "should be a domain with at least one dot")
    elif not _SUBDOMAIN.fullmatch(group):
        yield cause.invalid("spec.group", group, "must be a lowercase RFC 1123 subdomain")
    if spec.get("scope") not in {"Cluster", "Namespaced"}:
        yield cause.not_supported("spec.scope", spec.get("scope", ""), ("Cluster", "Namespaced"))
    if spec.get("preserveUnknownFields"):
        yield cause.invalid("spec.preserveUnknownFields", value=True, detail="must be false")
    conversion = (spec.get("conversion") or {}).get("strategy", "None")
    if conversion != "None":
        yield cause.not_supported("spec.conversion.strategy", conversion, ("None",))


def _names(names: dict[str, Any]) -> Iterator[Cause]:
    for key in ("plural", "singular", "kind", "listKind"):
        value = names.get(key) or {"singular": "x", "listKind": "x"}.get(key, "")
        if not value:
            yield cause.required(f"spec.names.{key}")
        elif not _LABEL.fullmatch(value.lower()):
            yield cause.invalid(f"spec.names.{key}", value, _LABEL_TEXT)
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        yield cause.invalid("spec.names.listKind", names["listKind"], "kind and listKind may not be the same")
    for key in ("shortNames", "categories"):
        for index, value in enumerate(names.get(key) or ()):
            if not _LABEL.fullmatch(value):
                yield cause.invalid(f"spec.names.{key}[{index}]", value, _LABEL_TEXT)


def _versions(spec: dict[str, Any]) -> Iterator[Cause]:
    versions = spec.get("versions") or []
    if sum(bool(version.get("storage")) for version in versions) != 1:
        detail = "must have exactly one version marked as storage version"
        yield cause.invalid("spec.versions", [version.get("name") for version in versions], detail)
    seen: set[str] = set()
    for index, version in enumerate(versions):
        path, name = f"spec.versions[{index}]", version.get("name", "")
        if not _LABEL.fullmatch(name):
            yield cause.invalid(f"{path}.name", name, _LABEL_TEXT)
        if name in seen:
            yield cause.invalid(f"{path}.name", name, "must be unique")
        seen.add(name)
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is None:
            yield cause.required(f"{path}.schema.openAPIV3Schema", "schemas are required")
        else:
            yield from structural.problems(schema, f"{path}.schema.openAPIV3Schema")
        yield from _printed(version, path)


def _printed(version: dict[str, Any], path: str) -> Iterator[Cause]:
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        where = f"{path}.additionalPrinterColumns[{index}]"
        if not column.get("name"):
            yield cause.required(f"{where}.name")
        if column.get("type") not in _COLUMN_TYPES:
            yield cause.invalid(f"{where}.type", column.get("type", ""), f"must be one of {','.join(_COLUMN_TYPES)}")
        yield from _path(column.get("jsonPath", ""), f"{where}.jsonPath")
    for index, field in enumerate(version.get("selectableFields") or ()):
        yield from _path(field.get("jsonPath", ""), f"{path}.selectableFields[{index}].jsonPath")
    scale = (version.get("subresources") or {}).get("scale")
    for key in ("specReplicasPath", "statusReplicasPath"):
        if scale is not None and not scale.get(key):
            yield cause.required(f"{path}.subresources.scale.{key}")


def _path(text: str, where: str) -> Iterator[Cause]:
    if not text:
        yield cause.required(where)
        return
    try:
        jsonpath.parse(text)
    except ValueError as error:
        yield cause.invalid(where, text, f"is an invalid JSONPath: {error}")


def _unchanged(spec: dict[str, Any], old: dict[str, Any]) -> Iterator[Cause]:
    for path in (("group",), ("scope",), ("names", "plural"), ("names", "kind")):
        new, was = _at(spec, path), _at(old, path)
        if new != was:
            yield cause.invalid(f"spec.{'.'.join(path)}", new, "field is immutable")


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def storage_version(crd: dict[str, Any]) -> str:
    """Return the name of the version in which objects are stored."""
    return str(next(v["name"] for v in crd["spec"]["versions"] if v.get("storage")))


def _resource(crd: dict[str, Any], version: dict[str, Any]) -> Resource:
    spec, names = crd["spec"], crd["spec"]["names"]
    subresources = version.get("subresources") or {}
    kind = names["kind"]
    return Resource(
        group=spec["group"],
        version=version["name"],
        kind=kind,
        plural=names["plural"],
        singular=names.get("singular") or kind.lower(),
        list_kind=names.get("listKind") or f"{kind}List",
        storage_version=storage_version(crd),
        storage=f"{names['plural']}.{spec['group']}",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        namespaced=spec["scope"] == "Namespaced",
        columns=tuple(_column(c) for c in version.get("additionalPrinterColumns") or ()) or (AGE,),
        subresources=frozenset(subresources),
        schema=Schema((version.get("schema") or {}).get("openAPIV3Schema") or {}),
        selectable_fields=tuple(f["jsonPath"].lstrip(".") for f in version.get("selectableFields") or ()),
        scale=_scale(subresources.get("scale")),
        crd=crd["metadata"]["name"],
        deprecation=_deprecation(spec, version, kind),
    )


def _column(raw: dict[str, Any]) -> Column:
    return Column(
        name=raw["name"],
        path=raw["jsonPath"],
        type=raw.get("type", "string"),
        format=raw.get("format", ""),
        description=raw.get("description", ""),
        priority=raw.get("priority", 0),
    )


def _scale(raw: dict[str, Any] | None) -> Scale | None:
    if not raw:
        return None
    return Scale(
        spec_replicas=raw["specReplicasPath"].lstrip("."),
        status_replicas=raw["statusReplicasPath"].lstrip("."),
        label_selector=raw.get("labelSelectorPath", "").lstrip("."),
    )


def _deprecation(spec: dict[str, Any], version: dict[str, Any], kind: str) -> str:
    if not version.get("deprecated"):
        return ""
    return version.get("deprecationWarning") or f"{spec['group']}/{version['name']} {kind} is deprecated"
