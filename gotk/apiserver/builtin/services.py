"""What a Service loses when it becomes one of another type: fields that only the former type has.

Answers to `dropTypeDependentFields` of `pkg/registry/core/service`. A field goes only if the update left it as it was:
whoever changed it as well is told that it does not fit.
"""

from typing import Any

Json = dict[str, Any]


def drop_what_is_left_over(before: Json, after: Json) -> None:
    """Take fields of the former type out of the next state of a Service, in place."""
    old, new = before.get("spec") or {}, after.get("spec")
    if not isinstance(new, dict):
        return
    for needed, fields in (
        (_has_address, ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy")),
        (_is_reached_from_outside, ("externalTrafficPolicy", "healthCheckNodePort")),
        (_balances, ("allocateLoadBalancerNodePorts", "loadBalancerClass")),
    ):
        if needed(old) and not needed(new):
            for name in fields:
                if name in new and new[name] == old.get(name):
                    del new[name]
    if _has_node_ports(old) and not _has_node_ports(new) and _node_ports(old) == _node_ports(new):
        for port in new.get("ports") or ():
            port.pop("nodePort", None)


def _has_address(spec: Json) -> bool:
    return spec.get("type") != "ExternalName"


def _is_reached_from_outside(spec: Json) -> bool:
    kind = spec.get("type") or "ClusterIP"
    return kind in {"NodePort", "LoadBalancer"} or (kind == "ClusterIP" and bool(spec.get("externalIPs")))


def _balances(spec: Json) -> bool:
    return spec.get("type") == "LoadBalancer"


def _has_node_ports(spec: Json) -> bool:
    return spec.get("type") in {"NodePort", "LoadBalancer"}


def _node_ports(spec: Json) -> set[Any]:
    return {port.get("nodePort") for port in spec.get("ports") or () if isinstance(port, dict)}
