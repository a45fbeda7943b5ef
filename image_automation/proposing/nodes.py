"""A document as a tree of nodes, each scalar with its place in the text.

The rewriter (`update.events`) reads a document as a flat list of shapes, because a marker needs no more; who looks for
images needs to know what stands in what. The tree is put together from that very list, so that both see one document.
Aliases stay aliases: a tree is as small as its text.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from image_automation.update import events


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar; `scalar` is None for one without a text, `key: `."""

    value: str
    scalar: events.Scalar | None = None


@dataclass(slots=True)
class Map:
    """A mapping, by its scalar keys. Of equal keys the last one counts."""

    entries: dict[str, "Node"] = field(default_factory=dict)

    def text(self, key: str) -> str:
        """Return the text of an entry; empty where there is none."""
        found = self.entries.get(key)
        return found.value if isinstance(found, Leaf) else ""

    def leaf(self, key: str) -> Leaf | None:
        """Return an entry that is a scalar with a text."""
        found = self.entries.get(key)
        return found if isinstance(found, Leaf) and found.scalar is not None and found.value else None

    def map(self, key: str) -> "Map":
        """Return an entry that is a mapping; an empty one where there is none."""
        found = self.entries.get(key)
        return found if isinstance(found, Map) else Map()

    def maps(self, key: str) -> list["Map"]:
        """Return the mappings of an entry that is a list."""
        found = self.entries.get(key)
        return [item for item in found.items if isinstance(item, Map)] if isinstance(found, Seq) else []


@dataclass(slots=True)
class Seq:
    """A list."""

    items: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Alias:
    """A reference to an anchor, which is not followed."""


Node: TypeAlias = Leaf | Map | Seq | Alias


def tree(document: events.Document) -> Node | None:
    """Put the tree of a document together; None for one without a node."""
    scalars = {scalar.number: scalar for scalar in document.scalars}
    root = Seq()
    building = _Building(root)
    for number, shape in enumerate(document.outline):
        match shape[0], len(shape):
            case "{", 3:
                building.open(Map())
            case "[", 3:
                building.open(Seq())
            case (("}" | "]"), 1):
                building.close()
            case "*", 2:
                building.add(Alias())
            case value, 4:
                building.add(Leaf(str(value), scalars.get(number)))
    return root.items[0] if root.items else None


class _Building:
    """The collections that are open, and the key that waits for its value in each."""

    def __init__(self, root: Seq) -> None:
        self._open: list[tuple[Map | Seq, list[Node]]] = [(root, [])]

    def add(self, node: Node) -> None:
        """Put a node into the innermost collection: in a mapping keys and values take turns."""
        collection, waiting = self._open[-1]
        if isinstance(collection, Seq):
            collection.items.append(node)
        elif waiting:
            key = waiting.pop()
            if isinstance(key, Leaf):
                collection.entries[key.value] = node
        else:
            waiting.append(node)

    def open(self, collection: Map | Seq) -> None:
        """Enter a collection."""
        self.add(collection)
        self._open.append((collection, []))

    def close(self) -> None:
        """Leave the innermost collection."""
        self._open.pop()
