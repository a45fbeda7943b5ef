"""DaemonSets: one pod on every node that fits, replaced a few at a time. Answers to `pkg/controller/daemon`."""

import asyncio
from typing import Any, Final

from gotk.apiserver.simulator import nodes, pods, replica_sets, revisions, rolling_update
from gotk.apiserver.simulator.world import PODS, World
from gotk.apiserver.storage.store import Key

Json = dict[str, Any]

STORAGE: Final = "daemonsets.apps"


async def look(world: World, key: Key) -> float | None:
    """Make, replace or delete pods, and report."""
    daemon = world.get(key)
    if daemon is None:
        return None
    spec = daemon["spec"]
    mark = revisions.mark(await revisions.current(world, daemon))
    wanted = nodes.fitting(world, spec["template"].get("spec") or {})
    running = {pod["spec"].get("nodeName", ""): pod for pod in world.children(daemon, PODS)}
    surplus = [running.pop(node) for node in set(running) - set(wanted)]
    outdated = _outdated(spec, mark, running)
    await asyncio.gather(*(world.delete(PODS, pod) for pod in (*surplus, *outdated)))
    missing = [node for node in wanted if node not in running]
    made = await asyncio.gather(*(world.create(PODS, key.namespace, _pod(daemon, mark, node)) for node in missing))
    gone = {pod["metadata"]["uid"] for pod in outdated}
    active = [pod for pod in (*running.values(), *made) if pod["metadata"]["uid"] not in gone]
    count, wait = replica_sets.available(active, spec.get("minReadySeconds", 0), world.moment())
    await world.report(STORAGE, daemon, _status(daemon, mark, active, len(wanted), count))
    return wait


def _outdated(spec: Json, mark: str, running: dict[str, Json]) -> list[Json]:
    """Return which pods of an older template go now: as many as may be away at once."""
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return []
    rolling = strategy.get("rollingUpdate") or {}
    away = max(1, rolling_update.scaled(rolling.get("maxUnavailable", 1), len(running), up=True))
    old = [pod for pod in running.values() if _mark(pod) != mark]
    new_unready = sum(_mark(pod) == mark and not pods.is_ready(pod) for pod in running.values())
    unready = [pod for pod in old if not pods.is_ready(pod)]
    ready = [pod for pod in old if pods.is_ready(pod)]
    return [*unready, *ready[: max(0, away - new_unready - len(unready))]]


def _mark(pod: Json) -> str:
    return str((pod["metadata"].get("labels") or {}).get(revisions.HASH, ""))


def _pod(daemon: Json, mark: str, node: str) -> Json:
    pod = pods.from_template(daemon, daemon["spec"]["template"], node)
    pod["metadata"]["labels"] = {**pod["metadata"].get("labels", {}), revisions.HASH: mark}
    return pod


def _status(daemon: Json, mark: str, active: list[Json], wanted: int, count: int) -> Json:
    seen = {
        "currentNumberScheduled": len(active),
        "desiredNumberScheduled": wanted,
        "numberMisscheduled": 0,
        "numberReady": sum(map(pods.is_ready, active)),
        "observedGeneration": daemon["metadata"].get("generation", 1),
    }
    more = {
        "numberAvailable": count,
        "numberUnavailable": wanted - count,
        "updatedNumberScheduled": sum(_mark(pod) == mark for pod in active),
    }
    return seen | {name: number for name, number in more.items() if number}
