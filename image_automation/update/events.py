"""A marked document as a list of nodes with positions, from the parser's events.

Uses the C parser of ruamel.yaml (ruamel.yaml.clib), which gives the start and end of every node. Where that refuses a
document the C parser of PyYAML, built on a later libyaml, is asked: it knows plain scalars such as `{image: a:1}`.
Events never expand aliases, so a document of aliases to aliases is as small as its text; nesting is bounded here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import _ruamel_yaml
import yaml
from ruamel.yaml import events as ruamel
from yaml._yaml import CParser

T = TypeVar("T")

#: Deeper documents are refused: the parser's work grows with the square of the depth.
DEPTH_LIMIT: Final = 256
#: So does its work with the number of these.
DIRECTIVE_LIMIT: Final = 256


#: A file with more nodes than this in its marked documents is left alone: each costs memory and microseconds, all of
#: them some 70 MB and two seconds.
NODE_LIMIT: Final = 200_000
#: What a document and a marker cost besides, in nodes.
DOCUMENT_COST: Final = 8
MARKER_COST: Final = 4


class TooManyNodes(Exception):
    """A document with more nodes than are looked at."""


class Unreadable(Exception):
    """A document that is no YAML, or absurd. `line` counts from 1 within the document."""

    def __init__(self, cause: str, line: int) -> None:
        super().__init__(cause)
        self.cause = cause
        self.line = line


@dataclass(slots=True)
class Mapping:
    """A mapping: its scalar entries by key, and where it stands."""

    parent: "Mapping | None"
    key: str
    entries: dict[str, str] = field(default_factory=dict)
    children: dict[str, "Mapping"] = field(default_factory=dict)


class Scalar(NamedTuple):
    """A scalar: `text[start:end]`, anchor and tag included. A plain tuple, for documents have many.

    `number` counts the nodes of the document; `role` is `key`, `value` or `item`; `flow` says whether it stands in
    `[...]` or `{...}`, `style` is its quote, `|`, `>` or empty; `tag` is an explicit one.
    """

    number: int
    start: int
    end: int
    value: str
    style: str
    tag: str
    role: str
    flow: bool
    mapping: Mapping | None


_new: Final = tuple.__new__

#: What a node is, whatever its place; a scalar's are value, anchor, tag and style. Equal lists mean equal documents.
Shape: TypeAlias = tuple[Any, ...]


@dataclass(slots=True)
class Document:
    """A document's text, its scalars in order, and the shape of every node."""

    text: str
    scalars: list[Scalar]
    outline: list[Shape]

    @property
    def nodes(self) -> int:
        """How many nodes it has, the ends of collections counted as well."""
        return len(self.outline)


@dataclass(slots=True)
class _Level:
    """A collection that is open. `key` is the last key of a mapping, None while the next node is one."""

    mapping: Mapping | None
    flow: bool
    in_key: bool
    is_mapping: bool
    key: str | None = None
    at_key: bool = True


_PARSERS: Final[tuple[Callable[[str], Any], ...]] = (_ruamel_yaml.CParser, yaml.CSafeLoader)
#: Events that are no nodes: the stream's two and the document's end.
_AROUND: Final = 3
_REFUSALS: Final = (_ruamel_yaml.YAMLError, yaml.YAMLError)


def read(text: str, most: int = NODE_LIMIT) -> Document:
    """Parse a document. Raises Unreadable with the parser's own words, TooManyNodes for one of more than `most`."""
    return _parse(text, _PARSERS, lambda parser: _Builder(text, most).build(parser))


def outline(text: str) -> list[Shape]:
    """Parse a document for the shape of its nodes alone, by the other parser first. Raises Unreadable."""
    return _parse(text, _PARSERS[::-1], _outline)


def count(text: str) -> int:
    """Return the nodes of a document, as many as `outline` has, by the parser that it asks first; 0 of what is none.

    Nothing is made for a node, so it takes a sixth of the time.
    """
    if text.count("%TAG") > DIRECTIVE_LIMIT:
        return 0
    try:
        found: int = CParser(text).raw_parse()
    except yaml.YAMLError:
        return 0
    return found - _AROUND


def _parse(text: str, parsers: Iterable[Callable[[str], Any]], use: Callable[[Any], T]) -> T:
    """Take the answer of the first parser that accepts the text; the first one's complaint where none does."""
    if text.count("%TAG") > DIRECTIVE_LIMIT:
        raise Unreadable(f"more than {DIRECTIVE_LIMIT} %TAG directives", 1)
    refusals = []
    for parser in parsers:
        try:
            return use(parser(text))
        except _REFUSALS as refusal:
            refusals.append(refusal)
    raise _unreadable(refusals[0])


# What a scalar is, by the class that either parser has for it: taken at once, for most events are scalars.
_SCALARS: Final[dict[type, Callable[[Any], Shape]]] = {
    ruamel.ScalarEvent: attrgetter("value", "anchor", "ctag", "style"),
    yaml.ScalarEvent: attrgetter("value", "anchor", "tag", "style"),
}
# Any other class of events is known by its name.
_NAMED: Final[dict[str, Callable[[Any], Shape]]] = {
    "MappingStartEvent": lambda event: ("{", event.anchor, event.tag),
    "SequenceStartEvent": lambda event: ("[", event.anchor, event.tag),
    "MappingEndEvent": lambda _: ("}",),
    "SequenceEndEvent": lambda _: ("]",),
    "AliasEvent": lambda event: ("*", event.anchor),
    "DocumentStartEvent": lambda _: ("---",),
}
_SHAPES: Final = _SCALARS | {getattr(each, name): shape for each in (ruamel, yaml) for name, shape in _NAMED.items()}


def _outline(parser: Any) -> list[Shape]:
    shapes = _SHAPES
    return [shape(event) for event in iter(parser.get_event, None) if (shape := shapes.get(type(event)))]


def _unreadable(error: Any) -> Unreadable:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    cause = getattr(error, "problem", None) or str(error).splitlines()[0]
    return Unreadable(str(cause), mark.line + 1 if mark else 1)


class _Builder:
    """Turns events into a Document."""

    def __init__(self, text: str, most: int) -> None:
        self._most = most
        self._document = Document(text, [], [])
        self._level = _Level(None, False, False, False)
        self._above: list[_Level] = []

    def build(self, parser: Any) -> Document:
        """Take every event of a parser of libyaml's family."""
        next_event, outline, most = parser.get_event, self._document.outline, self._most
        scalars, take_scalar, shapes = _SCALARS, self._scalar, _SHAPES
        handlers: dict[str, Callable[[Any], None]] = {
            "MappingStartEvent": self._begin_mapping,
            "SequenceStartEvent": self._begin_sequence,
            "MappingEndEvent": self._end,
            "SequenceEndEvent": self._end,
            "AliasEvent": self._alias,
        }
        while (event := next_event()) is not None:
            kind = type(event)
            if len(outline) > most:
                raise TooManyNodes
            if kind in scalars:
                shape = scalars[kind](event)
                take_scalar(event, shape, len(outline))
                outline.append(shape)
            elif (named := shapes.get(kind)) is not None:
                outline.append(named(event))
                if (handler := handlers.get(kind.__name__)) is not None:
                    handler(event)
        return self._document

    def _begin_mapping(self, event: Any) -> None:
        above = self._level
        key = above.key or ""
        mapping = Mapping(above.mapping, key)
        if above.is_mapping and above.mapping and not (above.in_key or above.at_key):
            above.mapping.children[key] = mapping
        self._enter(event, mapping, is_mapping=True)

    def _begin_sequence(self, event: Any) -> None:
        self._enter(event, self._level.mapping, is_mapping=False)

    def _enter(self, event: Any, mapping: Mapping | None, *, is_mapping: bool) -> None:
        if len(self._above) >= DEPTH_LIMIT:
            raise Unreadable(f"nested deeper than {DEPTH_LIMIT} levels", event.start_mark.line + 1)
        above = self._level
        self._above.append(above)
        in_key = above.in_key or (above.is_mapping and above.at_key)
        self._level = _Level(mapping, bool(event.flow_style), in_key, is_mapping)

    def _end(self, event: Any) -> None:
        del event
        self._level = self._above.pop()
        self._leave_node()

    def _alias(self, event: Any) -> None:
        del event
        self._leave_node()

    def _scalar(self, event: Any, shape: Shape, number: int) -> None:
        level, (value, _, tag, style) = self._level, shape
        role = "item"
        if level.is_mapping:
            if level.at_key:
                role, level.key, level.at_key = "key", value, False
            else:
                role, level.at_key = "value", True
                if level.mapping is not None:
                    level.mapping.entries[level.key or ""] = value
        if level.in_key:
            role = "key"
        start, end = event.start_mark.index, event.end_mark.index
        if start < end:  # made as a tuple is, without the call that a NamedTuple makes of it
            scalar = (number, start, end, value, style or "", tag or "", role, level.flow, level.mapping)
            self._document.scalars.append(_new(Scalar, scalar))

    def _leave_node(self) -> None:
        """Go on after a node that is no scalar: in a mapping keys and values take turns."""
        level = self._level
        if level.is_mapping:
            level.key, level.at_key = None, not level.at_key
