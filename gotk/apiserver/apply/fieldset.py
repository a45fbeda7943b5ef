"""Which fields an object has, which differ between two, and taking fields out.

Answers to structured-merge-diff's `ToFieldSet`, `Compare`, `EnsureNamedFieldsAreMembers` and `RemoveItems`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from gotk.apiserver.apply import fieldpath
from gotk.apiserver.apply.fieldpath import FieldSet, Path
from gotk.apiserver.schema.node import Node

_ABSENT: Final = object()


def leaves(value: Any, node: Node) -> FieldSet:
    """Return what an applied object claims: leaves, items of lists, keys of maps, but not the structs in between."""
    return frozenset(_leaves(value, node, ()))


def _leaves(value: Any, node: Node, path: Path) -> Iterator[Path]:
    if isinstance(value, dict) and fieldpath.granular_map(node):
        for name, inner in value.items():
            child, declared = fieldpath.below(node, name)
            where = (*path, f"f:{name}")
            if inner is None or inner == {} or not declared:
                yield where
            if inner is not None:
                yield from _leaves(inner, child, where)
    elif isinstance(value, list) and value and fieldpath.granular_list(node):
        assert node.items is not None
        for element, item in zip(fieldpath.elements(value, node), value, strict=True):
            where = (*path, element)
            yield where
            yield from _leaves(item, node.items, where)
    elif path and (value != {} or not fieldpath.granular_map(node)):
        yield path


@dataclass(slots=True)
class Comparison:
    """How one object becomes another."""

    removed: set[Path] = field(default_factory=set)
    modified: set[Path] = field(default_factory=set)
    added: set[Path] = field(default_factory=set)

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.removed or self.modified or self.added)


def compare(old: Any, new: Any, node: Node) -> Comparison:
    """Compare two objects. Containers that come or go are members too, unlike in `leaves`."""
    found = Comparison()
    _compare(old, new, node, (), found)
    for paths in (found.removed, found.modified, found.added):
        paths.discard(())
    return found


def _compare(old: Any, new: Any, node: Node, path: Path, found: Comparison) -> None:
    if old is new:
        return
    sides = [side for side in (old, new) if side is not _ABSENT and side is not None]
    if sides and all(isinstance(side, dict) for side in sides) and any(sides) and fieldpath.granular_map(node):
        _fields(old, new, node, path, found)
    elif sides and all(isinstance(side, list) for side in sides) and any(sides) and fieldpath.granular_list(node):
        _items(old, new, node, path, found)
    elif old is not _ABSENT and new is not _ABSENT:
        if not _equal(old, new):
            found.modified.add(path)
        return
    if old is _ABSENT:
        found.added.add(path)
    elif new is _ABSENT:
        found.removed.add(path)


def _fields(old: Any, new: Any, node: Node, path: Path, found: Comparison) -> None:
    left = old if isinstance(old, dict) else {}
    right = new if isinstance(new, dict) else {}
    for name in left.keys() | right.keys():
        child, _ = fieldpath.below(node, name)
        _compare(left.get(name, _ABSENT), right.get(name, _ABSENT), child, (*path, f"f:{name}"), found)


def _items(old: Any, new: Any, node: Node, path: Path, found: Comparison) -> None:
    assert node.items is not None
    left = old if isinstance(old, list) else []
    right = new if isinstance(new, list) else []
    before = dict(zip(fieldpath.elements(left, node), left, strict=True))
    after = dict(zip(fieldpath.elements(right, node), right, strict=True))
    for element in before.keys() | after.keys():
        one, other = before.get(element, _ABSENT), after.get(element, _ABSENT)
        _compare(one, other, node.items, (*path, element), found)


def _equal(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def with_structs(paths: Iterable[Path], node: Node) -> set[Path]:
    """Add the declared fields that lie on the way to each path."""
    found = set(paths)
    for path in paths:
        at: Node | None = node
        for depth, element in enumerate(path[:-1], 1):
            if at is None:
                break
            if element.startswith("f:"):
                at, declared = fieldpath.below(at, element[2:])
                if declared:
                    found.add(path[:depth])
            else:
                at = at.items
    return found


def remove(value: Any, node: Node, paths: Iterable[Path], keep: FieldSet, *, nulls: bool = False) -> Any:
    """Return the object without some fields; a container that this empties goes too, unless it is one of `keep`.

    With `nulls` an emptied container that is kept becomes null where its schema says that null is no value, as it does
    upstream: validation then refuses it.
    """
    tree: dict[str, Any] = {}
    for path in paths:
        at = tree
        for element in path:
            at = at.setdefault(element, {})
        at["."] = True
    return _Removal(keep, nulls=nulls).inside(value, node, tree, ()) if tree else value


@dataclass(frozen=True, slots=True)
class _Removal:
    keep: FieldSet
    nulls: bool

    def inside(self, value: Any, node: Node, tree: dict[str, Any], path: Path) -> Any:
        if isinstance(value, dict):
            kept: dict[str, Any] = {}
            for name, inner in value.items():
                element = f"f:{name}"
                child, _ = fieldpath.below(node, name)
                rest = self._at(inner, child, tree.get(element), (*path, element))
                if rest is not _ABSENT:
                    kept[name] = rest
            return kept
        if isinstance(value, list) and node.items is not None and fieldpath.granular_list(node):
            named = zip(fieldpath.elements(value, node), value, strict=True)
            rests = (self._at(item, node.items, tree.get(e), (*path, e)) for e, item in named)
            return [rest for rest in rests if rest is not _ABSENT]
        return value

    def _at(self, value: Any, node: Node, tree: dict[str, Any] | None, path: Path) -> Any:
        if tree is None:
            return value
        if "." in tree:
            return _ABSENT
        rest = self.inside(value, node, tree, path)
        if rest not in ({}, []) or value in ({}, []) or not path[-1].startswith("f:"):
            return rest
        if path not in self.keep:
            return _ABSENT
        refused = self.nulls and bool(node.type) and not node.nullable and path[0] != "f:metadata"
        return None if refused else rest
