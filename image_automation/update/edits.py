"""How a marked scalar gets its new value in the text of a document: in its own style, on its own place."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from image_automation.update import events, quoting, spans

_HEADER = re.compile(r"(?P<indicator>[|>])(?P<modifiers>[-+0-9]*)(?P<comment>[^\r\n\x85\u2028\u2029]*)")
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_BREAKS = "\r\n\x85\u2028\u2029"


@dataclass(frozen=True, slots=True)
class Edit:
    """`text[start:end]` of a document becomes `new`; scalar number `number` then reads as `value`."""

    start: int
    end: int
    new: str
    number: int
    value: str


def of(text: str, scalar: events.Scalar, value: str) -> Edit:
    """Say how a scalar of a text gets a value."""
    start = spans.skip_properties(text, scalar.start)
    if scalar.style in {"|", ">"}:
        return _of_block(text, start, scalar, value)
    plain_colon = not scalar.flow or ":" in scalar.value
    new = quoting.write(value, style=scalar.style, plain_colon=plain_colon)
    return Edit(start, scalar.end, new, scalar.number, value)


def splice(text: str, edits: Iterable[Edit]) -> str:
    """Return a text with edits made."""
    pieces, done = [], 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        pieces += [text[done : edit.start], edit.new]
        done = edit.end
    return "".join([*pieces, text[done:]])


def _of_block(text: str, start: int, scalar: events.Scalar, value: str) -> Edit:
    """Keep header, comment, indentation and the blank lines after it; the content becomes the one line."""
    header = _HEADER.match(text, start, scalar.end)
    assert header is not None
    content = text[header.end() : scalar.end]
    kept = content.rstrip(f" \t{_BREAKS}")
    if not kept or not value or not value.isprintable() or value != value.strip():
        new = quoting.write(value, style="") + header["comment"] + content[len(kept) :]
        return Edit(start, scalar.end, new, scalar.number, value)
    first = kept.lstrip(f" \t{_BREAKS}")
    indent = _indent(kept[: len(kept) - len(first)], scalar.value)
    blank = content[len(kept) :].lstrip(" \t")
    if any(len(line) > len(indent) for line in _BREAK.split(blank)):
        blank = _first_break(blank)
    digits = "".join(character for character in header["modifiers"] if character.isdigit())
    lead = f"{header['indicator']}{digits}-{header['comment']}{_first_break(content)}"
    return Edit(start, scalar.end, f"{lead}{indent}{value}{blank}", scalar.number, value)


def _indent(before: str, value: str) -> str:
    """Return the indentation of a block's content: the first line's blanks less those that belong to its value."""
    blanks = _BREAK.split(before)[-1]
    line = value.lstrip("\n")
    return blanks[: len(blanks) - (len(line) - len(line.lstrip(" \t")))]


def _first_break(text: str) -> str:
    match = _BREAK.search(text)
    return match[0] if match else ""
