"""What a workload runs and how far it is, told from the object alone.

When it was applied is what the API server noted at the field manager that owns the images; when its rollout ended is
what a Deployment's Progressing condition says, and for other kinds nobody notes it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from deploy.cluster import health
from gotk.oci import name as names
from gotk.runtime.clock import parse_rfc3339

#: Kinds with a pod template, by API group.
KINDS: Final = {
    ("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"), ("batch", "CronJob"), ("batch", "Job"),
}  # fmt: skip
_CONTAINERS: Final = ("containers", "initContainers")
_WHOLE: Final = 200


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload: `Kind/namespace/name`, the images of its template, and its health.

    `applied` is when its template's owner applied it last, `ready` when its rollout ended, where that is known.
    """

    name: str
    images: tuple[str, ...]
    is_ready: bool
    applied: datetime | None = None
    ready: datetime | None = None


def read(obj: Mapping[str, Any], now: datetime) -> Workload:
    """Read a workload as the API server gives it; what is not there, or has another shape, is left out."""
    metadata = _map(obj.get("metadata"))
    name = "/".join(str(part) for part in (obj.get("kind"), metadata.get("namespace"), metadata.get("name")) if part)
    return Workload(
        name=name[:_WHOLE],
        images=tuple(dict.fromkeys(images(obj))),
        is_ready=health.of(obj, now) == health.CURRENT,
        applied=_applied(metadata),
        ready=_rolled_out(obj),
    )


def images(obj: Mapping[str, Any]) -> Iterator[str]:
    """Yield the images of a workload's template, as they are spelt there."""
    spec = _map(obj.get("spec"))
    if obj.get("kind") == "CronJob":
        spec = _map(_map(spec.get("jobTemplate")).get("spec"))
    pod = _map(_map(spec.get("template")).get("spec"))
    for containers in _CONTAINERS:
        for container in _list(pod.get(containers)):
            if isinstance(image := _map(container).get("image"), str):
                yield image


def _applied(metadata: Mapping[str, Any]) -> datetime | None:
    """Return when whoever owns the pod template wrote last."""
    owners = [
        each
        for each in map(_map, _list(metadata.get("managedFields")))
        if not each.get("subresource") and _owns_template(_map(each.get("fieldsV1")))
    ]
    return max(filter(None, (_time(each.get("time")) for each in owners)), default=None)


def _owns_template(fields: Mapping[str, Any]) -> bool:
    spec = _map(fields.get("f:spec"))
    return "f:template" in spec or "f:jobTemplate" in spec


def _rolled_out(obj: Mapping[str, Any]) -> datetime | None:
    for condition in map(_map, _list(_map(obj.get("status")).get("conditions"))):
        if condition.get("type") == "Progressing" and condition.get("reason") == "NewReplicaSetAvailable":
            return _time(condition.get("lastUpdateTime"))
    return None


def _time(text: object) -> datetime | None:
    try:
        return parse_rfc3339(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def tag_of(image: str, wanted: str) -> str:
    """Return the tag with which a workload runs an image, however either name is spelt; nothing for another image."""
    name, _, tag = image.partition("@")[0].rpartition(":")
    try:
        same = bool(name) and "/" not in tag and names.parse(name) == names.parse(wanted)
    except ValueError:
        return ""
    return tag if same else ""
