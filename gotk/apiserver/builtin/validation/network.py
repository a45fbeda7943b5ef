"""Services, ingresses, network policies, endpoints.

Answers to `ValidateService` of `pkg/apis/core/validation` and to `pkg/apis/networking/validation`, `discovery`.
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import Any, Final

from gotk.apiserver import cause
from gotk.apiserver.builtin.validation.checks import (
    PROTOCOLS,
    Json,
    Rules,
    at,
    each_of,
    inner,
    label,
    may_be,
    number,
    objects,
    one_of,
    port,
    port_or_name,
    required,
    selector,
)
from gotk.apiserver.cause import Cause
from gotk.apiserver.schema import names

_PATH_PARTS: Final = ("//", "/./", "/../", "%2f", "%2F")
_PATH_ENDS: Final = ("/..", "/.")
_WILDCARD: Final = re.compile(r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def _service(spec: Json, path: str) -> Iterator[Cause]:
    kind, headless = spec.get("type"), spec.get("clusterIP") == "None"
    if not spec.get("ports") and not headless and kind != "ExternalName":
        yield cause.required(at(path, "ports"))
    if headless and kind in {"LoadBalancer", "NodePort"}:
        why = f"may not be set to 'None' for {kind} services"
        yield cause.invalid(at(path, "clusterIPs[0]"), "None", why)
    if kind == "ExternalName":
        yield from _external_name(spec, path)
    if kind == "ClusterIP":
        for index, each in enumerate(objects(spec, "ports")):
            if each.get("nodePort"):
                where = f"{at(path, 'ports')}[{index}].nodePort"
                yield cause.forbidden(where, "may not be used when `type` is 'ClusterIP'")
    if kind != "LoadBalancer":
        for name in ("loadBalancerSourceRanges", "allocateLoadBalancerNodePorts"):
            if spec.get(name) not in (None, []):
                yield cause.forbidden(at(path, name), "may only be used when `type` is 'LoadBalancer'")


def _external_name(spec: Json, path: str) -> Iterator[Cause]:
    for name in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(name):
            yield cause.forbidden(at(path, name), "may not be set for ExternalName services")
    name = str(spec.get("externalName") or "").removesuffix(".")
    if not name:
        yield cause.required(at(path, "externalName"))
    elif why := names.dns_subdomain(name):
        yield cause.invalid(at(path, "externalName"), name, why)


def _port_names(spec: Json, path: str) -> Iterator[Cause]:
    """Refuse ports without a name among several, and names or nodes' ports that are there twice."""
    ports = objects(spec, "ports")
    seen: set[Any] = set()
    nodes: set[Any] = set()
    known: set[Any] = set()
    for index, each in enumerate(ports):
        where, name = f"{at(path, 'ports')}[{index}]", each.get("name")
        if not name and len(ports) > 1:
            yield cause.required(f"{where}.name")
        elif name and name in seen:
            yield cause.duplicate(f"{where}.name", name)
        seen.add(name)
        identity = (each.get("port"), each.get("protocol"))
        if identity in known:
            yield cause.duplicate(where, dict(zip(("port", "protocol"), identity, strict=True)))
        known.add(identity)
        node = (each.get("nodePort"), each.get("protocol"))
        if node[0] and node in nodes:
            yield cause.duplicate(f"{where}.nodePort", node[0])
        nodes.add(node)


def _service_port(obj: Json, path: str) -> Iterator[Cause]:
    value = number(obj.get("port"))
    if why := names.port_number(value if value is not None else 0):
        yield cause.invalid(at(path, "port"), value or 0, why)


def _policy_port(obj: Json, path: str) -> Iterator[Cause]:
    first, last = obj.get("port"), number(obj.get("endPort"))
    yield from port_or_name("port")(obj, path)
    if last is None:
        return
    if first is None:
        yield cause.invalid(at(path, "endPort"), last, "may not be specified when `port` is not specified")
    elif number(first) is None:
        yield cause.invalid(at(path, "endPort"), last, "may not be specified when `port` is non-numeric")
    else:
        if last < first:
            yield cause.invalid(at(path, "endPort"), first, "must be greater than or equal to `port`")
        yield from port("endPort")(obj, path)


def _peer(obj: Json, path: str) -> Iterator[Cause]:
    present = [name for name in ("podSelector", "namespaceSelector", "ipBlock") if obj.get(name) is not None]
    if not present:
        yield cause.required(path, "must specify a peer")
    elif len(present) > 1 and "ipBlock" in present:
        yield cause.forbidden(path, "may not specify both ipBlock and another peer")


def _pods(spec: Json, path: str) -> Iterator[Cause]:
    yield from selector(inner(spec, "podSelector"), at(path, "podSelector"))


def _block(obj: Json, path: str) -> Iterator[Cause]:
    block = obj.get("cidr")
    if not block:
        yield cause.required(at(path, "cidr"))
        return
    whole = _network(block)
    if whole is None:
        yield cause.invalid(at(path, "cidr"), block, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")
    for index, each in enumerate(obj.get("except") or ()):
        where, part = f"{at(path, 'except')}[{index}]", _network(each)
        if part is None:
            yield cause.invalid(where, each, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")
        elif whole is not None and not (part != whole and part.version == whole.version and _within(part, whole)):
            yield cause.invalid(where, each, "must be a strict subset of `cidr`")


def _network(text: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(str(text), strict=False) if "/" in str(text) else None
    except ValueError:
        return None


def _within(part: Any, whole: Any) -> bool:
    return bool(part.subnet_of(whole))


def _ingress(spec: Json, path: str) -> Iterator[Cause]:
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        why = "either `defaultBackend` or `rules` must be specified"
        yield cause.invalid(path, spec.get("rules"), why)


def _host(rule: Json, path: str) -> Iterator[Cause]:
    host = str(rule.get("host") or "")
    if not host:
        return
    if _is_address(host):
        yield cause.invalid(at(path, "host"), host, "must be a DNS name, not an IP address")
    if "*" in host:
        if not _WILDCARD.fullmatch(host):
            why = (
                "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must "
                "consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character "
                "(e.g. '*.example.com', regex used for validation is "
                r"'\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            )
            yield cause.invalid(at(path, "host"), host, why)
    elif why := names.dns_subdomain(host):
        yield cause.invalid(at(path, "host"), host, why)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _ingress_path(obj: Json, path: str) -> Iterator[Cause]:
    kind, text = obj.get("pathType"), str(obj.get("path") or "")
    if kind is None:
        yield cause.required(at(path, "pathType"), "pathType must be specified")
        return
    if kind in {"Exact", "Prefix"}:
        if not text.startswith("/"):
            yield cause.invalid(at(path, "path"), text, "must be an absolute path")
        for part in _PATH_PARTS:
            if part in text:
                yield cause.invalid(at(path, "path"), text, f"must not contain '{part}'")
        for end in _PATH_ENDS:
            if text.endswith(end):
                yield cause.invalid(at(path, "path"), text, f"cannot end with '{end}'")
    elif kind == "ImplementationSpecific":
        if text and not text.startswith("/"):
            yield cause.invalid(at(path, "path"), text, "must be an absolute path")
    else:
        yield cause.not_supported(at(path, "pathType"), kind, ("Exact", "ImplementationSpecific", "Prefix"))


def _backend(obj: Json, path: str) -> Iterator[Cause]:
    service, resource = obj.get("service"), obj.get("resource")
    if service is not None and resource is not None:
        yield cause.invalid(path, "", "cannot set both resource and service backends")
    elif service is None and resource is None:
        yield cause.invalid(path, "", "resource or service backend is required")
    elif isinstance(service, dict):
        yield from _service_backend(service, path)


def _service_backend(service: Json, path: str) -> Iterator[Cause]:
    where, chosen = at(path, "service"), inner(service, "port")
    if not service.get("name"):
        yield cause.required(at(where, "name"))
    else:
        yield from label("name")(service, where)
    if chosen.get("name") and chosen.get("number"):
        yield cause.invalid(path, "", "cannot set both port name & port number")
    elif chosen.get("name"):
        for why in names.port_name(str(chosen["name"])):
            yield cause.invalid(at(where, "port.name"), chosen["name"], why)
    elif chosen.get("number"):
        yield from port("number")(chosen, at(where, "port"))
    else:
        yield cause.required(path, "port name or number is required")


RULES: Final[Rules] = {
    "core.v1.EndpointPort": (port("port"), one_of("protocol", *PROTOCOLS)),
    "core.v1.ServicePort": (
        _service_port,
        label("name"),
        port_or_name("targetPort"),
        one_of("protocol", *PROTOCOLS),
    ),
    "core.v1.ServiceSpec": (
        _service,
        _port_names,
        one_of("type", "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"),
        one_of("sessionAffinity", "ClientIP", "None"),
        may_be("internalTrafficPolicy", "Cluster", "Local"),
        may_be("externalTrafficPolicy", "Cluster", "Local", ""),
        may_be("ipFamilyPolicy", "PreferDualStack", "RequireDualStack", "SingleStack"),
        each_of("ipFamilies", "IPv4", "IPv6"),
    ),
    "discovery.v1.EndpointSlice": (one_of("addressType", "FQDN", "IPv4", "IPv6"),),
    "networking.v1.HTTPIngressPath": (_ingress_path,),
    "networking.v1.HTTPIngressRuleValue": (required("paths"),),
    "networking.v1.IPBlock": (_block,),
    "networking.v1.IngressBackend": (_backend,),
    "networking.v1.IngressRule": (_host,),
    "networking.v1.IngressSpec": (_ingress,),
    "networking.v1.NetworkPolicyPeer": (_peer,),
    "networking.v1.NetworkPolicyPort": (_policy_port, may_be("protocol", "TCP", "UDP", "SCTP")),
    "networking.v1.NetworkPolicySpec": (_pods, each_of("policyTypes", "Ingress", "Egress")),
}
