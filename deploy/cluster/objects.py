"""The objects of a build: read from its text, marked as this Kustomization's, brought to the form that is applied.

Answers to `fluxcd/pkg/ssa` (`ReadObjects`, `SetOwnerLabels`, `normalize`, `SetCommonMetadata`), in that order: common
metadata comes last and may overwrite the owner's labels.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deploy.cluster import documents

Manifest = dict[str, Any]

OWNER_NAME = "kustomize.toolkit.fluxcd.io/name"
OWNER_NAMESPACE = "kustomize.toolkit.fluxcd.io/namespace"
_POD_SPEC_AT = {
    "Pod": ("spec",),
    "PodTemplate": ("template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(
        ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"),
        ("spec", "template", "spec"),
    ),
}
_NATIVE_GROUPS = frozenset({"", "apps", "batch"})


def subject(obj: Mapping[str, Any]) -> str:
    """Name an object as Flux does: `Deployment/apps/podinfo`, `Namespace/apps`."""
    meta = obj.get("metadata") or {}
    names = (str(obj.get("kind", "")), str(meta.get("namespace") or ""), str(meta.get("name") or ""))
    return "/".join(name for name in names if name)


def group_of(obj: Mapping[str, Any]) -> str:
    """Return the API group of an object, empty for the core group."""
    return str(obj.get("apiVersion", "")).rpartition("/")[0]


def metadata_value(obj: Mapping[str, Any], key: str) -> str | None:
    """Return a control key's value, from the labels or else the annotations, in lower case."""
    meta = obj.get("metadata") or {}
    for place in ("labels", "annotations"):
        value = (meta.get(place) or {}).get(key)
        if value is not None:
            return str(value).lower()
    return None


def read(texts: Iterable[str]) -> list[Manifest]:
    """Read the objects of some YAML documents, lists unfolded. Raises documents.DocumentError."""
    return [obj for text in texts for value in documents.load(text) for obj in _unfold(value)]


def _unfold(value: Any) -> Iterator[Manifest]:
    if not isinstance(value, dict):
        return
    if str(value.get("kind", "")).endswith("List") and isinstance(value.get("items"), list):
        for item in value["items"]:
            yield from _unfold(item)
    elif _is_object(value) and not _is_kustomization_file(value):
        for place in ("labels", "annotations"):
            if not isinstance(value["metadata"].get(place) or {}, dict):
                raise documents.DocumentError(f"metadata.{place} of {subject(value)} is not a mapping")
        yield value


def _is_object(value: Manifest) -> bool:
    meta = value.get("metadata")
    return bool(value.get("apiVersion") and value.get("kind") and isinstance(meta, dict) and meta.get("name"))


def _is_kustomization_file(value: Manifest) -> bool:
    return value["kind"] == "Kustomization" and group_of(value) == "kustomize.config.k8s.io"


def prepare(
    obj: Manifest, *, owner: str, owner_namespace: str, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> None:
    """Bring an object, in place, to the form that is applied: owner labels, normal form, common metadata."""
    _merge_metadata(obj, "labels", {OWNER_NAME: owner, OWNER_NAMESPACE: owner_namespace})
    _normalise(obj)
    _merge_metadata(obj, "labels", labels)
    _merge_metadata(obj, "annotations", annotations)


def _merge_metadata(obj: Manifest, place: str, values: Mapping[str, str]) -> None:
    if values:
        obj["metadata"][place] = {**(obj["metadata"].get(place) or {}), **values}


def _normalise(obj: Manifest) -> None:
    kind, group = obj["kind"], group_of(obj)
    _drop_null_timestamp(obj)
    if kind != "CustomResourceDefinition":
        obj.pop("status", None)
    if group == "" and kind == "Secret":
        _encode_string_data(obj)
    elif group == "" and kind == "Service":
        _default_protocols(_list(obj.get("spec"), "ports"))
    elif group in _NATIVE_GROUPS and kind in _POD_SPEC_AT:
        _normalise_pod(obj, _POD_SPEC_AT[kind])


def _normalise_pod(obj: Manifest, path: tuple[str, ...]) -> None:
    spec: Any = obj
    for name in path:
        spec = spec.get(name) if isinstance(spec, dict) else None
        if name in {"template", "jobTemplate"} and isinstance(spec, dict):
            _drop_null_timestamp(spec)
    for place in ("containers", "initContainers"):
        for container in _list(spec, place):
            _default_protocols(_list(container, "ports"))


def _drop_null_timestamp(obj: Manifest) -> None:
    meta = obj.get("metadata")
    if isinstance(meta, dict) and "creationTimestamp" in meta and meta["creationTimestamp"] is None:
        del meta["creationTimestamp"]


def _list(value: Any, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _default_protocols(ports: list[Any]) -> None:
    for port in ports:
        if isinstance(port, dict) and not port.get("protocol"):
            port["protocol"] = "TCP"


def _encode_string_data(obj: Manifest) -> None:
    """Move a secret's `stringData` into `data`, where it wins; what is not text is left for the API to refuse."""
    plain = obj.get("stringData")
    if not isinstance(plain, dict) or not all(isinstance(value, str) for value in plain.values()):
        return
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
    obj["data"] = {**(obj.get("data") or {}), **encoded}
    del obj["stringData"]
