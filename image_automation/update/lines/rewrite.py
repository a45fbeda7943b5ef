"""The rewriter for text files that are no YAML: bytes and setters in, bytes and a record of every change out.

A file is read as bytes, whatever its encoding; all that is looked for is ASCII. Before an edit is handed out its result
is read again: the same markers must mark the same places, each with the value that it should have, and nothing beside
those values may differ.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from image_automation.update import screening
from image_automation.update.lines import marks
from image_automation.update.lines.comments import Inert
from image_automation.update.lines.kinds import Kind
from image_automation.update.lines.marks import Marked
from image_automation.update.place import Place
from image_automation.update.result import Change, FileResult, Problem, Unresolved

_HINT: Final = re.compile(rb"imagepolicy", re.IGNORECASE)
_ENCODING: Final = "latin-1"  # a character for each byte, and back
_Found = Sequence[Marked | Inert]


@dataclass(slots=True)
class _Report:
    """What is being learnt about one file; `edits` are the new values by the place they go to."""

    edits: dict[Place, str] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unresolved: list[Unresolved] = field(default_factory=list)
    followed: set[str] = field(default_factory=set)
    current: int = 0


def has_marker(data: bytes) -> bool:
    """Tell whether a file may hold a marker, or what may be meant for one; UTF-16 files included."""
    return screening.is_marked(data) or _HINT.search(data) is not None


def rewrite(path: str, data: bytes, setters: Mapping[str, str], held: Collection[Place], kind: Kind) -> FileResult:
    """Give the marked words of a text file their values. Never raises for what a file may hold.

    `setters` and `held` are what they are to the rewriter of YAML.
    """
    if not has_marker(data):
        return FileResult(path)
    if (problem := screening.refuse_text(data)) is not None:
        return FileResult(path, problems=(problem,) if screening.is_marked(data) else ())
    text, report = data.decode(_ENCODING), _Report()
    found = list(marks.find(text, kind))
    for each in found:
        if isinstance(each, Inert):
            report.problems.append(Problem(each.cause, each.next_step, line=each.number))
        else:
            _decide(report, each, setters, held, kind)
    result = _written(text, found, report.edits)
    if report.edits and not _proven(text, found, result, report.edits, kind):
        cause = "the edit would have changed more than the marked values"
        next_step = "the file is left alone; please report this with the lines around the marker"
        report.problems.append(Problem(cause, next_step, line=report.changes[0].line, level="error"))
        report.changes.clear()
    return FileResult(
        path,
        content=result.encode(_ENCODING) if report.changes else None,
        changes=tuple(report.changes),
        problems=tuple(report.problems),
        unresolved=tuple(report.unresolved),
        followed=frozenset(report.followed),
        current=report.current,
    )


def values(data: bytes, kind: Kind) -> dict[Place, str]:
    """Return every marked value of a text file; of what is left alone there is none."""
    if not has_marker(data) or screening.refuse_text(data) is not None:
        return {}
    found = marks.find(data.decode(_ENCODING), kind)
    return {each.place: each.word.value for each in found if isinstance(each, Marked)}


def _decide(report: _Report, marked: Marked, setters: Mapping[str, str], held: Collection[Place], kind: Kind) -> None:
    old, setter, line, place = marked.word.value, marked.setter, marked.line.number, marked.place
    report.followed.add(setter)
    if (value := setters.get(setter)) is None:
        report.unresolved.append(Unresolved(setter, line))
    elif value == old:
        report.current += 1
    elif place in held:
        return
    elif marked.refuses(value, kind):
        report.problems.append(_unwritable(value, line))
    else:
        report.edits[place] = value
        report.changes.append(Change(setter, old, value, line, place.object, place.keys, place.number, place.kind))


def _unwritable(value: str, line: int) -> Problem:
    """Say that a text file has no way to hold a value that cannot be told from the words around it."""
    cause = (
        f"'{value}' cannot be written here, for nobody could find it again" if value else "there is no value to write"
    )
    return Problem(cause, "let the policy choose a tag or a digest, or take the marker away", line=line)


def _written(text: str, found: _Found, edits: Mapping[Place, str]) -> str:
    """Return the text with each edit in its place."""
    pieces, done = list[str](), 0
    for marked in _values(found):
        start, end = marked.span
        pieces += [text[done:start], edits.get(marked.place, marked.word.value)]
        done = end
    return "".join([*pieces, text[done:]])


def _proven(text: str, found: _Found, result: str, edits: Mapping[Place, str], kind: Kind) -> bool:
    """Read the result: the same markers on the same places, with the values that were meant, and the rest as before."""
    again = list(marks.find(result, kind))
    meant = [(marked.place, edits.get(marked.place, marked.word.value)) for marked in _values(found)]
    return (
        [(marked.place, marked.word.value) for marked in _values(again)] == meant
        and [each for each in again if isinstance(each, Inert)] == [each for each in found if isinstance(each, Inert)]
        and _beside(result, again) == _beside(text, found)
    )


def _beside(text: str, found: _Found) -> list[str]:
    """Return what stands between the marked values."""
    edges = [0, *(edge for marked in _values(found) for edge in marked.span), len(text)]
    return [text[start:end] for start, end in list(pairwise(edges))[::2]]


def _values(found: _Found) -> list[Marked]:
    return [each for each in found if isinstance(each, Marked)]
