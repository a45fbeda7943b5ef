"""CustomResourceDefinitions: which kinds one of them serves.

Answers to `k8s.io/apiextensions-apiserver`.
"""

from typing import Any

from gotk.apiserver.resource import Column, Resource, Scale
from gotk.apiserver.schema import Schema

AGE = Column(
    name="Age",
    type="date",
    path=".metadata.creationTimestamp",
    description="CreationTimestamp is the time at which the object was made.",
)


def resources(crd: dict[str, Any]) -> tuple[Resource, ...]:
    """Turn the served versions of a definition into resources."""
    return tuple(_resource(crd, version) for version in crd["spec"]["versions"] if version.get("served"))


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
