"""The form in which an object is applied: the owner's labels, the normal form of built-in kinds, common metadata.

Answers to `SetOwnerLabels`, `normalize` and `SetCommonMetadata` of `fluxcd/pkg/ssa`, in that order: common metadata
comes last and may overwrite the owner's labels.
"""

import base64
from collections.abc import Mapping
from typing import Any

from cryptography import x509

from deploy.cluster.objects import Manifest, group_of
from deploy.cluster.owner import Owner

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


def prepare(obj: Manifest, *, owner: Owner, labels: Mapping[str, str], annotations: Mapping[str, str]) -> None:
    """Bring an object, in place, to the form that is applied: owner labels, normal form, common metadata."""
    _merge_metadata(obj, "labels", owner.labels)
    normalise(obj)
    _merge_metadata(obj, "labels", labels)
    _merge_metadata(obj, "annotations", annotations)


def normalise(obj: Manifest) -> None:
    """Bring an object, in place, to the normal form of its kind."""
    kind, group = obj["kind"], group_of(obj)
    _drop_null_timestamp(obj)
    if kind != "CustomResourceDefinition":
        obj.pop("status", None)
    else:
        _drop_bad_authority(obj)
    if group == "" and kind == "Secret":
        _encode_string_data(obj)
    elif group == "" and kind == "Service":
        _default_protocols(_list(obj.get("spec"), "ports"))
    elif group in _NATIVE_GROUPS and kind in _POD_SPEC_AT:
        _normalise_pod(obj, _POD_SPEC_AT[kind])


def _merge_metadata(obj: Manifest, place: str, values: Mapping[str, str]) -> None:
    if values:
        obj["metadata"][place] = {**(obj["metadata"].get(place) or {}), **values}


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


def _drop_bad_authority(obj: Manifest) -> None:
    """Take the authority of a conversion webhook out where it is none: API servers refuse it since 1.31."""
    client: Any = obj
    for name in ("spec", "conversion", "webhook", "clientConfig"):
        client = client.get(name) if isinstance(client, dict) else None
    bundle = client.get("caBundle") if isinstance(client, dict) else None
    if not isinstance(bundle, str) or not bundle:
        return
    try:
        x509.load_pem_x509_certificates(base64.b64decode(bundle, validate=True))
    except ValueError:
        del client["caBundle"]


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
