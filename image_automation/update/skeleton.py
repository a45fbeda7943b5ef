"""A marked document as most are written, read line by line: block mappings and sequences of values of one line.

A parser's events cost an object each, and those of marked files as much as everything else of a first run. Here every
line must have one of a few shapes and stand as deep as the lines above allow, or else there is no skeleton and the
document is parsed. Nothing that was read so is believed before the parser, which counts in C what it finds, came to the
same number of nodes; `scalars` are those on the lines with markers and on the lines after one alone, which is all
that `spans` asks for, and of mappings only what names their object is known.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from image_automation.update import events, marker, quoting
from image_automation.update.edits import Edit

#: Longer documents are parsed, and deeper ones: a line costs more memory here than a node does there.
_LONGEST: Final = 1 << 16
_DEEPEST: Final = 100

# What is none of the characters that one line of a plain value or of a comment may consist of, or is a line break.
_ODD = re.compile("[\x80-\x9f\u2028\u2029\ufeff]")
# The entries of one mapping, or of the mappings in one sequence, often follow each other in lines of the plainest kind:
# what has neither a comment nor a marker in it, and names no object.
_PLAINEST: Final = r"""
    (?:(?:[^\n ,\[\]{}\#&*!|>'"%@`?:$-]|-(?=[^ \n\#$]))[^\n:\#$]*+(?::(?=[^ \n])[^\n:\#$]*+)*
        |'[^'\n\#$]*+'(?=[ \n])
        |"[^"\\\n\#$]*+"(?=[ \n])
    )\ *+\n"""
_ENTRY: Final = rf"[A-Za-z0-9_/][A-Za-z0-9_./@+~-]{{0,200}}+:\ ++{_PLAINEST}"
# Every line, with such lines after it, is one match: what is in none of the shapes is its `rest`, so the first way
# through the groups is taken and no line tried in more than two ways. A plain value ends at ` #` and never holds `: `,
# as in YAML.
_ROW = re.compile(
    rf"""(?P<indent>\ *+)
    (?P<dashes>(?:-\ ++)+)?
    (?:(?P<key>[A-Za-z0-9_/$][A-Za-z0-9_./$@+~-]{{0,200}}+):(?=[ \n])\ *+)?
    (?P<value>
        (?:[^\n ,\[\]{{}}\#&*!|>'"%@`?:-]|-(?=[^ \n]))[^\n:#]*+(?:(?::(?=[^ \n])|(?<=[^ ])\#)[^\n:#]*+)*
        |'[^'\n]*+(?:''[^'\n]*+)*'(?=[ \n])
        |"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*"(?=[ \n])
        |[\[{{][^\n#]*+
        |[|>][+-]?(?=\ *+\n)
    )?\ *+
    (?:(?P<comment>\#)[^\n]*+)?
    (?P<rest>[^\n]*+)\n
    (?P<more>(?(key)(?(value)(?(dashes)
        (?:(?P=indent)(?:-\ |\ \ )(?!apiVersion:|kind:|metadata:){_ENTRY})*
        |(?:(?P=indent)(?!apiVersion:|kind:|metadata:|name:|namespace:){_ENTRY})*
    ))))""",
    re.VERBOSE,
)
_OBJECT: Final = frozenset({"apiVersion", "kind"})
_NAMES: Final = frozenset({"name", "namespace"})
_METADATA: Final = "metadata"
_NAMING: Final = _OBJECT | _NAMES | {_METADATA}
_QUOTES: Final = ("'", '"')
#: How values begin that are no scalars of one line.
_UNLIKE: Final = ("[", "{", "|", ">")


class Doubtful(Exception):
    """The parser found something else than was read line by line."""


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A document's text, the scalars beside its markers, and how many nodes it must have if it was read rightly."""

    text: str
    scalars: list[events.Scalar]
    nodes: int

    def confirm(self, result: str, edits: Collection[Edit]) -> None:
        """Ask the parser about the text with edits, or without any, and read their lines again. Raises Doubtful.

        Every other line is the same, and so is what it means: an edited value begins and ends on its line.
        """
        if events.count(result) != self.nodes:
            raise Doubtful
        text, grown = _ended(result), 0
        for edit in sorted(edits, key=lambda edit: edit.start):
            start = edit.start + grown
            row = _ROW.match(text, text.rfind("\n", 0, start) + 1)
            if row is None or row["rest"] or row.start("value") != start or row["value"].rstrip(" ") != edit.new:
                raise Doubtful
            if "\\" in edit.new or _read(edit.new) != edit.value:
                raise Doubtful
            if edit.new[0] not in _QUOTES and not quoting.reads_as_text(edit.value):
                raise Doubtful
            grown += len(edit.new) - (edit.end - edit.start)


def read(text: str, most: int) -> Skeleton | None:
    """Read a document of up to so many nodes; None where a line is in no shape that is known here, or out of place."""
    if len(text) > _LONGEST or "\t" in text or "\r" in text or not (text.isascii() or _ODD.search(text) is None):
        return None
    reader = _Reader(_ended(text))
    try:
        reader.read()
    except _Unusual:
        return None
    return Skeleton(text, reader.scalars, reader.nodes) if reader.nodes <= most else None


class _Unusual(Exception):
    """A line in no shape that is known here, or not where it may be."""


class _Reader:
    """Goes from line to line, and holds which block collections are open.

    Of each is known how deep it stands, twice its column and one more for a sequence, which may stand in the column of
    the mapping around it; the last key, of a mapping; and its Mapping, made where it is asked for. Around all stands
    one that is none.
    """

    def __init__(self, text: str) -> None:
        self.nodes = 1
        self.scalars: list[events.Scalar] = []
        self._text = text
        self._near = _near(text)
        self._depths, self._keys = [-1], [""]
        self._mappings: list[events.Mapping | None] = [None]
        self._awaiting = True  # whether the innermost mapping's last key has no value yet
        self._block, self._margin = -1, 0  # the column that a block scalar's lines are deeper than, and their own

    def read(self) -> None:
        """Go over all lines. Raises _Unusual."""
        near, naming, unlike = self._near, _NAMING, _UNLIKE
        depths, keys, mappings = self._depths, self._keys, self._mappings
        nodes, following = 0, 0
        for indent, dashes, key, value, comment, rest, more in _ROW.findall(self._text):
            number = following
            following += 1 + more.count("\n") if more else 1
            if self._block >= 0 and self._within(len(indent), number, bool(dashes or key or value or comment or rest)):
                continue
            if rest or (value and not (key or dashes) and (number or value.rstrip(" ") != "---")):
                raise _Unusual
            if not (key or dashes):
                continue
            depth = 2 * len(indent) + (1 if dashes else 0)
            if dashes == "- " and key and depths[-1] == depth + 3 and depths[-2] == depth and not self._awaiting:
                nodes, mappings[-1] = nodes + 2, None  # a mapping as the item before, in its place
            else:
                if depth != depths[-1] or self._awaiting:
                    self._go_to(depth)
                if dashes:
                    self._enter(len(indent), dashes, is_entry=bool(key))
            if key:
                keys[-1] = key
                nodes += 1
            if (
                value
                and value[0] not in unlike
                and number not in near
                and (key not in naming or (key in _NAMES and keys[-2] != _METADATA))
            ):
                nodes += 1
            else:
                self._put(number, key, value, comment)
            if more:
                nodes += self._more(indent, dashes, value, more)
        self._end()
        self.nodes += nodes

    def _end(self) -> None:
        """Close everything; something must have been open. Raises _Unusual."""
        if len(self._depths) == 1:
            raise _Unusual
        self._go_to(-1)

    def _more(self, indent: str, dashes: str, value: str, more: str) -> int:
        """Return the nodes of the lines after one whose entries stand where its own does. Raises _Unusual."""
        if value[0] in "|>" or (dashes and dashes != "- "):
            raise _Unusual
        items = f"\n{more}".count(f"\n{indent}- ") if dashes else 0
        if items:
            self._mappings[-1] = None
        return 2 * (more.count("\n") + items)

    def _within(self, column: int, number: int, is_text: bool) -> bool:
        """Tell whether a line is one of the block scalar above it; markers are not looked for there."""
        if not is_text:
            if column and not self._margin:
                raise _Unusual
            return True
        if column <= self._block:
            self._block = -1
            if number in self._near:
                raise _Unusual
            return False
        self._margin = self._margin or column
        if column < self._margin or number in self._near:
            raise _Unusual
        return True

    def _go_to(self, depth: int) -> None:
        """Close what is deeper, and open what is to stand there; what has no value is null."""
        depths = self._depths
        while depth < depths[-1]:
            if self._awaiting:
                self._fill("")
            del depths[-1], self._keys[-1], self._mappings[-1]
        if depth > depths[-1]:
            if not self._awaiting:
                raise _Unusual
            self._open(depth)
        elif self._awaiting:
            self._fill("")

    def _enter(self, column: int, dashes: str, *, is_entry: bool) -> None:
        """Open what stands in an item: sequences by the dashes after the first, and a mapping by a key."""
        inner = dashes.find("-", 1)
        while inner > 0:
            self._open(2 * (column + inner) + 1)
            inner = dashes.find("-", inner + 1)
        if is_entry:
            self._open(2 * (column + len(dashes)))

    def _open(self, depth: int) -> None:
        if len(self._depths) > _DEEPEST:
            raise _Unusual
        self._awaiting = False
        self.nodes += 2
        self._depths.append(depth)
        self._keys.append("")
        self._mappings.append(None)
        if self._keys[-2] == _METADATA:
            self._mapping(len(self._depths) - 1)

    def _put(self, number: int, key: str, value: str, comment: str) -> None:
        """Take a line's value where it is none of the usual, or where it is of interest."""
        start = self._near.get(number)
        if start is not None:
            self._take(start)
        if not value:
            if not key:
                raise _Unusual
            self._awaiting = True
        elif value[0] not in _UNLIKE:
            self._fill(value)
        elif start is not None or key in _NAMING:
            raise _Unusual
        elif value[0] in "|>":
            self.nodes += 1
            self._block, self._margin = self._depths[-1] // 2, 0
        elif value.count("[") + value.count("{") > _DEEPEST:  # they may stand within each other, and have a limit
            raise _Unusual
        else:
            nodes = events.count(value.rstrip(" ")) - 1
            if nodes < 2 or (comment and value[-1] != " "):
                raise _Unusual
            self.nodes += nodes

    def _fill(self, value: str) -> None:
        """Take a scalar as the next value; of an object's names it is remembered."""
        self.nodes += 1
        self._awaiting = False
        key = self._keys[-1]
        if key in _OBJECT or (key in _NAMES and self._keys[-2] == _METADATA):
            mapping = self._mapping(len(self._depths) - 1)
            assert mapping is not None
            mapping.entries[key] = _read(value)

    def _mapping(self, level: int) -> events.Mapping | None:
        """Return the Mapping of an open collection, or of the one around a sequence; None where there is none."""
        if not level:
            return None
        if self._depths[level] % 2:
            return self._mapping(level - 1)
        found = self._mappings[level]
        if found is None:
            above, key = self._mapping(level - 1), self._keys[level - 1]
            found = self._mappings[level] = events.Mapping(above, key)
            if above is not None and key:
                above.children[key] = found
        return found

    def _take(self, start: int) -> None:
        """Take the scalars of the line that starts at a position."""
        row = _ROW.match(self._text, start)
        assert row is not None
        mapping = self._mapping(len(self._depths) - 1)
        number, key = len(self.scalars), row["key"]
        if key:
            self.scalars.append(
                events.Scalar(number, *row.span("key"), key, "", "", "key", flow=False, mapping=mapping)
            )
        if value := (row["value"] or "").rstrip(" "):
            if not value.isprintable():  # an edit would replace what the parser refuses
                raise _Unusual
            begin, style, role = row.start("value"), value[0] if value[0] in _QUOTES else "", "value" if key else "item"
            span = (begin, begin + len(value))
            self.scalars.append(
                events.Scalar(number + 1, *span, _read(value), style, "", role, flow=False, mapping=mapping)
            )


def _ended(text: str) -> str:
    """Let the last line end as the others do."""
    return text if text.endswith("\n") else f"{text}\n"


def _near(text: str) -> dict[int, int]:
    """Return the numbers of the lines with markers, and of those after a marker alone, and where each starts."""
    near: dict[int, int] = {}
    number = counted = 0
    position = marker.candidate(text)
    while position >= 0:
        start = text.rfind("\n", 0, position) + 1
        number, counted = number + text.count("\n", counted, start), start
        near[number] = start
        end = text.find("\n", position) + 1
        if not end:
            break
        if text[start:end].lstrip(" ").startswith("#"):
            near[number + 1] = end
        position = marker.candidate(text, end)
    return near


def _read(value: str) -> str:
    """Return what a scalar of one line means. Raises _Unusual where that takes more than a look."""
    value = value.rstrip(" ")
    if value[:1] == '"':
        if "\\" in value:
            raise _Unusual
        return value[1:-1]
    return value[1:-1].replace("''", "'") if value[:1] == "'" else value
