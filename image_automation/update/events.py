"""A marked document as a list of nodes with positions, from the parser's events.

Uses the C parser of ruamel.yaml (ruamel.yaml.clib), which gives the start and end of every node. Where that refuses a
document the C parser of PyYAML, built on a later libyaml, is asked: it knows plain scalars such as `{image: a:1}`.
Events never expand aliases, so a document of aliases to aliases is as small as its text; nesting is bounded here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import _ruamel_yaml
import yaml

#: Deeper documents are refused: the parser's work grows with the square of the depth.
DEPTH_LIMIT: Final = 256


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


@dataclass(slots=True)
class Scalar:
    """A scalar: `text[start:end]`, anchor and tag included.

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


@dataclass(slots=True)
class Document:
    """A document's text, its scalars in order and, to compare two documents, the outline of every node."""

    text: str
    scalars: list[Scalar]
    outline: list[tuple[str, ...]]


@dataclass(slots=True)
class _Level:
    """A collection that is open. `key` is the last key of a mapping, None while the next node is one."""

    mapping: Mapping | None
    flow: bool
    in_key: bool
    is_mapping: bool
    key: str | None = None
    at_key: bool = True


def read(text: str) -> Document:
    """Parse a document. Raises Unreadable with the parser's own words."""
    try:
        return _Builder(text).build(_events(_ruamel_yaml.CParser(text)))
    except _ruamel_yaml.YAMLError as refusal:
        first = refusal
    try:
        return _Builder(text).build(_events(yaml.CSafeLoader(text)))
    except yaml.YAMLError:
        raise _unreadable(first) from None


def _events(parser: Any) -> Iterator[Any]:
    while (event := parser.get_event()) is not None:
        yield event


def _unreadable(error: Any) -> Unreadable:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    cause = getattr(error, "problem", None) or str(error).splitlines()[0]
    return Unreadable(str(cause), mark.line + 1 if mark else 1)


class _Builder:
    """Turns events into a Document."""

    def __init__(self, text: str) -> None:
        self._document = Document(text, [], [])
        self._open: list[_Level] = []

    def build(self, events: Iterator[Any]) -> Document:
        outline = self._document.outline
        for event in events:
            name = type(event).__name__
            if name == "ScalarEvent":
                self._scalar(event)
            elif name in {"MappingStartEvent", "SequenceStartEvent"}:
                outline.append((name, event.anchor or "", event.tag or ""))
                self._enter(event, is_mapping=name == "MappingStartEvent")
            elif name in {"MappingEndEvent", "SequenceEndEvent"}:
                outline.append((name,))
                self._open.pop()
                self._leave_node(None)
            elif name == "AliasEvent":
                outline.append((name, event.anchor))
                self._leave_node(None)
            elif name == "DocumentStartEvent":
                outline.append((name,))
        return self._document

    def _enter(self, event: Any, *, is_mapping: bool) -> None:
        if len(self._open) >= DEPTH_LIMIT:
            raise Unreadable(f"nested deeper than {DEPTH_LIMIT} levels", event.start_mark.line + 1)
        above = self._open[-1] if self._open else None
        parent = above.mapping if above else None
        key = above.key or "" if above and above.is_mapping else ""
        in_key = above is not None and (above.in_key or (above.is_mapping and above.at_key))
        mapping = Mapping(parent, key) if is_mapping else parent
        if is_mapping and mapping and above and above.is_mapping and above.mapping and not in_key:
            above.mapping.children[key] = mapping
        self._open.append(_Level(mapping, bool(event.flow_style), in_key, is_mapping))

    def _scalar(self, event: Any) -> None:
        level = self._open[-1] if self._open else None
        role = "item"
        if level is not None and level.is_mapping:
            role = "key" if level.at_key else "value"
            if role == "value" and level.mapping is not None:
                level.mapping.entries[level.key or ""] = event.value
        if level is not None and level.in_key:
            role = "key"
        number = len(self._document.outline)
        quoted = "quoted" if event.style else ""
        self._document.outline.append((event.value, event.anchor or "", event.tag or "", quoted))
        if event.start_mark.index < event.end_mark.index:
            self._document.scalars.append(
                Scalar(
                    number=number,
                    start=event.start_mark.index,
                    end=event.end_mark.index,
                    value=event.value,
                    style=event.style or "",
                    tag=event.tag or "",
                    role=role,
                    flow=level is not None and level.flow,
                    mapping=level.mapping if level else None,
                )
            )
        self._leave_node(event.value)

    def _leave_node(self, value: str | None) -> None:
        """Go on after a node: in a mapping keys and values take turns."""
        if not self._open:
            return
        level = self._open[-1]
        if level.is_mapping:
            level.key = value if level.at_key else None
            level.at_key = not level.at_key
