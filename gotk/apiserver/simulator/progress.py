"""What a Deployment's status says of its rollout: counts, Available, Progressing, and when patience ends.

Answers to `pkg/controller/deployment/progress.go` and `sync.go`.
"""

from datetime import datetime
from typing import Any

from gotk.apiserver.simulator import conditions, fate, rolling_update
from gotk.apiserver.simulator.world import World

Json = dict[str, Any]
_NO_DEADLINE = 2**31 - 1
_COUNTS = ("updatedReplicas", "readyReplicas", "availableReplicas")


def status(world: World, deployment: Json, new: Json | None, old: list[Json]) -> tuple[Json, float | None]:
    """Return a Deployment's status, and in how many seconds it is to be looked at again."""
    seen = _counts(deployment, new, old)
    available = _available(deployment, seen, world.now())
    progressing, wait = _progressing(world, deployment, new, seen)
    before = deployment.get("status") or {}
    others = [each for each in before.get("conditions") or () if each["type"] not in {"Available", "Progressing"}]
    return {**seen, "conditions": [available, *([progressing] if progressing else []), *others]}, wait


def complete(deployment: Json, seen: Json) -> bool:
    """Whether all pods are of the newest template and available."""
    wanted = deployment["spec"].get("replicas", 1)
    return all(seen.get(name, 0) == wanted for name in ("replicas", "updatedReplicas", "availableReplicas"))


def _counts(deployment: Json, new: Json | None, old: list[Json]) -> Json:
    sets = [*old, *([new] if new else [])]

    def total(name: str) -> int:
        return sum((each.get("status") or {}).get(name, 0) for each in sets)

    wanted = sum(each["spec"].get("replicas", 1) for each in sets)
    numbers = {
        "replicas": total("replicas"),
        "updatedReplicas": ((new or {}).get("status") or {}).get("replicas", 0),
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": total("availableReplicas"),
    }
    numbers["unavailableReplicas"] = max(0, wanted - numbers["availableReplicas"])
    kept = {name: number for name, number in numbers.items() if number}
    return {"observedGeneration": deployment["metadata"].get("generation", 1), **kept}


def _available(deployment: Json, seen: Json, now: str) -> Json:
    wanted = deployment["spec"].get("replicas", 1)
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate")
    spare = rolling_update.limits(rolling, wanted)[1] if rolling is not None else 0
    if seen.get("availableReplicas", 0) >= wanted - spare:
        made = ("True", now, ("MinimumReplicasAvailable", "Deployment has minimum availability."))
    else:
        made = ("False", now, ("MinimumReplicasUnavailable", "Deployment does not have minimum availability."))
    return conditions.touched(deployment, conditions.make(deployment, "Available", *made), now)


def _progressing(world: World, deployment: Json, new: Json | None, seen: Json) -> tuple[Json | None, float | None]:
    deadline = deployment["spec"].get("progressDeadlineSeconds", _NO_DEADLINE)
    now = world.now()
    if deadline == _NO_DEADLINE:
        return None, None
    old = conditions.find(deployment, "Progressing")
    if deployment["spec"].get("paused"):
        return _say(deployment, "Unknown", now, ("DeploymentPaused", "Deployment is paused")), None
    name = f'ReplicaSet "{new["metadata"]["name"]}"' if new is not None else "ReplicaSet"
    done = f"{name} has successfully progressed."
    if complete(deployment, seen):
        return _say(deployment, "True", now, ("NewReplicaSetAvailable", done)), None
    if old is not None and old.get("message") == done:
        return old, None  # it was rolled out: what changes now is scale, or the health of its pods
    message = f"{name} is progressing."
    moved = old is None or old.get("message") not in {message, _late(name)} or _moved(deployment, seen)
    if old is None or moved:
        made = _say(deployment, "True", now, ("ReplicaSetUpdated", message))
        made["lastUpdateTime"] = now
        old = made
    left = _patience(world, deployment, deadline) - _since(old, now)
    if left > 0:
        return old, left
    return _say(deployment, "False", now, ("ProgressDeadlineExceeded", _late(name))), None


def _patience(world: World, deployment: Json, deadline: float) -> float:
    wanted = world.fate(deployment, deployment["spec"]["template"].get("spec"))
    return min(deadline, wanted.delay) if wanted.outcome == fate.DEADLINE else deadline


def _since(condition: Json, now: str) -> float:
    return (datetime.fromisoformat(now) - datetime.fromisoformat(condition["lastUpdateTime"])).total_seconds()


def _moved(deployment: Json, seen: Json) -> bool:
    before = deployment.get("status") or {}
    return any(seen.get(name, 0) > before.get(name, 0) for name in _COUNTS)


def _late(name: str) -> str:
    return f"{name} has timed out progressing."


def _say(deployment: Json, status_: str, now: str, why: tuple[str, str]) -> Json:
    return conditions.touched(deployment, conditions.make(deployment, "Progressing", status_, now, why), now)
