"""YAML and JSON of strangers as plain values, read in one pass and in little memory.

Answers to `sigs.k8s.io/yaml` as Helm reads Chart.yaml, values and indexes with it: duplicate keys are an error, what is
meant as text may be spelt as a number or a word, merge keys merge. An index has millions of nodes: values are built
from the parser's events, as a tree of nodes would take thirty times the text.
"""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import yaml

from gotk import documents, nesting

_LEVELS = 100
#: What aliases and merge keys may unfold to, in a text that is not longer.
_NODES = 200_000
_MERGE = "<<"
_TEXT = frozenset({None, "!"})
_TAG = "tag:yaml.org,2002:"
_CORE = frozenset(f"{_TAG}{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp"))


class Unreadable(ValueError):
    """Text that is not what it should be. The message names the place and quotes no value."""


def read(data: bytes, *, strict: bool = True) -> Any:
    """Read one document of YAML or JSON; nothing at all is None. Raises Unreadable.

    Where a key comes twice the last one counts, as with Helm, unless it is to be `strict`.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8: {error.reason} at byte {error.start}") from None
    if text[:1] in "{[" and (found := _json(text)) is not None:
        return found
    try:
        most = max(len(text), _NODES)
        value = _Reader(yaml.parse(text, Loader=yaml.CSafeLoader), strict=strict, most=most).read()
        if "*" in text and "&" in text:
            nesting.check_value(value, levels=_LEVELS, nodes=most)
    except yaml.MarkedYAMLError as error:
        raise Unreadable(f"{_line(error.problem_mark)}: {error.problem or 'not YAML'}") from None
    except yaml.YAMLError as error:
        raise Unreadable(f"not YAML: {type(error).__name__}") from None
    except nesting.TooDeep as error:
        raise Unreadable(str(error)) from None
    return value


def _json(text: str) -> Any:
    """Return what JSON says; None for what is none, and may still be YAML."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    try:
        nesting.check_value(value, levels=_LEVELS, nodes=len(text))
    except nesting.TooDeep as error:
        raise Unreadable(str(error)) from None
    return value


class _Reader:
    """Builds one document's value from the parser's events."""

    def __init__(self, events: Iterator[yaml.Event], *, strict: bool, most: int) -> None:
        """Take the events; `most` is how many nodes all merge keys may copy."""
        self._events = events
        self._strict = strict
        self._most = most
        self._merged = 0
        self._anchors: dict[str, Any] = {}
        self._depth = 0

    def read(self) -> Any:
        """Return the first document; a second one is an error."""
        value, found = None, False
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if found:
                    raise Unreadable(f"{_line(event.start_mark)}: a second document")
                value, found = self._node(next(self._events)), True
        return value

    def _node(self, event: yaml.Event) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
            if event.anchor:
                self._anchors[event.anchor] = value
            return value
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise Unreadable(f"{_line(event.start_mark)}: an alias of nothing")
            return self._anchors[event.anchor]
        _check_tag(event)
        self._depth += 1
        if self._depth > _LEVELS:
            raise Unreadable(f"{_line(event.start_mark)}: nested deeper than {_LEVELS} levels")
        collection = self._mapping(event) if isinstance(event, yaml.MappingStartEvent) else self._sequence(event)
        self._depth -= 1
        return collection

    def _sequence(self, start: Any) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            values.append(self._node(event))
        if start.anchor:
            self._anchors[start.anchor] = values
        return values

    def _mapping(self, start: Any) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: list[dict[str, Any]] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if isinstance(event, yaml.ScalarEvent) and event.value == _MERGE and event.implicit[0]:
                merged += self._maps(self._node(next(self._events)), start)
                continue
            key = _key(self._node(event), event)
            if self._strict and key in values:
                raise Unreadable(f'{_line(event.start_mark)}: key "{key[:100]}" already set')
            values[key] = self._node(next(self._events))
        for each in merged:
            for name, value in each.items():
                values.setdefault(name, value)
        if start.anchor:
            self._anchors[start.anchor] = values
        return values

    def _maps(self, found: Any, start: Any) -> list[dict[str, Any]]:
        """Return the maps that a merge key names, counted before anything is copied out of them."""
        maps = found if isinstance(found, list) else [found]
        self._count(len(maps), start)
        if not all(isinstance(each, dict) for each in maps):
            raise Unreadable(f"{_line(start.start_mark)}: map merge requires map or sequence of maps as the value")
        self._count(sum(len(each) for each in maps), start)
        return maps

    def _count(self, nodes: int, start: Any) -> None:
        self._merged += nodes
        if self._merged > self._most:
            raise Unreadable(f"{_line(start.start_mark)}: merge keys unfold to more than {self._most} nodes")


def _scalar(event: Any) -> Any:
    if event.implicit[0]:
        try:
            return documents.scalar(event.value)
        except documents.DocumentError as error:
            raise Unreadable(f"{_line(event.start_mark)}: {error}") from None
    _check_tag(event)
    if event.tag in _TEXT or event.tag == f"{_TAG}str":
        return event.value
    return documents.scalar(event.value)


def _check_tag(event: Any) -> None:
    if event.tag not in _TEXT and event.tag not in _CORE:
        raise Unreadable(f"{_line(event.start_mark)}: a tag that stands for no plain value")


def _key(value: Any, event: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        raise Unreadable(f"{_line(event.start_mark)}: a key is neither text nor a number")
    return text(value)


def _line(mark: Any) -> str:
    return f"line {mark.line + 1}" if mark else "line 1"


def text(value: Any) -> str:
    """Return what was meant as text, however it was spelt; nothing is empty. Raises Unreadable for a collection."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return json.dumps(value)
    raise Unreadable("is not text")
