"""Label and field selectors of a request as one filter over stored objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gotk import selectors
from gotk.apiserver import status
from gotk.apiserver.resources import versions
from gotk.apiserver.resources.resource import Resource
from gotk.apiserver.storage.store import Stored

#: Fields by which objects of built-in kinds can be chosen, besides name and namespace.
_FIELDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "pods"): (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    ("", "secrets"): ("type",),
    ("", "namespaces"): ("status.phase",),
    ("", "nodes"): ("spec.unschedulable",),
    ("", "events"): (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    ("events.k8s.io", "events"): (
        "regarding.kind",
        "regarding.namespace",
        "regarding.name",
        "regarding.uid",
        "regarding.apiVersion",
        "regarding.resourceVersion",
        "regarding.fieldPath",
        "reason",
        "reportingController",
        "type",
    ),
    ("apps", "replicasets"): ("status.replicas",),
    ("batch", "jobs"): ("status.successful",),
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """Objects whose labels and fields fit."""

    resource: Resource
    labels: selectors.Selector | None
    fields: selectors.Selector | None
    paths: tuple[str, ...]
    name: str = ""

    def matches(self, item: Stored) -> bool:
        """Return whether an object is one of them."""
        if self.labels is not None and not self.labels.matches(item.labels):
            return False
        return self.fields is None or self.fields.matches(self._values(item))

    def _values(self, item: Stored) -> dict[str, str]:
        values = {"metadata.name": item.key.name, "metadata.namespace": item.key.namespace}
        if self.paths:
            obj = versions.convert(item.object(), self.resource)
            values.update({path: _text(obj, path) for path in self.paths})
        return values


def parse(resource: Resource, query: Mapping[str, str]) -> Chosen | None:
    """Read both selectors; None when there are none. Raises Refusal (400)."""
    labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
    if not labels and not fields:
        return None
    try:
        by_label = selectors.parse_labels(labels) if labels else None
        by_field = selectors.parse_fields(fields) if fields else None
    except ValueError as error:
        raise status.bad_request(str(error)) from error
    known = {"metadata.name", "metadata.namespace", *_known(resource)}
    used = by_field.keys if by_field is not None else ()
    for path in used:
        if path not in known:
            raise status.bad_request(f"field label not supported: {path}")
    paths = tuple(path for path in used if path not in {"metadata.name", "metadata.namespace"})
    name = by_field.exact("metadata.name") if by_field is not None else None
    return Chosen(resource, by_label, by_field, paths, name or "")


def _known(resource: Resource) -> tuple[str, ...]:
    return (*resource.selectable_fields, *_FIELDS.get((resource.group, resource.plural), ()))


def _text(obj: Any, path: str) -> str:
    for part in path.split("."):
        obj = obj.get(part) if isinstance(obj, dict) else None
    if obj is None:
        return ""
    if isinstance(obj, bool):
        return "true" if obj else "false"
    if isinstance(obj, dict):
        return str(obj.get("component", ""))
    return str(obj)
