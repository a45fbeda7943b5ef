"""Pods, wherever they are: containers, ports, mounts, probes, policies.

Answers to `ValidatePodSpec` and what it calls, of `pkg/apis/core/validation`.
"""

from collections.abc import Iterator
from typing import Final

from gotk.apiserver import cause
from gotk.apiserver.builtin.validation.checks import (
    PROTOCOLS,
    Check,
    Json,
    Rules,
    at,
    between,
    inner,
    label,
    may_be,
    not_negative,
    objects,
    one_of,
    port_or_name,
    positive,
    required,
    subdomain,
    unique,
)
from gotk.apiserver.cause import Cause
from gotk.apiserver.schema import names

_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")


def _names(spec: Json, path: str) -> Iterator[Cause]:
    """Refuse containers that share a name, the first ones with the others too."""
    if not spec.get("containers"):
        yield cause.required(at(path, "containers"))
    seen: set[str] = set()
    for place in ("containers", "initContainers"):
        for index, container in enumerate(objects(spec, place)):
            name = container.get("name")
            if name and isinstance(name, str):
                if name in seen:
                    yield cause.duplicate(f"{at(path, place)}[{index}].name", name)
                seen.add(name)


def _mounts(spec: Json, path: str) -> Iterator[Cause]:
    """Refuse mounts of volumes that are not there, and two at one place."""
    known = {volume.get("name") for volume in objects(spec, "volumes")}
    for place in ("initContainers", "containers"):
        for number, container in enumerate(objects(spec, place)):
            seen: set[str] = set()
            for index, mount in enumerate(objects(container, "volumeMounts")):
                where = f"{at(path, place)}[{number}].volumeMounts[{index}]"
                name, mounted = mount.get("name"), mount.get("mountPath")
                if name and name not in known:
                    yield cause.not_found(f"{where}.name", name)
                if mounted and mounted in seen:
                    yield cause.invalid(f"{where}.mountPath", mounted, "must be unique")
                seen.add(str(mounted))


def _dns(spec: Json, path: str) -> Iterator[Cause]:
    if spec.get("dnsPolicy") == "None" and not inner(spec, "dnsConfig").get("nameservers"):
        why = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        yield cause.required(at(path, "dnsConfig.nameservers"), why)


def _container_port(port: Json, path: str) -> Iterator[Cause]:
    if not port.get("containerPort"):
        yield cause.required(at(path, "containerPort"))
    else:
        yield from between("containerPort", 1, 65535)(port, path)
    if port.get("hostPort"):
        yield from between("hostPort", 1, 65535)(port, path)
    if port.get("name"):
        for why in names.port_name(str(port["name"])):
            yield cause.invalid(at(path, "name"), port["name"], why)


def _variable(variable: Json, path: str) -> Iterator[Cause]:
    name = variable.get("name")
    if not name:
        yield cause.required(at(path, "name"))
    elif not all(" " <= char <= "~" and char != "=" for char in str(name)):
        why = "a valid environment variable name must consist only of printable ASCII characters other than '='"
        yield cause.invalid(at(path, "name"), name, why)
    if variable.get("value") and variable.get("valueFrom"):
        yield cause.invalid(at(path, "valueFrom"), "", "may not be specified when `value` is not empty")


def _handler(handler: Json, path: str) -> Iterator[Cause]:
    present = [name for name in _HANDLERS if handler.get(name) is not None]
    if not present:
        yield cause.required(path, "must specify a handler type")
    for name in present[1:]:
        yield cause.forbidden(at(path, name), "may not specify more than 1 handler type")


def _once(container: Json, path: str) -> Iterator[Cause]:
    """Refuse probes that ask a container to succeed more than once before it is alive."""
    for probe in ("livenessProbe", "startupProbe"):
        threshold = inner(container, probe).get("successThreshold")
        if threshold not in (None, 1):
            yield cause.invalid(f"{at(path, probe)}.successThreshold", threshold, "must be 1")


_CONTAINER: Final[tuple[Check, ...]] = (
    required("name", "image"),
    label("name"),
    one_of("imagePullPolicy", "Always", "IfNotPresent", "Never"),
    one_of("terminationMessagePolicy", "File", "FallbackToLogsOnError"),
    unique("ports", "name"),
    _once,
)

RULES: Final[Rules] = {
    "core.v1.Container": _CONTAINER,
    "core.v1.ContainerPort": (_container_port, one_of("protocol", *PROTOCOLS)),
    "core.v1.EnvVar": (_variable,),
    "core.v1.HTTPGetAction": (required("path"), port_or_name("port"), one_of("scheme", "HTTP", "HTTPS")),
    "core.v1.LifecycleHandler": (_handler,),
    "core.v1.PodSpec": (
        _names,
        _mounts,
        _dns,
        one_of("restartPolicy", "Always", "OnFailure", "Never"),
        one_of("dnsPolicy", "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"),
        not_negative("terminationGracePeriodSeconds"),
        between("activeDeadlineSeconds", 1, 2**31 - 1),
        may_be("preemptionPolicy", "PreemptLowerPriority", "Never"),
        subdomain("serviceAccountName"),
        subdomain("priorityClassName"),
        unique("volumes", "name"),
    ),
    "core.v1.Probe": (
        _handler,
        not_negative("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"),
        positive("terminationGracePeriodSeconds"),
    ),
    "core.v1.TCPSocketAction": (port_or_name("port"),),
    "core.v1.Toleration": (
        may_be("operator", "Equal", "Exists", "Gt", "Lt", ""),
        may_be("effect", "NoSchedule", "PreferNoSchedule", "NoExecute", ""),
    ),
    "core.v1.TopologySpreadConstraint": (
        positive("maxSkew"),
        required("topologyKey"),
        one_of("whenUnsatisfiable", "DoNotSchedule", "ScheduleAnyway"),
    ),
    "core.v1.VolumeMount": (required("name", "mountPath"),),
}
