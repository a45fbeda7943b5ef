"""What fluxctl calls a workload: what runs containers, and how far its rollout is. No input or output.

Answers to `fluxcd/flux/pkg/cluster/kubernetes`: Deployments, StatefulSets, DaemonSets, CronJobs and HelmReleases, named
`namespace:kind/name`. The images of a HelmRelease are those of its values, in the shapes that charts commonly have; its
first one without a name of its own is `chart-image`.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from image_automation.cli import kinds

RECONCILE = "kustomize.toolkit.fluxcd.io/reconcile"
#: API version and kind of all that is listed, in the order of fluxctl.
KINDS = (
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "CronJob"),
    ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
)

_TEMPLATE = ("spec", "template", "spec")
_CHART_IMAGE = "chart-image"


@dataclass(frozen=True, slots=True)
class Container:
    """A container, and the image that is wanted for it."""

    name: str
    image: str


@dataclass(frozen=True, slots=True)
class Workload:
    """What runs containers; `release` says how far the rollout is, `ignored` that nobody is to apply it."""

    namespace: str
    kind: str
    name: str
    containers: tuple[Container, ...]
    release: str
    ignored: bool

    @property
    def id(self) -> str:
        """The name that fluxctl gives it."""
        return f"{self.namespace}:{self.kind.lower()}/{self.name}"

    def answers_to(self, wanted: str) -> bool:
        """Tell whether it is the one that is meant by `kind/name` or `namespace:kind/name`, in any letters."""
        return wanted.lower() in {self.id.lower(), self.id.lower().partition(":")[2]}


def with_containers(workload: Workload, containers: tuple[Container, ...]) -> Workload:
    """Return a workload of which these containers are wanted alone."""
    return dataclasses.replace(workload, containers=containers)


def read(obj: kinds.Json) -> Workload:
    """Read a workload off its object."""
    kind, metadata = str(obj["kind"]), obj["metadata"]
    if kind == "HelmRelease":
        containers = tuple(_of_values(kinds.dig(obj, "spec", "values") or {}))
    else:
        path = ("spec", "jobTemplate", *_TEMPLATE) if kind == "CronJob" else _TEMPLATE
        pod = kinds.dig(obj, *path) or {}
        listed = (*(pod.get("containers") or ()), *(pod.get("initContainers") or ()))
        containers = tuple(Container(str(each.get("name", "")), str(each.get("image", ""))) for each in listed)
    paused = str((metadata.get("annotations") or {}).get(RECONCILE, "")).lower() == "disabled"
    return Workload(
        str(metadata.get("namespace", "")), kind, str(metadata["name"]), containers, _release(kind, obj), paused
    )


def _release(kind: str, obj: kinds.Json) -> str:
    if kind == "CronJob":
        return "ready"
    if kind == "HelmRelease":
        return {"True": "ready", "False": "error"}.get(
            str((kinds.condition(obj, "Ready") or {}).get("status")), "started"
        )
    status = kinds.dig(obj, "status") or {}
    if int(status.get("observedGeneration") or 0) < int(obj["metadata"].get("generation") or 0):
        return "started"
    wanted, updated, ready = _counts(kind, obj, status)
    if updated < wanted:
        return f"updating: {updated} out of {wanted} updated"
    return "ready" if ready >= wanted else f"updating: {ready} out of {wanted} ready"


def _counts(kind: str, obj: kinds.Json, status: kinds.Json) -> tuple[int, int, int]:
    """Return how many pods are wanted, how many are of the newest template, and how many of them can be used."""
    if kind == "DaemonSet":
        keys = ("desiredNumberScheduled", "updatedNumberScheduled", "numberReady")
        wanted, updated, ready = (int(status.get(key) or 0) for key in keys)
        return wanted, updated, ready
    replicas = kinds.dig(obj, "spec", "replicas")
    wanted = 1 if replicas is None else int(replicas)
    return wanted, int(status.get("updatedReplicas") or 0), int(status.get("readyReplicas") or 0)


def _of_values(values: Mapping[str, Any], name: str = _CHART_IMAGE) -> Iterator[Container]:
    """Yield the images of values: `image` as a text or as repository and tag, at the top or one key below."""
    found = _image(values)
    if found:
        yield Container(name, found)
    if name == _CHART_IMAGE:
        for key, below in values.items():
            if isinstance(below, Mapping) and key != "image":
                yield from _of_values(below, str(key))


def _image(values: Mapping[str, Any]) -> str:
    given: Any = values.get("image")
    where: Mapping[str, Any] = given if isinstance(given, Mapping) else values
    image = given.get("repository") if isinstance(given, Mapping) else given
    if not isinstance(image, str):
        return ""
    registry, tag = where.get("registry"), where.get("tag")
    return (f"{registry}/" if registry else "") + image + (f":{tag}" if tag else "")
