"""The rewriter: bytes and setters in, bytes and a record of every change out.

Where Flux parses a file and writes all of it anew, only the marked scalars are replaced here; every other byte stays.
Before an edit is handed out its result is parsed again and compared with the original: exactly the marked scalars may
differ, each must read back as its new value. Otherwise the file is left alone and reported.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from image_automation.update import documents, events, marker, quoting, screening, spans
from image_automation.update.place import Counting, Place
from image_automation.update.result import Change, FileResult, Problem, Unresolved

_HEADER = re.compile(r"(?P<indicator>[|>])(?P<modifiers>[-+0-9]*)(?P<comment>[^\r\n\x85\u2028\u2029]*)")
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_BREAKS = "\r\n\x85\u2028\u2029"


@dataclass(frozen=True, slots=True)
class _Edit:
    """`text[start:end]` of a document becomes `new`; scalar number `number` then reads as `value`."""

    start: int
    end: int
    new: str
    number: int
    value: str


class _Report:
    """What is being learnt about one file."""

    def __init__(self, data: bytes, held: Collection[Place], *, marked: bool) -> None:
        self.data = data
        self.marked = marked
        self.held = held
        self.places = Counting()
        self.current = 0
        self.changes: list[Change] = []
        self.problems: list[Problem] = []
        self.unresolved: list[Unresolved] = []
        self.followed: set[str] = set()
        self.nodes_left = events.NODE_LIMIT - events.MARKER_COST * data.count(marker.NEEDLE)
        self._counted = (0, 1)

    def first_line(self, span: documents.Span) -> int:
        """Return the line on which a document begins; asked from the first document to the last."""
        position, line = self._counted
        line += self.data.count(b"\n", position, span.start)
        self._counted = (span.start, line)
        return line


def rewrite(path: str, data: bytes, setters: Mapping[str, str], held: Collection[Place] = ()) -> FileResult:
    """Give the marked scalars of a file their values. Never raises for what a file may hold.

    `setters` maps a marker's text (`flux-system:nginx:tag`) to the value to write; `held` places keep what they have.
    """
    if not screening.has_marker(data):
        return FileResult(path)
    marked = screening.is_marked(data)
    if (problem := screening.refuse(data)) is not None:
        return FileResult(path, problems=(problem,) if marked else ())
    report = _Report(data, held, marked=marked)
    pieces, done = [], 0
    for span in documents.marked(data):
        try:
            new = _rewrite_document(report, span, setters)
        except events.TooManyNodes:
            return FileResult(path, problems=(_too_many_nodes(),) if marked else ())
        pieces += [data[done : span.start], new]
        done = span.end
    if any(problem.level == "error" for problem in report.problems):
        pieces, report.changes = [], []
    return FileResult(
        path,
        content=b"".join([*pieces, data[done:]]) if report.changes else None,
        changes=tuple(report.changes),
        problems=tuple(report.problems),
        unresolved=tuple(report.unresolved),
        followed=frozenset(report.followed),
        current=report.current,
    )


def _rewrite_document(report: _Report, span: documents.Span, setters: Mapping[str, str]) -> bytes:
    original = report.data[span.start : span.end]
    text = original.decode()
    first_line = report.first_line(span)
    try:
        document = events.read(text, report.nodes_left)
    except events.Unreadable as error:
        if screening.is_marked(original):
            report.problems.append(_unreadable(error, text, first_line))
        return original
    report.nodes_left -= len(document.outline) + events.DOCUMENT_COST
    edits: dict[int, _Edit] = {}
    line, counted = first_line, 0
    for found in spans.find(document):
        line, counted = line + text.count("\n", counted, found.position), found.position
        if isinstance(found, spans.Inert):
            report.problems.append(Problem(found.cause, found.next_step, line=line))
            continue
        if not report.marked:
            report.problems.append(_long_form_alone(found, line))
            continue
        report.followed.add(found.setter)
        place = report.places.name(found)
        if (value := setters.get(found.setter)) is None:
            report.unresolved.append(Unresolved(found.setter, line))
        elif value == found.scalar.value:
            report.current += 1
        elif place not in report.held:
            edits[found.scalar.number] = _edit(text, found.scalar, value)
            change = Change(found.setter, found.scalar.value, value, line, place.object, place.keys, place.number)
            report.changes.append(change)
    if not edits:
        return original
    result = _splice(text, edits)
    if not _proven(document, result, edits):
        cause = "the edit would have changed more than the marked values"
        next_step = "the file is left alone; please report this with the lines around the marker"
        report.problems.append(Problem(cause, next_step, line=first_line, level="error"))
    return result.encode()


def _edit(text: str, scalar: events.Scalar, value: str) -> _Edit:
    start = spans.skip_properties(text, scalar.start)
    if scalar.style in {"|", ">"}:
        return _edit_block(text, start, scalar, value)
    plain_colon = not scalar.flow or ":" in scalar.value
    new = quoting.write(value, style=scalar.style, plain_colon=plain_colon)
    return _Edit(start, scalar.end, new, scalar.number, value)


def _edit_block(text: str, start: int, scalar: events.Scalar, value: str) -> _Edit:
    """Keep header, comment, indentation and the blank lines after it; the content becomes the one line."""
    header = _HEADER.match(text, start, scalar.end)
    assert header is not None
    content = text[header.end() : scalar.end]
    kept = content.rstrip(f" \t{_BREAKS}")
    if not kept or not value or not value.isprintable() or value != value.strip():
        new = quoting.write(value, style="") + header["comment"] + content[len(kept) :]
        return _Edit(start, scalar.end, new, scalar.number, value)
    first = kept.lstrip(f" \t{_BREAKS}")
    indent = _indent(kept[: len(kept) - len(first)], scalar.value)
    blank = content[len(kept) :].lstrip(" \t")
    if any(len(line) > len(indent) for line in _BREAK.split(blank)):
        blank = _first_break(blank)
    digits = "".join(character for character in header["modifiers"] if character.isdigit())
    lead = f"{header['indicator']}{digits}-{header['comment']}{_first_break(content)}"
    return _Edit(start, scalar.end, f"{lead}{indent}{value}{blank}", scalar.number, value)


def _indent(before: str, value: str) -> str:
    """Return the indentation of a block's content: the first line's blanks less those that belong to its value."""
    blanks = _BREAK.split(before)[-1]
    line = value.lstrip("\n")
    return blanks[: len(blanks) - (len(line) - len(line.lstrip(" \t")))]


def _first_break(text: str) -> str:
    match = _BREAK.search(text)
    return match[0] if match else ""


def _splice(text: str, edits: Mapping[int, _Edit]) -> str:
    pieces, done = [], 0
    for edit in sorted(edits.values(), key=lambda edit: edit.start):
        pieces += [text[done : edit.start], edit.new]
        done = edit.end
    return "".join([*pieces, text[done:]])


def _proven(document: events.Document, result: str, edits: Mapping[int, _Edit]) -> bool:
    """Parse the result: the same nodes in the same order, and only the edited ones differ, as meant."""
    try:
        after = events.outline(result)
    except events.Unreadable:
        return False
    before = list(document.outline)
    for number, edit in edits.items():
        if number >= len(after) or not (after[number][-1] or quoting.reads_as_text(edit.value)):
            return False
        _, anchor, tag, _ = before[number]
        before[number] = (edit.value, anchor, tag, after[number][-1])
    return before == after


def _unreadable(error: events.Unreadable, text: str, first_line: int) -> Problem:
    line = first_line + error.line - 1
    if screening.is_helm_template(text):
        return Problem("the file is a Helm template, not YAML", "put the image into the chart's values", line=line)
    return Problem(f"the YAML cannot be read: {error.cause}", "correct the file", line=line, level="error")


def _long_form_alone(found: spans.Marked, line: int) -> Problem:
    cause = 'a marker in its long form, in a file without "$imagepolicy", into which nobody looks'
    return Problem(cause, f'write # {{"$imagepolicy": "{found.setter}"}}', line=line)


def _too_many_nodes() -> Problem:
    most, cost = events.NODE_LIMIT, events.MARKER_COST
    cause = f"the marked documents have more than {most} keys, values and items, markers counted {cost}-fold"
    return Problem(cause, "move the marked values into a smaller file")
