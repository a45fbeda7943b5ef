"""What every object carries: names, labels, owners, and the fields that only the control plane may set.

Answers to `k8s.io/apimachinery/pkg/api/validation` and `k8s.io/apiserver/pkg/registry/rest` (BeforeCreate,
BeforeUpdate); the wording is theirs.
"""

import secrets
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from gotk.apiserver import cause
from gotk.apiserver.cause import Cause
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.schema import names

Json = dict[str, Any]

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_ANNOTATIONS_LIMIT = 256 * 1024

#: Finalizers that have no domain for reasons of age.
_OLD_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})


def begin(obj: Json, namespace: str, now: str) -> None:
    """Make the metadata of a new object: name from generateName, uid, time; what a client may not set goes."""
    metadata = obj["metadata"]
    if not metadata.get("name") and metadata.get("generateName"):
        suffix = "".join(secrets.choice(_SUFFIX) for _ in range(5))
        metadata["name"] = metadata["generateName"][:58] + suffix
    for system in ("generation", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"):
        metadata.pop(system, None)
    if namespace:
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = now


def keep(old: Json, new: Json) -> None:
    """Carry over what an update may not change."""
    for system in (
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generateName",
    ):
        if system in old["metadata"]:
            new["metadata"][system] = old["metadata"][system]
        elif system != "generateName":
            new["metadata"].pop(system, None)
    new["metadata"].pop("selfLink", None)


def order(obj: Json) -> Json:
    """Put the keys into the order in which objects are stored: apiVersion first, so that it can be rewritten."""
    head = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": obj["metadata"]}
    return {**head, **{key: value for key, value in obj.items() if key not in head}}


def validate(resource: Resource, obj: Json) -> list[Cause]:
    """Check names, labels, annotations, owners and finalizers."""
    metadata = obj["metadata"]
    return [
        *_name(resource, metadata.get("name") or ""),
        *_labels(metadata.get("labels")),
        *_annotations(metadata.get("annotations")),
        *_owners(metadata.get("ownerReferences")),
        *_finalizers(metadata.get("finalizers")),
    ]


def finalizer_warnings(obj: Json) -> Iterator[str]:
    """Warn of finalizers that name no domain."""
    for finalizer in obj["metadata"].get("finalizers") or ():
        if "/" not in finalizer and finalizer not in _OLD_FINALIZERS:
            advice = (
                "prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers"
            )
            yield f'metadata.finalizers: "{finalizer}": {advice}'


def new_finalizers(old: Json, new: Json) -> list[Cause]:
    """Refuse finalizers that are added to an object on its way out; upstream checks (and says) it twice."""
    if "deletionTimestamp" not in old["metadata"]:
        return []
    before = set(old["metadata"].get("finalizers") or ())
    added = sorted(set(new["metadata"].get("finalizers") or ()) - before)
    if not added:
        return []
    listed = ", ".join(f'"{each}"' for each in added)
    why = f"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{listed}}}"
    return [cause.forbidden("metadata.finalizers", why)] * 2


def rfc3339(moment: datetime) -> str:
    """Print a time as metadata holds it: UTC, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _name(resource: Resource, name: str) -> list[Cause]:
    if not name:
        return [cause.required("metadata.name", "name or generateName is required")]
    if resource.group == "rbac.authorization.k8s.io":
        bad = name in {".", ".."} or "/" in name or "%" in name
        return [cause.invalid("metadata.name", name, "may not contain '/' or '%'")] if bad else []
    label = (resource.group, resource.plural) in {("", "namespaces"), ("", "services")}
    why = names.dns_label(name) if label else names.dns_subdomain(name)
    return [cause.invalid("metadata.name", name, why)] if why else []


def _labels(labels: object) -> Iterator[Cause]:
    if not labels:
        return
    if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
        yield cause.invalid("metadata.labels", labels, "must be a map of strings")
        return
    for key, value in labels.items():
        yield from _key("metadata.labels", key)
        for why in names.label_value(value):
            yield cause.invalid("metadata.labels", value, why)


def _key(field: str, key: str) -> Iterator[Cause]:
    for why in names.qualified(key):
        yield cause.invalid(field, key, why)


def _annotations(annotations: object) -> Iterator[Cause]:
    if not annotations:
        return
    if not isinstance(annotations, dict) or not all(isinstance(value, str) for value in annotations.values()):
        yield cause.invalid("metadata.annotations", annotations, "must be a map of strings")
        return
    for key in annotations:
        yield from _key("metadata.annotations", key.lower())
    if sum(len(key) + len(value) for key, value in annotations.items()) > _ANNOTATIONS_LIMIT:
        yield cause.too_long("metadata.annotations", _ANNOTATIONS_LIMIT)


def _owners(owners: Sequence[Any] | None) -> Iterator[Cause]:
    for number, owner in enumerate(owners or ()):
        for part in ("apiVersion", "kind", "name", "uid"):
            if not isinstance(owner, dict) or not owner.get(part):
                field = f"metadata.ownerReferences[{number}].{part}"
                yield cause.invalid(field, "", "must not be empty")


def _finalizers(finalizers: Sequence[Any] | None) -> Iterator[Cause]:
    for finalizer in finalizers or ():
        if not isinstance(finalizer, str):
            yield cause.invalid("metadata.finalizers", finalizer, "must be a string")
        else:
            yield from _key("metadata.finalizers", finalizer)
