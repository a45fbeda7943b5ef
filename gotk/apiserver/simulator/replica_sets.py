"""ReplicaSets: as many pods as are wanted, those that are least use going first."""

import asyncio
from datetime import datetime
from typing import Any

from gotk.apiserver.simulator import conditions, pods
from gotk.apiserver.simulator.world import PODS, REPLICA_SETS, World
from gotk.apiserver.storage.store import Key

Json = dict[str, Any]
_FINISHED = frozenset({"Succeeded", "Failed"})


async def look(world: World, key: Key) -> float | None:
    """Make or delete pods, and report."""
    replica_set = world.get(key)
    if replica_set is None:
        return None
    spec = replica_set["spec"]
    active = [
        pod for pod in world.children(replica_set, PODS) if (pod.get("status") or {}).get("phase") not in _FINISHED
    ]
    wanted = spec.get("replicas", 1)
    if len(active) < wanted:
        made = (pods.from_template(replica_set, spec["template"]) for _ in range(len(active), wanted))
        active += await asyncio.gather(*(world.create(PODS, key.namespace, pod) for pod in made))
    elif len(active) > wanted:
        active.sort(key=lambda pod: (pods.is_ready(pod), pod["metadata"]["creationTimestamp"]))
        surplus, active = active[: len(active) - wanted], active[len(active) - wanted :]
        await asyncio.gather(*(world.delete(PODS, pod) for pod in surplus))
    count, wait = available(active, spec.get("minReadySeconds", 0), world.moment())
    await world.report(REPLICA_SETS, replica_set, _status(replica_set, active, count))
    return wait


def available(seen: list[Json], minimum: int, now: datetime) -> tuple[int, float | None]:
    """Count the pods that have been ready for long enough; return also in how many seconds the next one will be."""
    count, wait = 0, None
    for pod in seen:
        ready = conditions.find(pod, "Ready")
        if ready is None or ready["status"] != "True":
            continue
        left = minimum - (now - datetime.fromisoformat(ready["lastTransitionTime"])).total_seconds()
        if minimum <= 0 or left <= 0:
            count += 1
        else:
            wait = left if wait is None else min(wait, left)
    return count, wait


def _status(replica_set: Json, active: list[Json], count: int) -> Json:
    status: Json = {"replicas": len(active), "observedGeneration": replica_set["metadata"].get("generation", 1)}
    labels = ((replica_set["spec"]["template"].get("metadata") or {}).get("labels") or {}).items()
    numbers = {
        "fullyLabeledReplicas": sum(labels <= (pod["metadata"].get("labels") or {}).items() for pod in active),
        "readyReplicas": sum(map(pods.is_ready, active)),
        "availableReplicas": count,
    }
    return status | {name: number for name, number in numbers.items() if number}
