"""Controllers that would act on the same objects: two that write one object's status take turns at it for ever."""

from collections.abc import Iterable, Mapping
from typing import Any

#: The label that Flux's own installation has on every object.
FLUX = "app.kubernetes.io/part-of=flux"


def acting(deployments: Iterable[Mapping[str, Any]], controllers: frozenset[str]) -> list[str]:
    """Return those of Flux's controllers, as namespace/name, that run and do the work of ours."""
    return sorted(
        f"{each['metadata']['namespace']}/{each['metadata']['name']}"
        for each in deployments
        if each["metadata"]["name"] in controllers and each["spec"].get("replicas", 1) != 0
    )


def released_by_helm(deployments: Iterable[Mapping[str, Any]]) -> str:
    """Return the name of the Helm release that a Deployment belongs to, or nothing."""
    key = "meta.helm.sh/release-name"
    names = (str((each["metadata"].get("annotations") or {}).get(key, "")) for each in deployments)
    return next(filter(None, names), "")
