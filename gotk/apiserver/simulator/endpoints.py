"""EndpointSlices: which pods stand behind a service. Answers to `pkg/controller/endpointslice`."""

from typing import Any, Final

from gotk.apiserver.simulator import pods
from gotk.apiserver.simulator.world import PODS, SERVICES, SLICES, World, fingerprint, owned_by
from gotk.apiserver.storage.store import Key

Json = dict[str, Any]

#: Not a kind: marks the keys of services whose endpoints are to be looked at.
WANTED: Final = "endpoints of a service"
_LABELS = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}


async def look(world: World, key: Key) -> float | None:
    """Make or change the slice of a service."""
    service = world.get(Key(SERVICES, key.namespace, key.name))
    selector = (service["spec"].get("selector") or {}) if service is not None else {}
    if service is None or not selector:
        return None
    name = f"{key.name}-{fingerprint(service['metadata']['uid'])[:5]}"
    behind = [
        item.object()
        for item in world.stored(PODS, key.namespace)
        if selector.items() <= item.labels.items() and not item.deleting
    ]
    seen = {"endpoints": [_endpoint(pod) for pod in behind if _placed(pod)], "ports": _ports(service, behind)}
    found = world.get(Key(SLICES, key.namespace, name))
    if found is None:
        labels = {**_LABELS, "kubernetes.io/service-name": key.name}
        metadata = {"name": name, "labels": labels, "ownerReferences": owned_by(service)}
        await world.create(SLICES, key.namespace, {"metadata": metadata, "addressType": "IPv4", **seen})
    elif any(found.get(field) != value for field, value in seen.items()):
        await world.change(SLICES, found, lambda obj: obj.update(seen))
    return None


def _placed(pod: Json) -> bool:
    status = pod.get("status") or {}
    return bool(status.get("podIP")) and status.get("phase") == "Running"


def _endpoint(pod: Json) -> Json:
    ready = pods.is_ready(pod)
    metadata = pod["metadata"]
    target = {"kind": "Pod", "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]}
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": ready, "terminating": False},
        "nodeName": pod["spec"].get("nodeName", ""),
        "targetRef": target,
    }


def _ports(service: Json, behind: list[Json]) -> list[Json]:
    found = []
    for port in service["spec"].get("ports") or ():
        number = port.get("targetPort", port["port"])
        if isinstance(number, str):
            number = _named(number, behind) or port["port"]
        found.append({"name": port.get("name", ""), "port": number, "protocol": port.get("protocol", "TCP")})
    return found


def _named(name: str, behind: list[Json]) -> int | None:
    for pod in behind[:1]:
        for container in pod["spec"].get("containers") or ():
            for port in container.get("ports") or ():
                if port.get("name") == name:
                    return int(port["containerPort"])
    return None
