"""YAML in one form only: read within bounds, written so that every reader takes it alike.

What is read here is written anew for kustomize, whose own readers (two versions of go-yaml, and Go's JSON) disagree
with each other and with any other about anchors, tags, merge keys, duplicates and what an unquoted word is. So the
written form has none of these: flow collections as in JSON, and quoted text. An unquoted scalar that some reader takes
for a number, a boolean, a date or nothing is kept as it stood: it names no file, and its reader decides what it is.

Nodes are counted while they are read, an alias for all that it stands for, so that a few bytes never become gigabytes.
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import msgspec
import yaml

#: Deeper configuration is refused: what writes it descends a level at a time.
_LEVELS = 100
#: go-yaml gives up on longer keys.
_LONGEST_KEY = 1000
_TEXT_TAGS = frozenset({"!", "tag:yaml.org,2002:str"})
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "timestamp"))
_COLLECTION_TAGS = frozenset({"!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_WORDS = frozenset(
    word
    for words in ("true", "false", "yes", "no", "on", "off", "y", "n", ".inf", "-.inf", "+.inf", ".nan")
    for word in (words, words.upper(), words.capitalize(), words.replace("inf", "Inf"), words.replace("nan", "NaN"))
)
_NUMBERLIKE = re.compile(r"[-+]?\.?[0-9][0-9a-fA-FxXoObB_.eE+-]*", re.ASCII)
_NUMBER = re.compile(
    r"[-+]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?)", re.ASCII
)
_DATELIKE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t][0-9:.TtZz +-]*)?", re.ASCII)
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


class Unreadable(ValueError):
    """Text that is not taken for configuration. The message names the line and the cause, and quotes no value."""


class Plain(str):
    """An unquoted scalar that some reader takes for something else than text."""

    __slots__ = ()


class Folded(str):
    """A text whose lines were folded (`>`), which kustomize does not always read again as it has written it."""

    __slots__ = ()


class Spelled(Protocol):
    """A value that knows how its text is spelled."""

    def text(self) -> str:
        """Return the text."""


Value: TypeAlias = "dict[str, Value] | list[Value] | str | bool | int | float | Spelled | None"

_MERGE = Plain("<<")


@dataclass(slots=True)
class Budget:
    """How much a build's configuration may still hold."""

    nodes: int = 1_000_000
    size: int = 64 << 20

    def take_node(self, count: int = 1) -> None:
        """Count nodes. Raises Unreadable when there have been too many."""
        self.nodes -= count
        if self.nodes < 0:
            raise Unreadable("the configuration has too many entries, aliases counted for what they stand for")

    def take_size(self, size: int) -> None:
        """Count bytes. Raises Unreadable when there have been too many."""
        self.size -= size
        if self.size < 0:
            raise Unreadable("the configuration has too many bytes")


def is_null(value: Value) -> bool:
    """Tell whether a value is none, for every reader."""
    return value is None or (isinstance(value, Plain) and value in _NULLS)


def as_text(value: Value) -> str | None:
    """Return a value that every reader takes for text where text is wanted, or None."""
    if not isinstance(value, Plain):
        return value if isinstance(value, str) else None
    number = _NUMBER.fullmatch(value.replace("_", ""))
    return None if number or value in _NULLS or value in _WORDS else str(value)


def read(data: bytes | str, budget: Budget) -> list[Value]:
    """Read every document, empty ones left out. Raises Unreadable."""
    budget.take_size(len(data))
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
        return [value for value in _documents(text, budget) if not is_null(value)]
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 text at byte {error.start}") from None
    except yaml.MarkedYAMLError as error:
        raise Unreadable(f"line {_line(error.problem_mark)}: {error.problem or 'not YAML'}") from None
    except yaml.YAMLError:
        raise Unreadable("not YAML: a character that YAML does not allow") from None


def read_json(data: bytes, budget: Budget) -> Value:
    """Read JSON, which is what large schemas are written in. Raises Unreadable."""
    budget.take_size(len(data))
    budget.take_node(sum(data.count(mark) for mark in (b",", b"[", b"{")))
    try:
        value: Value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from None
    return value


def check_aliases(data: bytes, *, most: int = 300_000, named: str = "") -> None:
    """Count what the aliases of a manifest stand for, which another program unfolds. Raises Unreadable for too much.

    What is not YAML passes: its reader will say so. `named` is the file in the message.
    """
    if b"&" not in data or b"*" not in data:
        return
    counts: dict[str, int] = {}  # of what is not complete yet, below zero
    begun: list[tuple[str, int]] = []
    total = 0
    with contextlib.suppress(yaml.YAMLError, UnicodeDecodeError):
        for event in yaml.parse(data.decode("utf-8-sig"), Loader=yaml.CSafeLoader):
            match event:
                case yaml.DocumentStartEvent():
                    counts, total = {}, 0
                case yaml.CollectionStartEvent():
                    total += 1
                    begun.append((event.anchor or "", total))
                    counts[event.anchor or ""] = -1
                case yaml.CollectionEndEvent():
                    anchor, before = begun.pop()
                    counts[anchor] = total - before + 1
                case yaml.AliasEvent():
                    total += _unfolded(event, counts)
                case yaml.ScalarEvent():
                    total += 1
                    counts[event.anchor or ""] = 1
            if total > most:
                line = _line(event.start_mark)
                where = f"{named}: line {line}" if named else f"line {line}"
                raise Unreadable(f"{where}: more than {most} entries, aliases counted for what they stand for")


def _unfolded(event: yaml.AliasEvent, counts: Mapping[str, int]) -> int:
    count = counts.get(event.anchor or "", 1)
    if count < 0:
        raise Unreadable(f"line {_line(event.start_mark)}: an alias inside of what it stands for")
    return count


def write(value: Value) -> str:
    """Write a value as one line of JSON-compatible YAML; JSON where nothing in it is Plain."""
    pieces: list[str] = []
    _spell(value, pieces)
    return "".join(pieces)


def write_documents(values: list[Value]) -> str:
    """Write documents that `read` would return."""
    return "\n---\n".join(map(write, values))


def _spell(value: Value, pieces: list[str]) -> None:
    match value:
        case dict():
            pieces.append("{")
            for place, (key, inner) in enumerate(value.items()):
                pieces.append(f"{', ' if place else ''}{_scalar(key)}: ")
                _spell(inner, pieces)
            pieces.append("}")
        case list():
            pieces.append("[")
            for place, inner in enumerate(value):
                if place:
                    pieces.append(", ")
                _spell(inner, pieces)
            pieces.append("]")
        case str():
            pieces.append(_scalar(value))
        case None | bool() | int() | float():
            pieces.append(json.dumps(value))
        case _:
            pieces.append(_quoted(value.text()))


def _scalar(text: str) -> str:
    if not isinstance(text, Plain) or text is _MERGE:
        return _quoted(text)
    return "null" if text in _NULLS else str(text)


def _quoted(text: str) -> str:
    """Quote a text so that JSON and YAML read the same; a surrogate would be neither's."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


@dataclass(slots=True)
class _Open:
    """A collection that has begun."""

    mapping: bool
    anchor: str | None
    line: int
    nodes: int
    levels: int = 1
    values: list[Value] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an alias may stand for, and how much of it there is."""

    value: Value
    nodes: int = 0
    levels: int = 0


class _Reader:
    """One document in the making."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._open: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self.root: Value = None

    def begin(self, event: yaml.CollectionStartEvent) -> None:
        """Begin a collection."""
        if event.tag is not None and event.tag not in _COLLECTION_TAGS:
            raise Unreadable(f"line {_line(event.start_mark)}: the tag {event.tag[:50]!r} is not understood")
        self._check_levels(1, event)
        mapping = isinstance(event, yaml.MappingStartEvent)
        self._open.append(_Open(mapping, event.anchor, _line(event.start_mark), self._budget.nodes))

    def end(self) -> None:
        """End the collection that began last."""
        done = self._open.pop()
        whole = _Anchored(_mapping(done) if done.mapping else done.values, done.nodes - self._budget.nodes, done.levels)
        if done.anchor:
            self._anchors[done.anchor] = whole
        self._add(whole)

    def scalar(self, event: yaml.ScalarEvent) -> None:
        """Take a scalar."""
        whole = _Anchored(_resolved(event))
        if event.anchor:
            self._anchors[event.anchor] = whole
        self._add(whole)

    def alias(self, event: yaml.AliasEvent) -> None:
        """Take what an alias stands for."""
        whole = self._anchors.get(event.anchor or "")
        if whole is None:
            raise Unreadable(f"line {_line(event.start_mark)}: an alias of nothing that is complete")
        self._check_levels(whole.levels, event)
        self._budget.take_node(whole.nodes)
        self._add(whole)

    def _check_levels(self, levels: int, event: yaml.NodeEvent) -> None:
        if len(self._open) + levels > _LEVELS:
            raise Unreadable(f"line {_line(event.start_mark)}: nested deeper than {_LEVELS} levels")

    def _add(self, whole: _Anchored) -> None:
        self._budget.take_node()
        if self._open:
            self._open[-1].values.append(whole.value)
            self._open[-1].levels = max(self._open[-1].levels, whole.levels + 1)
        else:
            self.root = whole.value


def _documents(text: str, budget: Budget) -> Iterator[Value]:
    reader = _Reader(budget)
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        match event:
            case yaml.DocumentStartEvent():
                reader = _Reader(budget)
            case yaml.CollectionStartEvent():
                reader.begin(event)
            case yaml.CollectionEndEvent():
                reader.end()
            case yaml.ScalarEvent():
                reader.scalar(event)
            case yaml.AliasEvent():
                reader.alias(event)
            case yaml.DocumentEndEvent():
                yield reader.root


def _resolved(event: yaml.ScalarEvent) -> str:
    """Return a scalar: text wherever every reader agrees that it is, and where it could be something else, Plain."""
    text, tag = event.value, event.tag
    if tag in _TEXT_TAGS or (tag is None and event.style):
        return Folded(text) if event.style == ">" else text
    if tag is not None and tag not in _PLAIN_TAGS:
        raise Unreadable(f"line {_line(event.start_mark)}: the tag {tag[:50]!r} is not understood")
    if text == _MERGE:
        return _MERGE
    if text in _NULLS or text in _WORDS or _NUMBERLIKE.fullmatch(text) or _DATELIKE.fullmatch(text):
        return Plain(text)
    if tag is not None:
        raise Unreadable(f"line {_line(event.start_mark)}: not what its tag says")
    return text


def _mapping(done: _Open) -> dict[str, Value]:
    """Make a mapping of keys and values in turn; what it says itself wins over what it merges in."""
    own: dict[str, Value] = {}
    merged: dict[str, Value] = {}
    for key, value in zip(done.values[::2], done.values[1::2], strict=True):
        if not isinstance(key, str):
            raise Unreadable(f"line {done.line}: a key that is no text")
        if len(key) > _LONGEST_KEY:
            raise Unreadable(f"line {done.line}: a key of more than {_LONGEST_KEY} characters")
        if key is _MERGE:
            for source in value if isinstance(value, list) else [value]:
                if not isinstance(source, dict):
                    raise Unreadable(f"line {done.line}: '<<' merges mappings only")
                for merged_key, merged_value in source.items():
                    merged.setdefault(merged_key, merged_value)
        elif key in own:
            raise Unreadable(f'line {done.line}: key "{key}" already set')
        else:
            own[key] = value
    return {**{key: value for key, value in merged.items() if key not in own}, **own}


def _line(mark: object) -> int:
    return int(getattr(mark, "line", 0)) + 1
