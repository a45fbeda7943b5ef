"""How far a rollout may go in one step, as a plain function over numbers.

Answers to `pkg/controller/deployment/rolling.go` and `recreate.go`: never more than `maxSurge` above, never more than
`maxUnavailable` below what is wanted, and unhealthy old pods go first.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Count:
    """Pods of one ReplicaSet: wanted of it, there, available."""

    wanted: int = 0
    present: int = 0
    available: int = 0


def step(spec: Json, new: Count, old: Sequence[Count]) -> tuple[int, list[int]]:
    """Return how many pods the new ReplicaSet and each old one (oldest first) should now have."""
    replicas = spec.get("replicas", 1)
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return _recreate(replicas, new, old)
    surge, unavailable = limits(strategy.get("rollingUpdate") or {}, replicas)
    total = new.wanted + sum(each.wanted for each in old)
    grown = replicas
    if new.wanted < replicas:
        grown = new.wanted + max(0, min(replicas + surge - total, replicas - new.wanted))
    return grown, _shrink(replicas - unavailable, replace(new, wanted=grown), old)


def _recreate(replicas: int, new: Count, old: Sequence[Count]) -> tuple[int, list[int]]:
    busy = any(each.wanted or each.present for each in old)
    return (min(new.wanted, replicas) if busy else replicas), [0] * len(old)


def _shrink(least: int, new: Count, old: Sequence[Count]) -> list[int]:
    total = new.wanted + sum(each.wanted for each in old)
    spare = total - least - (new.wanted - min(new.available, new.wanted))
    left = [each.wanted for each in old]
    for index, each in enumerate(old):  # what is not available is missed by nobody
        gone = max(0, min(spare, left[index] - each.available))
        left[index] -= gone
        spare -= gone
    free = new.available + sum(each.available for each in old) - least
    for index in range(len(left)):
        gone = max(0, min(free, spare, left[index]))
        left[index] -= gone
        free -= gone
        spare -= gone
    return left


def limits(rolling: Json, replicas: int) -> tuple[int, int]:
    """Return maxSurge (rounded up) and maxUnavailable (rounded down); one of them is never 0."""
    surge = scaled(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = scaled(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    return surge, unavailable if surge or unavailable else 1


def scaled(value: Any, total: int, *, up: bool) -> int:
    """Read a number or a percentage of a total."""
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdigit():
        share = int(value[:-1]) * total / 100
        return math.ceil(share) if up else math.floor(share)
    return int(value) if isinstance(value, int) or str(value).isdigit() else 0
