"""The rewriter: bytes and setters in, bytes and a record of every change out.

Where Flux parses a file and writes all of it anew, only the marked scalars are replaced here; every other byte stays.
Before an edit is handed out its result is parsed again and compared with the original: exactly the marked scalars may
differ, each must read back as its new value. Otherwise the file is left alone and reported. A document that is written
as most are is read line by line (`skeleton`), which the parser has to confirm, or else all of the file is parsed.
"""

from collections.abc import Collection, Mapping

from image_automation.update import documents, edits, events, marker, quoting, screening, skeleton, spans
from image_automation.update.edits import Edit
from image_automation.update.place import Counting, Place
from image_automation.update.result import Change, FileResult, Problem, Unresolved


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
    try:
        return _rewrite(path, data, setters, held, by_lines=True)
    except skeleton.Doubtful:
        return parsed(path, data, setters, held)


def parsed(path: str, data: bytes, setters: Mapping[str, str], held: Collection[Place] = ()) -> FileResult:
    """Do as `rewrite` does by the parser alone: what reading line by line is held to."""
    return _rewrite(path, data, setters, held, by_lines=False)


def _rewrite(
    path: str, data: bytes, setters: Mapping[str, str], held: Collection[Place], *, by_lines: bool
) -> FileResult:
    if not screening.has_marker(data):
        return FileResult(path)
    marked = screening.is_marked(data)
    if (problem := screening.refuse(data)) is not None:
        return FileResult(path, problems=(problem,) if marked else ())
    report = _Report(data, held, marked=marked)
    pieces, done = [], 0
    for span in documents.marked(data):
        try:
            new = _rewrite_document(report, span, setters, by_lines=by_lines)
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


def _rewrite_document(report: _Report, span: documents.Span, setters: Mapping[str, str], *, by_lines: bool) -> bytes:
    original = report.data[span.start : span.end]
    text = original.decode()
    first_line = report.first_line(span)
    document: events.Document | skeleton.Skeleton | None = skeleton.read(text, report.nodes_left) if by_lines else None
    try:
        document = document or events.read(text, report.nodes_left)
    except events.Unreadable as error:
        if screening.is_marked(original):
            report.problems.append(_unreadable(error, text, first_line))
        return original
    report.nodes_left -= document.nodes + events.DOCUMENT_COST
    found = _edits(report, document, setters, first_line)
    result = edits.splice(text, found.values()) if found else text
    if isinstance(document, skeleton.Skeleton):
        document.confirm(result, found.values())
    elif found and not _proven(document, result, found):
        cause = "the edit would have changed more than the marked values"
        next_step = "the file is left alone; please report this with the lines around the marker"
        report.problems.append(Problem(cause, next_step, line=first_line, level="error"))
    return result.encode() if found else original


def _edits(report: _Report, document: spans.Read, setters: Mapping[str, str], first_line: int) -> dict[int, Edit]:
    """Say what changes in a document, by the numbers of its nodes, and report what there is to say of its markers."""
    made: dict[int, Edit] = {}
    line, counted = first_line, 0
    for found in spans.find(document):
        line, counted = line + document.text.count("\n", counted, found.position), found.position
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
            made[found.scalar.number] = edits.of(document.text, found.scalar, value)
            change = Change(found.setter, found.scalar.value, value, line, place.object, place.keys, place.number)
            report.changes.append(change)
    return made


def _proven(document: events.Document, result: str, made: Mapping[int, Edit]) -> bool:
    """Parse the result: the same nodes in the same order, and only the edited ones differ, as meant."""
    try:
        after = events.outline(result)
    except events.Unreadable:
        return False
    before = list(document.outline)
    for number, edit in made.items():
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
