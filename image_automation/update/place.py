"""Where a marked value stands, told apart from others of its file whatever lines move above it.

A line number is for people. What is remembered about a value from one commit to another, that somebody took an update
back, needs a name that survives edits around it: the object, the keys that lead there, the marker, and its number among
equals.
"""

from collections import Counter
from typing import NamedTuple

from image_automation.update import documents, events, marker, screening, spans
from image_automation.update import setter as setters
from image_automation.update.result import ObjectIdentifier
from image_automation.update.setter import Setter


class Place(NamedTuple):
    """A marked value of a file. `keys` are those of the mappings around it, `number` counts equals from 1.

    `kind` is empty in YAML. In a text file it is the key of its kind, and `keys` are what stands before the value.
    """

    object: ObjectIdentifier
    keys: str
    setter: str
    number: int = 1
    kind: str = ""

    @property
    def names(self) -> Setter:
        """The policy that the value follows, and the part of its choice."""
        return setters.parse(self.setter)


class Counting:
    """Names places of one file, in order."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[ObjectIdentifier, str, str]] = Counter()

    def name(self, found: spans.Marked) -> Place:
        """Name the place of the next marked value."""
        mapping = found.scalar.mapping
        equal = (object_of(mapping), _keys(mapping), found.setter)
        self._seen[equal] += 1
        return Place(*equal, self._seen[equal])


def values(data: bytes) -> dict[Place, str]:
    """Return every marked value of a file; of what is left alone there is none."""
    if not screening.is_marked(data) or screening.refuse(data) is not None:
        return {}
    counting, found, left = Counting(), {}, events.NODE_LIMIT - events.MARKER_COST * data.count(marker.NEEDLE)
    for span in documents.marked(data):
        try:
            document = events.read(data[span.start : span.end].decode(), left)
        except events.TooManyNodes:
            return {}
        except events.Unreadable:
            continue
        left -= len(document.outline) + events.DOCUMENT_COST
        for each in spans.find(document):
            if isinstance(each, spans.Marked):
                found[counting.name(each)] = each.scalar.value
    return found


def object_of(mapping: events.Mapping | None) -> ObjectIdentifier:
    """Name the object that a value belongs to: the document, or the item of a List."""
    chain = _chain(mapping)
    for candidate in reversed(chain):
        entries = candidate.entries
        kind = entries.get("kind", "")
        if not kind or (kind.endswith("List") and candidate is not chain[0] and _within_items(chain, candidate)):
            continue
        metadata = candidate.children.get("metadata")
        names = metadata.entries if metadata else {}
        return ObjectIdentifier(entries.get("apiVersion", ""), kind, names.get("name", ""), names.get("namespace", ""))
    return ObjectIdentifier()


def _chain(mapping: events.Mapping | None) -> list[events.Mapping]:
    chain = []
    while mapping is not None:
        chain.append(mapping)
        mapping = mapping.parent
    return chain


def _keys(mapping: events.Mapping | None) -> str:
    return ".".join(each.key for each in reversed(_chain(mapping)) if each.key)


def _within_items(chain: list[events.Mapping], outer: events.Mapping) -> bool:
    """Tell whether the next mapping inside `outer` on the way down is an item, that is, an object of its own."""
    inner = chain[chain.index(outer) - 1]
    return bool(inner.entries.get("kind"))
