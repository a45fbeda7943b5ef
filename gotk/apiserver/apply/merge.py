"""Merging an applied object into the live one.

Answers to structured-merge-diff's `typed/merge.go`, the order of list items included: items that only live has keep
their place, shared ones follow the applied order.
"""

from collections import deque
from typing import Any

from gotk.apiserver.apply import fieldpath
from gotk.apiserver.schema.node import Node


def merge(live: Any, applied: Any, node: Node) -> Any:
    """Return the live value with the applied one merged into it. Neither is changed; parts of both are shared."""
    if isinstance(live, dict) and isinstance(applied, dict) and fieldpath.granular_map(node):
        merged = dict(live)
        for name, value in applied.items():
            child, _ = fieldpath.below(node, name)
            merged[name] = merge(live[name], value, child) if name in live else value
        return merged
    if isinstance(live, list) and isinstance(applied, list) and applied and fieldpath.granular_list(node):
        return _interleave(live, applied, node)
    return live if live and _says_nothing(live, applied, node) else applied


def _says_nothing(live: Any, applied: Any, node: Node) -> bool:
    """Whether an empty or null value is applied to a container whose members are owned one by one: they stay."""
    if isinstance(live, list):
        return applied in (None, []) and fieldpath.granular_list(node)
    return applied is None and isinstance(live, dict) and fieldpath.granular_map(node)


def _interleave(live: list[Any], applied: list[Any], node: Node) -> list[Any]:
    assert node.items is not None
    left, right = fieldpath.elements(live, node), fieldpath.elements(applied, node)
    mine, theirs = dict(zip(left, live, strict=True)), dict(zip(right, applied, strict=True))
    shared = deque(element for element in right if element in mine)
    done: set[str] = set()
    out: list[Any] = []

    def take(element: str) -> None:
        done.add(element)
        item = theirs[element]
        out.append(merge(mine[element], item, node.items) if element in mine and node.items else item)
        if shared and shared[0] == element:
            shared.popleft()

    at, to = 0, 0
    while at < len(left) or to < len(right):
        if at < len(left) and to < len(right):
            if left[at] == right[to]:
                take(right[to])
                at, to = at + 1, to + 1
                continue
            if left[at] in theirs and shared and shared[0] != left[at]:
                at += 1
                continue
        if at < len(left):
            if left[at] not in theirs:
                out.append(live[at])
                at += 1
                continue
            if left[at] in done:
                at += 1
        if to < len(right):
            take(right[to])
            to += 1
    return out
