"""The node on which everything seems to run: made once, so that DaemonSets and dashboards find one."""

import platform
from typing import Any

from gotk.apiserver.simulator import conditions
from gotk.apiserver.simulator.world import NODES, World
from gotk.apiserver.storage.store import Key

Json = dict[str, Any]

NAME = "simulated"
ADDRESS = "127.0.0.1"
_CAPACITY = {"cpu": "8", "memory": "16Gi", "ephemeral-storage": "100Gi", "pods": "1000"}


async def make(world: World) -> None:
    """Make the node where it is missing."""
    if world.get(Key(NODES, "", NAME)) is not None:
        return
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    labels = {"kubernetes.io/hostname": NAME, "kubernetes.io/os": "linux", "kubernetes.io/arch": machine}
    node: Json = {"metadata": {"name": NAME, "labels": labels}, "spec": {}}
    await world.report(NODES, await world.create(NODES, "", node), _status(machine, world.now()))


def _status(machine: str, now: str) -> Json:
    ready = conditions.make({}, "Ready", "True", now, ("Simulated", "this node runs nothing: workloads are simulated"))
    information = dict.fromkeys(
        (
            "bootID",
            "containerRuntimeVersion",
            "kernelVersion",
            "kubeProxyVersion",
            "machineID",
            "osImage",
            "systemUUID",
        ),
        "",
    )
    return {
        "addresses": [{"type": "InternalIP", "address": ADDRESS}, {"type": "Hostname", "address": NAME}],
        "allocatable": _CAPACITY,
        "capacity": _CAPACITY,
        "conditions": [ready],
        "nodeInfo": {**information, "architecture": machine, "operatingSystem": "linux", "kubeletVersion": "simulated"},
    }


def fitting(world: World, pod_spec: Json) -> list[str]:
    """Return the names of the nodes that a pod's selector lets it onto."""
    wanted = (pod_spec.get("nodeSelector") or {}).items()
    return [item.key.name for item in world.stored(NODES) if wanted <= item.labels.items()]
