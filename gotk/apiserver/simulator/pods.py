"""Pods: from Pending to Running and Ready, to Succeeded where they run to an end, or into a failure."""

from typing import Any

from gotk.apiserver.simulator import conditions, fate, nodes
from gotk.apiserver.simulator.fate import Fate
from gotk.apiserver.simulator.world import PODS, World, fingerprint, owned_by
from gotk.apiserver.storage.store import Key

Json = dict[str, Any]

_CRASH = "back-off 40s restarting failed container"
_FINISHED = frozenset({"Succeeded", "Failed"})


async def look(world: World, key: Key) -> float | None:
    """Report what a pod has come to; return in how many seconds to look again."""
    pod = world.get(key)
    if pod is None or pod.get("status", {}).get("phase") in _FINISHED:
        return None
    wanted = world.fate(pod, pod["spec"])
    settled = conditions.find(pod, "Ready") is not None
    left = 0.0 if settled else wanted.delay - world.age(pod)
    if left > 0:
        return left
    await world.report(PODS, pod, status(pod, wanted, world.now()))
    world.settled(pod)
    return None


def from_template(owner: Json, template: Json, node: str = nodes.NAME) -> Json:
    """Return a pod as a controller makes it from its template, assigned to a node."""
    metadata = template.get("metadata") or {}
    made: Json = {"generateName": f"{owner['metadata']['name']}-", "ownerReferences": owned_by(owner)}
    for field in ("labels", "annotations"):
        if metadata.get(field):
            made[field] = dict(metadata[field])
    return {"metadata": made, "spec": {**(template.get("spec") or {}), "nodeName": node}}


def is_ready(pod: Json) -> bool:
    """Whether a pod takes traffic."""
    return conditions.holds(pod, "Ready")


def status(pod: Json, wanted: Fate, now: str) -> Json:
    """Return the status of a pod whose time has come."""
    ends = pod["spec"].get("restartPolicy", "Always") != "Always"
    phase, ready = _phase(wanted.outcome, ends=ends)
    pulled = wanted.outcome != fate.IMAGE_PULL
    made = _conditions(pod, phase, now, ready=ready)
    # Containers date from when readiness last changed: asked again, the answer is the same, and nothing is written.
    now = next(each["lastTransitionTime"] for each in made if each["type"] == "Ready")
    seen: Json = {
        "phase": phase,
        "conditions": made,
        "hostIP": nodes.ADDRESS,
        "hostIPs": [{"ip": nodes.ADDRESS}],
        "podIP": address(pod),
        "podIPs": [{"ip": address(pod)}],
        "startTime": pod["metadata"]["creationTimestamp"],
        "qosClass": "BestEffort",
        "containerStatuses": [_container(each, phase, wanted, now) for each in pod["spec"].get("containers") or ()],
    }
    first = [_initial(each, now) for each in pod["spec"].get("initContainers") or ()]
    if first and pulled:
        seen["initContainerStatuses"] = first
    if "observedGeneration" in pod.get("status", {}):
        seen["observedGeneration"] = pod["status"]["observedGeneration"]
    return seen


def address(pod: Json) -> str:
    """Return the address of a pod: always the same, and its own as far as numbers go."""
    number = int.from_bytes(fingerprint(pod["metadata"]["uid"]).encode()[:4], "big") % (254 * 250)
    return f"10.244.{number // 250}.{number % 250 + 2}"


def _phase(outcome: str, *, ends: bool) -> tuple[str, bool]:
    if outcome == fate.IMAGE_PULL:
        return "Pending", False
    if ends and outcome in {fate.READY, fate.CRASH_LOOP}:
        return ("Succeeded" if outcome == fate.READY else "Failed"), False
    return "Running", outcome == fate.READY


def _conditions(pod: Json, phase: str, now: str, *, ready: bool) -> list[Json]:
    done = phase in _FINISHED
    reason = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase, "ContainersNotReady")
    names = " ".join(each["name"] for each in pod["spec"].get("containers") or ())
    message = "" if done else f"containers with unready status: [{names}]"
    why = ("", "") if ready else (reason, message)
    return [
        conditions.make(pod, "PodReadyToStartContainers", "False" if done else "True", now),
        conditions.make(pod, "Initialized", "True", now),
        conditions.make(pod, "Ready", "True" if ready else "False", now, why),
        conditions.make(pod, "ContainersReady", "True" if ready else "False", now, why),
        conditions.make(pod, "PodScheduled", "True", now),
    ]


def _container(container: Json, phase: str, wanted: Fate, now: str) -> Json:
    ready = phase == "Running" and wanted.outcome == fate.READY
    looping = phase == "Running" and wanted.outcome == fate.CRASH_LOOP
    image = str(container.get("image", ""))
    seen: Json = {"name": container["name"], "image": image, "ready": ready, "restartCount": 3 if looping else 0}
    seen |= {"started": phase == "Running" and not looping, "lastState": {}}
    seen["imageID"] = "" if phase == "Pending" else f"simulated://{image}"
    if phase == "Pending":
        seen["state"] = {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{image}"'}}
    elif looping:
        seen["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": f"{_CRASH}={container['name']}"}}
        seen["lastState"] = {"terminated": _ended(1, now)}
    elif phase == "Running":
        seen["state"] = {"running": {"startedAt": now}}
    else:
        seen["state"] = {"terminated": _ended(0 if phase == "Succeeded" else 1, now)}
    return seen


def _initial(container: Json, now: str) -> Json:
    image = str(container.get("image", ""))
    seen: Json = {"name": container["name"], "image": image, "imageID": f"simulated://{image}", "lastState": {}}
    if container.get("restartPolicy") == "Always":
        return seen | {"ready": True, "started": True, "restartCount": 0, "state": {"running": {"startedAt": now}}}
    return seen | {"ready": True, "started": False, "restartCount": 0, "state": {"terminated": _ended(0, now)}}


def _ended(code: int, now: str) -> Json:
    return {"exitCode": code, "reason": "Error" if code else "Completed", "startedAt": now, "finishedAt": now}
