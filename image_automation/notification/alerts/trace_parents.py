"""What an object came from, for traces: the revision that the whole deployment began with, and the span above.

Answers to the OpenTelemetry provider of notification-controller after 1.9, where spans of one deployment hang together:
source, then Kustomization, then what it applied. 1.9.2 itself puts them into one trace, side by side. Whatever
cannot be read is taken as having no parent.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gotk.kube import errors as kube
from image_automation.notification.notice import Notice

UNKNOWN = "unknown"
_KUSTOMIZE = "kustomize.toolkit.fluxcd.io"
_SOURCE = "source.toolkit.fluxcd.io/v1"
_SOURCES = frozenset({"GitRepository", "HelmChart", "OCIRepository", "Bucket", "ExternalArtifact"})
_LIMIT = 5.0
_DEEPEST = 8


class Objects(Protocol):
    """What is needed of a client."""

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Read an object."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """An object at a revision: what a span stands for."""

    uid: str
    revision: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """The revision that names the trace, the event's own step, and the step above, if any."""

    trace: str
    own: Step
    parent: Step | None = None


def revision(notice: Notice) -> str:
    """Return the revision that an event is of."""
    facts = notice.facts
    found = facts.get("commit") or facts.get("originRevision") or facts.get("revision")
    if not found:
        return UNKNOWN
    if "source-revision" in facts:
        return facts["source-revision"]
    if "oci-digest" in facts and "app-version" in facts:
        return f"{facts['app-version']}@{facts['oci-digest']}"
    return found


async def of(objects: Objects, notice: Notice) -> Lineage:
    """Look up what an event's object came from."""
    about, own = notice.involved_object, Step(notice.involved_object.uid, revision(notice))
    try:
        async with asyncio.timeout(_LIMIT):
            obj = await objects.get_object(about.api_version, about.kind, about.namespace, about.name)
            appliers = await _appliers(objects, obj)
            source = None if about.kind in _SOURCES else await _source(objects, obj)
    except (kube.APIError, TimeoutError):
        return Lineage(own.revision, own)
    return _placed(own, appliers, source, is_source=about.kind in _SOURCES)


def _placed(own: Step, appliers: list[Step], source: str | None, *, is_source: bool) -> Lineage:
    above = Step(source, own.revision) if source else None
    if not appliers:
        return Lineage(own.revision, own, above)
    root = appliers[-1]
    if is_source:
        return Lineage(root.revision, own, appliers[0])
    return Lineage(root.revision, own, root if own.revision == root.revision else above)


async def _appliers(objects: Objects, obj: Mapping[str, Any]) -> list[Step]:
    """Return the Kustomizations that an object was applied by, the nearest first; one that applies itself ends it."""
    found: list[Step] = []
    seen = {obj["metadata"].get("uid")}
    while len(found) < _DEEPEST:
        labels = obj["metadata"].get("labels") or {}
        name, namespace = labels.get(f"{_KUSTOMIZE}/name"), labels.get(f"{_KUSTOMIZE}/namespace")
        if not (name and namespace):
            break
        try:
            obj = await objects.get_object(f"{_KUSTOMIZE}/v1", "Kustomization", namespace, name)
        except kube.APIError:
            break
        uid = obj["metadata"].get("uid", "")
        if uid in seen:
            break
        seen.add(uid)
        found.append(Step(uid, (obj.get("status") or {}).get("lastAppliedRevision") or UNKNOWN))
    return found


async def _source(objects: Objects, obj: Mapping[str, Any]) -> str | None:
    spec = obj.get("spec") or {}
    reference = spec.get("sourceRef") or spec.get("chartRef")
    if not isinstance(reference, dict) or not reference.get("name"):
        return None
    kind = str(reference.get("kind", ""))
    kind = "HelmChart" if kind == "HelmRepository" else kind
    namespace = reference.get("namespace") or obj["metadata"].get("namespace", "")
    try:
        found = await objects.get_object(_SOURCE, kind, namespace, reference["name"])
    except kube.APIError:
        return None
    uid: str = found["metadata"].get("uid", "")
    return uid or None
