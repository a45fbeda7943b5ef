"""Defaults of the core group: pods and what is in them, services, secrets, namespaces, limits.

Answers to `pkg/apis/core/v1/defaults.go`, to the conversions beside it (`stringData`, the old name of a service
account), and for the families of a service to its REST storage, on a cluster of IPv4 alone.
"""

import base64
import ipaddress
from typing import Final

from gotk.apiserver.builtin.defaults.fill import Json, Rules, absent, inside, items, with_absent, with_zero, zero

_HEADLESS: Final = "None"
_EXTERNAL_NAME: Final = "ExternalName"


def _namespace(obj: Json) -> None:
    metadata = inside(obj, "metadata")
    if metadata.get("name"):
        inside(metadata, "labels")["kubernetes.io/metadata.name"] = metadata["name"]
    absent(inside(obj, "spec"), finalizers=["kubernetes"])
    zero(inside(obj, "status"), phase="Active")


def _node(obj: Json) -> None:
    status = obj.get("status")
    if isinstance(status, dict) and status.get("allocatable") is None and status.get("capacity") is not None:
        status["allocatable"] = status["capacity"]


def _secret(obj: Json) -> None:
    zero(obj, type="Opaque")
    if isinstance(text := obj.pop("stringData", None), dict):
        data = inside(obj, "data")
        data.update({key: base64.b64encode(str(value).encode()).decode() for key, value in text.items()})


def _service(obj: Json) -> None:
    spec = inside(obj, "spec")
    zero(spec, type="ClusterIP", sessionAffinity="None")
    _affinity(spec)
    for port in items(spec, "ports"):
        zero(port, protocol="TCP", targetPort=port.get("port"))
    kind = spec["type"]
    if (kind in {"NodePort", "LoadBalancer"} or (kind == "ClusterIP" and spec.get("externalIPs"))) and not spec.get(
        "externalTrafficPolicy"
    ):
        spec["externalTrafficPolicy"] = "Cluster"
    if kind in {"NodePort", "LoadBalancer", "ClusterIP"}:
        absent(spec, internalTrafficPolicy="Cluster")
    if kind == "LoadBalancer":
        absent(spec, allocateLoadBalancerNodePorts=True)
        for ingress in items((obj.get("status") or {}).get("loadBalancer") or {}, "ingress"):
            if ingress.get("ip"):
                absent(ingress, ipMode="VIP")
    if kind != _EXTERNAL_NAME:
        _families(spec)


def _affinity(spec: Json) -> None:
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        client = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        if client.get("timeoutSeconds") is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": 10800}}


def _families(spec: Json) -> None:
    address = spec.get("clusterIP") or ""
    if address == _HEADLESS and not spec.get("selector"):
        absent(spec, ipFamilyPolicy="RequireDualStack")
        families = ["IPv4"] if spec["ipFamilyPolicy"] == "SingleStack" else ["IPv4", "IPv6"]
    else:
        absent(spec, ipFamilyPolicy="SingleStack")
        families = ["IPv6" if _is_ipv6(address) else "IPv4"]
    if not spec.get("ipFamilies"):
        spec["ipFamilies"] = families


def _is_ipv6(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).version == 6
    except ValueError:
        return False


def _pod_spec(spec: Json) -> None:
    zero(spec, restartPolicy="Always", dnsPolicy="ClusterFirst", schedulerName="default-scheduler")
    absent(spec, securityContext={}, terminationGracePeriodSeconds=30)
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account


def _container(container: Json) -> None:
    zero(
        container,
        imagePullPolicy=pull_policy(str(container.get("image") or "")),
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    absent(container, resources={})


def pull_policy(image: str) -> str:
    """Return how an image is pulled unless it is said: always when its tag is `latest`, or left out."""
    name, at, _ = image.rpartition("/")[2].partition("@")
    tag = name.partition(":")[2] or ("" if at else "latest")
    return "Always" if tag == "latest" else "IfNotPresent"


def _pod(obj: Json) -> None:
    spec = inside(obj, "spec")
    absent(spec, enableServiceLinks=True)
    for container in (*items(spec, "containers"), *items(spec, "initContainers")):
        resources = container.get("resources")
        if isinstance(resources, dict) and (limits := resources.get("limits")):
            absent(inside(resources, "requests"), **limits)
        for port in items(container, "ports") if spec.get("hostNetwork") else ():
            zero(port, hostPort=port.get("containerPort"))
    zero(inside(obj, "status"), phase="Pending")


def _replication_controller(obj: Json) -> None:
    spec = inside(obj, "spec")
    absent(spec, replicas=1)
    template = spec.get("template")
    labels = (template.get("metadata") or {}).get("labels") if isinstance(template, dict) else None
    if labels is not None:
        if not spec.get("selector"):
            spec["selector"] = dict(labels)
        if not inside(obj, "metadata").get("labels"):
            obj["metadata"]["labels"] = dict(labels)


def _limit(item: Json) -> None:
    """Let a container's limit default to the maximum, its request to the limit, else to the minimum."""
    if item.get("type") == "Container":
        absent(inside(item, "default"), **(item.get("max") or {}))
        absent(inside(item, "defaultRequest"), **item["default"])
        absent(item["defaultRequest"], **(item.get("min") or {}))
        for name in ("default", "defaultRequest"):
            if not item[name]:
                del item[name]


RULES: Final[Rules] = {
    "core.v1.Container": _container,
    "core.v1.ContainerPort": with_zero(protocol="TCP"),
    "core.v1.EndpointPort": with_zero(protocol="TCP"),
    "core.v1.EphemeralContainer": _container,
    "core.v1.FileKeySelector": with_absent(optional=False),
    "core.v1.GRPCAction": with_absent(service=""),
    "core.v1.HTTPGetAction": with_zero(path="/", scheme="HTTP"),
    "core.v1.LimitRangeItem": _limit,
    "core.v1.Namespace": _namespace,
    "core.v1.Node": _node,
    "core.v1.ObjectFieldSelector": with_zero(apiVersion="v1"),
    "core.v1.Pod": _pod,
    "core.v1.PodSpec": _pod_spec,
    "core.v1.Probe": with_zero(timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3),
    "core.v1.ReplicationController": _replication_controller,
    "core.v1.Secret": _secret,
    "core.v1.Service": _service,
}
