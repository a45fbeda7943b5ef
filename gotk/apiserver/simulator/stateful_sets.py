"""StatefulSets: pods with names and claims of their own, made in order and replaced from the last one down.

Answers to `pkg/controller/statefulset`.
"""

import asyncio
from typing import Any, Final

from gotk.apiserver.simulator import pods, replica_sets, revisions
from gotk.apiserver.simulator.world import CLAIMS, PODS, World
from gotk.apiserver.storage.store import Key

Json = dict[str, Any]

STORAGE: Final = "statefulsets.apps"
_POD_NAME, _INDEX = "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"


async def look(world: World, key: Key) -> float | None:
    """Make, replace or delete pods, and report."""
    stateful = world.get(key)
    if stateful is None:
        return None
    spec = stateful["spec"]
    newest = await revisions.current(world, stateful)
    first = (spec.get("ordinals") or {}).get("start", 0)
    wanted = range(first, first + spec.get("replicas", 1))
    running = {_ordinal(pod): pod for pod in world.children(stateful, PODS)}
    await _step(world, stateful, newest, wanted, running)
    active = [pod for number, pod in sorted(running.items()) if number in wanted]
    count, wait = replica_sets.available(active, spec.get("minReadySeconds", 0), world.moment())
    await world.report(STORAGE, stateful, _status(stateful, newest, list(running.values()), count))
    return wait


async def _step(world: World, stateful: Json, newest: str, wanted: range, running: dict[int, Json]) -> None:
    """Do what is next: make what is missing, else delete what is too many, else replace what is outdated."""
    orderly = stateful["spec"].get("podManagementPolicy") != "Parallel"
    missing = [number for number in wanted if number not in running]
    settled = all(pods.is_ready(pod) for number, pod in running.items() if not missing or number < missing[0])
    if missing and (settled or not orderly):
        numbers = missing[:1] if orderly else missing
        made = await asyncio.gather(*(_make(world, stateful, newest, number) for number in numbers))
        running.update(zip(numbers, made, strict=True))
        return
    surplus = sorted((number for number in running if number not in wanted), reverse=True)
    if surplus:
        numbers = surplus[:1] if orderly else surplus
    else:
        numbers = _outdated(stateful["spec"], newest, running) if not missing else []
    await asyncio.gather(*(world.delete(PODS, running.pop(number)) for number in numbers))


def _outdated(spec: Json, newest: str, running: dict[int, Json]) -> list[int]:
    """Return which pod is to be replaced next: the last one of an older template, if all after it are ready."""
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return []
    partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
    for number in sorted(running, reverse=True):
        pod = running[number]
        if number < partition:
            return []
        if _revision(pod) != newest:
            return [number]
        if not pods.is_ready(pod):
            return []
    return []


async def _make(world: World, stateful: Json, newest: str, number: int) -> Json:
    namespace, name = stateful["metadata"]["namespace"], f"{stateful['metadata']['name']}-{number}"
    pod = pods.from_template(stateful, stateful["spec"]["template"])
    metadata = pod["metadata"]
    metadata.pop("generateName")
    metadata["name"] = name
    marks = {revisions.HASH: newest, _POD_NAME: name, _INDEX: str(number)}
    metadata["labels"] = {**metadata.get("labels", {}), **marks}
    volumes = []
    for template in stateful["spec"].get("volumeClaimTemplates") or ():
        claim = f"{template['metadata']['name']}-{name}"
        if world.get(Key(CLAIMS, namespace, claim)) is None:
            await world.create(CLAIMS, namespace, _claim(stateful, template, claim))
        volumes.append({"name": template["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim}})
    if volumes:
        named = {volume["name"] for volume in volumes}
        others = [each for each in pod["spec"].get("volumes") or () if each.get("name") not in named]
        pod["spec"]["volumes"] = [*others, *volumes]
    return await world.create(PODS, namespace, pod)


def _claim(stateful: Json, template: Json, name: str) -> Json:
    labels = (stateful["spec"]["selector"].get("matchLabels") or {}) | (template["metadata"].get("labels") or {})
    return {"metadata": {"name": name, "labels": labels}, "spec": template.get("spec") or {}}


def _ordinal(pod: Json) -> int:
    number = pod["metadata"]["name"].rpartition("-")[2]
    return int(number) if number.isdigit() else -1


def _revision(pod: Json) -> str:
    return str((pod["metadata"].get("labels") or {}).get(revisions.HASH, ""))


def _status(stateful: Json, newest: str, running: list[Json], count: int) -> Json:
    before = stateful.get("status") or {}
    updated = sum(_revision(pod) == newest for pod in running)
    wanted = stateful["spec"].get("replicas", 1)
    ready = sum(map(pods.is_ready, running))
    finished = updated == wanted == len(running) == ready
    settled = newest if finished else before.get("currentRevision", newest)
    current = sum(_revision(pod) == settled for pod in running)
    seen = {
        "availableReplicas": count,
        "collisionCount": 0,
        "currentRevision": settled,
        "observedGeneration": stateful["metadata"].get("generation", 1),
        "replicas": len(running),
        "updateRevision": newest,
    }
    more = {"currentReplicas": current, "readyReplicas": ready, "updatedReplicas": updated}
    return seen | {name: number for name, number in more.items() if number}
