"""Services: an address of their own, ports on the node, and something for a load balancer to say.

Answers to the allocators of kube-apiserver and to a cloud's service controller.
"""

import ipaddress
from collections.abc import Iterator
from typing import Any

from gotk.apiserver.simulator import fate
from gotk.apiserver.simulator.world import SERVICES, World, fingerprint
from gotk.apiserver.storage.store import Key

Json = dict[str, Any]

_NETWORK = ipaddress.IPv4Network("10.96.0.0/12")
_PORTS = range(30000, 32768)


async def look(world: World, key: Key) -> float | None:
    """Give a service what it lacks."""
    service = world.get(key)
    if service is None:
        return None
    spec = service["spec"]
    kind = spec.get("type", "ClusterIP")
    if kind == "ExternalName":
        return None
    if not spec.get("clusterIP") or _unnumbered(spec):
        taken = world.all(SERVICES)
        await world.change(SERVICES, service, lambda obj: _fill(obj, taken))
    if kind != "LoadBalancer":
        return None
    wanted = world.fate(service)
    left = wanted.delay - world.age(service)
    if wanted.outcome != fate.READY or left > 0:
        return max(left, 0.0) if wanted.outcome == fate.READY else None
    await world.report(SERVICES, service, {"loadBalancer": {"ingress": [{"ip": "127.0.0.1", "ipMode": "VIP"}]}})
    world.settled(service)
    return None


def _unnumbered(spec: Json) -> list[Json]:
    """Return the ports that want a port on the node and have none."""
    if spec.get("type") not in {"NodePort", "LoadBalancer"} or spec.get("allocateLoadBalancerNodePorts") is False:
        return []
    return [port for port in spec.get("ports") or () if not port.get("nodePort")]


def _fill(service: Json, others: list[Json]) -> None:
    spec = service["spec"]
    seed = int.from_bytes(fingerprint(service["metadata"]["uid"]).encode(), "big")
    if not spec.get("clusterIP"):
        taken = {(each["spec"] or {}).get("clusterIP") for each in others}
        spec["clusterIP"] = next(each for each in _addresses(seed) if each not in taken)
    spec.setdefault("clusterIPs", [spec["clusterIP"]])
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    used = {port.get("nodePort") for each in (*others, service) for port in each["spec"].get("ports") or ()}
    for port in _unnumbered(spec):
        port["nodePort"] = next(each for each in _numbers(seed) if each not in used)
        used.add(port["nodePort"])


def _addresses(seed: int) -> Iterator[str]:
    size = _NETWORK.num_addresses - 2
    return (str(_NETWORK[1 + (seed + step) % size]) for step in range(size))


def _numbers(seed: int) -> Iterator[int]:
    return (_PORTS[(seed + step) % len(_PORTS)] for step in range(len(_PORTS)))
