"""The tree of what was applied: the objects of an inventory, what those of our kinds applied in turn, how each fares.

How an object fares is told by the rules that `wait` goes by, from the object as the person gets it. A tree is bounded,
and so is how long it is asked for.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from deploy.cluster import health, inventory
from deploy.cluster.inventory import Item
from gotk.api import scheme
from gotk.api.helm import HelmRelease
from gotk.api.kustomize import Kustomization
from gotk.api.meta import Object
from gotk.kube import errors
from image_automation.dashboard import states, watched
from image_automation.dashboard.access import Reads
from image_automation.dashboard.page import Look, Record
from image_automation.dashboard.states import Standing

Applier = Kustomization | HelmRelease
#: How many objects a tree holds at most, how many are asked for at once, and for how many seconds.
_MOST: Final = 200
_AT_ONCE: Final = 16
_LONGEST: Final = 10.0
_STANDING: Final[Mapping[str, Standing]] = {
    "Current": "ready", "InProgress": "working", "Terminating": "working", "Failed": "broken", "NotFound": "broken",
    "Unknown": "suspended",
}  # fmt: skip


class Applied(Record, frozen=True, kw_only=True):
    """One object: `health` in the word of kstatus, or of a condition; `own` where it has a page here."""

    kind: str
    name: str
    standing: Standing
    health: str
    namespace: str = ""
    group: str = ""
    message: str = ""
    own: bool = False
    below: tuple["Applied", ...] = ()


@dataclass(frozen=True, slots=True)
class Tree:
    """What was applied, how many objects were left out, and the workloads that are not as they should be."""

    objects: tuple[Applied, ...]
    left_out: int = 0
    unwell: tuple[Mapping[str, Any], ...] = ()


@dataclass(slots=True)
class _Node:
    """An object of an inventory before it was asked for; `elsewhere` lies in another cluster."""

    item: Item
    own: Object | None
    elsewhere: bool
    below: list["_Node"] = field(default_factory=list)
    fares: tuple[Standing, str, str] = ("suspended", "Unknown", "it was not told in time")
    live: Mapping[str, Any] = field(default_factory=dict)


async def tree(look: Look, root: Applier) -> Tree:
    """Return what an applier has applied. Raises Unauthorized."""
    planted: list[_Node] = []
    left_out = [0]
    top = _plant(look, root, planted, left_out, {(root.kind, root.metadata.namespace, root.metadata.name)})
    await _ask(look, [node for node in planted if node.own is None and not node.elsewhere])
    unwell = tuple(node.live for node in planted if node.live and node.fares[0] != "ready")
    return Tree(tuple(map(_shown, top)), left_out[0], unwell)


def _plant(
    look: Look, root: Applier, planted: list[_Node], left_out: list[int], seen: set[tuple[str, str, str]]
) -> list[_Node]:
    """Return an applier's nodes; what it applied stands wherever it was applied, what that applied stands once."""
    nodes, elsewhere = [], root.spec.kube_config is not None
    for item in inventory.read(root.status.inventory):
        if len(planted) >= _MOST:
            left_out[0] += 1
            continue
        node = _Node(item, None if elsewhere else _own(look, item), elsewhere)
        planted.append(node)
        nodes.append(node)
        where = (item.id.kind, item.id.namespace, item.id.name)
        if isinstance(node.own, Kustomization | HelmRelease) and where not in seen:
            seen.add(where)
            node.below = _plant(look, node.own, planted, left_out, seen)
    return nodes


def _own(look: Look, item: Item) -> Object | None:
    for kind in watched.KINDS:
        resource = scheme.resource_of(kind)
        if (resource.group, resource.kind) == (item.id.group, item.id.kind):
            return look.objects.get(kind, item.id.namespace, item.id.name)
    return None


async def _ask(look: Look, nodes: Sequence[_Node]) -> None:
    """Find out how objects fare that are not watched. Raises Unauthorized."""
    reads = look.reads
    if reads is None:
        return
    turns = asyncio.Semaphore(_AT_ONCE)

    async def ask(node: _Node) -> None:
        async with turns:
            await _look_at(reads, node, look.now)

    try:
        async with asyncio.timeout(_LONGEST), asyncio.TaskGroup() as group:
            for node in nodes:
                group.create_task(ask(node))
    except TimeoutError:
        pass  # the others keep saying that they were not told
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _look_at(reads: Reads, node: _Node, now: datetime) -> None:
    about = node.item.id
    try:
        live = await reads.get_object(node.item.api_version, about.kind, about.namespace, about.name)
    except errors.Unauthorized:
        raise
    except errors.NotFound:
        node.fares = ("broken", "NotFound", "it is not in the cluster any more")
    except errors.APIError as error:
        node.fares = ("suspended", "Unknown", error.message)
    else:
        found = health.of(live, now)
        node.live, node.fares = live, (_STANDING[found.state], found.state, found.message)


def _shown(node: _Node) -> Applied:
    about = node.item.id
    standing, word, message = node.fares
    if node.elsewhere:
        word, message = "Unknown", "it is in another cluster"
    elif node.own is not None:
        state = states.of(node.own)
        standing, word, message = state.standing, state.reason or state.standing, state.message
    return Applied(
        kind=about.kind,
        group=about.group,
        namespace=about.namespace,
        name=about.name,
        standing=standing,
        health=word,
        message="" if standing == "ready" else message,
        own=node.own is not None,
        below=tuple(map(_shown, node.below)),
    )
