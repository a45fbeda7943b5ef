"""Deployments: a ReplicaSet per template, rolled out step by step, numbered so that a rollback finds them.

Answers to `pkg/controller/deployment`; reasons and messages of the conditions are upstream's.
"""

import asyncio
from typing import Any, Final

from gotk.apiserver.simulator import progress, rolling_update
from gotk.apiserver.simulator.world import REPLICA_SETS, World, fingerprint, owned_by
from gotk.apiserver.storage.store import Key

Json = dict[str, Any]

STORAGE: Final = "deployments.apps"
REVISION: Final = "deployment.kubernetes.io/revision"
HASH: Final = "pod-template-hash"
_NOT_COPIED = frozenset({"kubectl.kubernetes.io/last-applied-configuration", "image-automation.dev/simulate", REVISION})


async def look(world: World, key: Key) -> float | None:
    """Take the next step of a rollout, and report."""
    deployment = world.get(key)
    if deployment is None:
        return None
    sets = sorted(world.children(deployment, REPLICA_SETS), key=lambda each: (revision(each), each["metadata"]["name"]))
    template = _bare(deployment["spec"]["template"])
    new = next((each for each in reversed(sets) if _bare(each["spec"]["template"]) == template), None)
    old = [each for each in sets if each is not new]
    if deployment["spec"].get("paused"):
        await _resize(world, deployment, new, old)
    else:
        new = await _advance(world, deployment, new, old)
    report, wait = progress.status(world, deployment, new, old)
    await world.report(STORAGE, deployment, report)
    if progress.complete(deployment, report):
        await _tidy(world, deployment, old)
    return wait


def revision(obj: Json) -> int:
    """Return the number of the rollout that an object stands for; 0 when it has none."""
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def _bare(template: Json) -> Json:
    """Return a template without the label that is added to it."""
    metadata = dict(template.get("metadata") or {})
    labels = {key: value for key, value in (metadata.pop("labels", None) or {}).items() if key != HASH}
    metadata.pop("creationTimestamp", None)
    return {**template, "metadata": {**metadata, "labels": labels}}


async def _advance(world: World, deployment: Json, new: Json | None, old: list[Json]) -> Json:
    number = max(map(revision, old), default=0) + 1
    wanted, left = rolling_update.step(deployment["spec"], _count(new), [_count(each) for each in old])
    if new is None:
        new = await world.create(REPLICA_SETS, deployment["metadata"]["namespace"], _make(deployment, wanted, number))
    else:
        number = max(number, revision(new))
        await _set(world, new, wanted, number)
    await asyncio.gather(*(_set(world, each, count, 0) for each, count in zip(old, left, strict=True)))
    if revision(deployment) != number:
        await world.change(STORAGE, deployment, lambda obj: _number(obj, number))
    return new


async def _resize(world: World, deployment: Json, new: Json | None, old: list[Json]) -> None:
    """Follow a change of `replicas` while the rollout is paused: the newest ReplicaSet with pods takes it."""
    active = [each for each in (*old, *([new] if new else [])) if each["spec"].get("replicas")]
    if active:
        others = sum(each["spec"]["replicas"] for each in active[:-1])
        await _set(world, active[-1], max(0, deployment["spec"].get("replicas", 1) - others), 0)


def _count(replica_set: Json | None) -> rolling_update.Count:
    if replica_set is None:
        return rolling_update.Count()
    status = replica_set.get("status") or {}
    wanted = replica_set["spec"].get("replicas", 1)
    return rolling_update.Count(wanted, status.get("replicas", 0), status.get("availableReplicas", 0))


def _make(deployment: Json, wanted: int, number: int) -> Json:
    spec, metadata = deployment["spec"], deployment["metadata"]
    template = _bare(spec["template"])
    mark = fingerprint(template)
    template["metadata"]["labels"] = {**template["metadata"]["labels"], HASH: mark}
    annotations = {
        key: value for key, value in (metadata.get("annotations") or {}).items() if key not in _NOT_COPIED
    } | {REVISION: str(number)}
    selector = {**spec["selector"], "matchLabels": {**(spec["selector"].get("matchLabels") or {}), HASH: mark}}
    return {
        "metadata": {
            "name": f"{metadata['name']}-{mark}",
            "labels": dict(template["metadata"]["labels"]),
            "annotations": annotations,
            "ownerReferences": owned_by(deployment),
        },
        "spec": {
            "replicas": wanted,
            "minReadySeconds": spec.get("minReadySeconds", 0),
            "selector": selector,
            "template": template,
        },
    }


async def _set(world: World, replica_set: Json, wanted: int, number: int) -> None:
    """Scale a ReplicaSet, and number it anew if it became the newest."""
    renumber = number > revision(replica_set)
    if replica_set["spec"].get("replicas", 1) == wanted and not renumber:
        return

    def edit(obj: Json) -> None:
        obj["spec"]["replicas"] = wanted
        if renumber:
            _number(obj, number)

    await world.change(REPLICA_SETS, replica_set, edit)


def _number(obj: Json, number: int) -> None:
    obj["metadata"].setdefault("annotations", {})[REVISION] = str(number)


async def _tidy(world: World, deployment: Json, old: list[Json]) -> None:
    """Delete the oldest ReplicaSets that are kept for no rollback."""
    limit = deployment["spec"].get("revisionHistoryLimit", 10)
    empty = [
        each for each in old if not each["spec"].get("replicas") and not (each.get("status") or {}).get("replicas")
    ]
    for each in empty[: max(0, len(empty) - limit)]:
        await world.delete(REPLICA_SETS, each)
