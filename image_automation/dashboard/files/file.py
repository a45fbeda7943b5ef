"""`/files/NAMESPACE/NAME/PATH#L12`: one file with its marked values boxed, who wrote each, and what has no effect.

The text is for who has signed in and may get the GitRepository; others see what the objects say: marks and policies.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.source import GitRepository
from gotk.runtime.clock import rfc3339
from image_automation.dashboard import states
from image_automation.dashboard.access import Deed
from image_automation.dashboard.files import checkout
from image_automation.dashboard.page import Look, Missing, Page, Record
from image_automation.dashboard.plans.diffs import printable
from image_automation.dashboard.states import State
from image_automation.marked_files import Mark, Opened
from image_automation.planner import CannotPlanError
from image_automation.report import Held, Ignored
from image_automation.update.result import Change

#: Files of more lines are shown around their marks alone, so many lines before and after each.
_WHOLE: Final = 1500
_AROUND: Final = 4
#: How many marked values of a file are listed, and how many places without effect.
_MOST: Final = 500


class Marking(Record, frozen=True, kw_only=True):
    """A marked value: for which policy, what it would become, why it stays, and who wrote it when."""

    line: int
    setter: str
    value: str
    namespace: str = ""
    policy: str = ""
    new: str = ""
    held: str = ""
    cause: str = ""
    commit: str = ""
    who: str = ""
    when: str = ""


class Line(Record, frozen=True, kw_only=True):
    """A line of the file: the text, and within it from where to where the marked value stands."""

    number: int
    text: str
    start: int = 0
    end: int = 0


class Ineffective(Record, frozen=True, kw_only=True):
    """A marker or file without effect: on which line, and why."""

    cause: str
    line: int = 0


class File(Record, frozen=True, kw_only=True):
    """What the page shows; `note` says why there is no text, `cut` that only lines around the marks are shown.

    `left_out` is how many marked values there are besides.
    """

    state: State
    path: str
    revision: str = ""
    commit: str = ""
    lines: tuple[Line, ...] = ()
    marks: tuple[Marking, ...] = ()
    ignored: tuple[Ineffective, ...] = ()
    cut: bool = False
    left_out: int = 0
    note: str = ""
    problem: str = ""


async def record(look: Look) -> File:
    """Make the record. Raises Missing, and APIError."""
    automation, files = checkout.opened(look)
    path, meta, state = look.place["path"], automation.metadata, states.of(automation)
    try:
        found = await files.open(automation, path)
    except CannotPlanError as error:
        return File(state=state, path=path, problem=str(error))
    if found is None:
        raise Missing(f"the automation {meta.namespace}/{meta.name} keeps no marked file {path}")
    reference = automation.spec.source_ref
    readable = await look.may(Deed("get", GitRepository, reference.namespace or meta.namespace, reference.name))
    lines, cut = _lines(found) if readable else ((), False)
    return File(
        state=state,
        path=path,
        revision=found.revision,
        commit=found.commit,
        lines=lines,
        marks=tuple(_markings(found)),
        ignored=tuple(Ineffective(line=each.line, cause=each.cause) for each in found.ignored[:_MOST]),
        cut=cut,
        left_out=max(0, len(found.marks) - _MOST),
        note="" if readable else "sign in as somebody who may get the GitRepository to see the text",
    )


def _markings(found: Opened) -> Iterator[Marking]:
    changes = {(each.line, each.setter): each for each in reversed(found.changes)}
    held = {(each.line, each.setter): each for each in reversed(found.held)}
    ignored = {each.line: each for each in reversed(found.ignored)}
    for mark in found.marks[:_MOST]:
        place = (mark.line, mark.setter)
        yield _marking(mark, changes.get(place), held.get(place), ignored.get(mark.line))


def _marking(mark: Mark, change: Change | None, held: Held | None, ignored: Ignored | None) -> Marking:
    namespace, policy = (*mark.setter.split(":"), "")[:2]
    writer = mark.writer
    return Marking(
        line=mark.line,
        setter=mark.setter,
        value=mark.value,
        namespace=namespace,
        policy=policy,
        new=change.new if change is not None else held.new if held is not None else "",
        held=(held.message or held.kind) if held is not None else "",
        cause=ignored.cause if ignored is not None else "",
        commit=writer.commit if writer is not None else "",
        who=writer.name if writer is not None else "",
        when=rfc3339(datetime.fromtimestamp(writer.when, UTC)) if writer is not None else "",
    )


def _lines(found: Opened) -> tuple[tuple[Line, ...], bool]:
    """Return the lines to show, and whether others are left out."""
    texts = found.content.decode(errors="backslashreplace").splitlines()
    boxes = dict(_boxes(texts, found.marks))
    wanted: Iterable[int] = range(len(texts))
    if cut := len(texts) > _WHOLE:
        wanted = sorted(_around([*(mark.line for mark in found.marks), *(each.line for each in found.ignored)]))
    shown = [_line(number, texts[number], boxes.get(number)) for number in wanted if number < len(texts)]
    return tuple(shown[:_WHOLE]), cut


def _around(lines: Sequence[int]) -> set[int]:
    return {near for line in lines for near in range(max(0, line - 1 - _AROUND), line + _AROUND)}


def _boxes(texts: Sequence[str], marks: Iterable[Mark]) -> Iterator[tuple[int, str]]:
    """Yield where marked values stand: on the marker's line, or right below it, as items of a list and blocks do."""
    for mark in marks:
        for number in (mark.line - 1, mark.line):
            if number < len(texts) and mark.value and mark.value in texts[number]:
                yield number, mark.value
                break


def _line(number: int, text: str, value: str | None) -> Line:
    start = text.find(value) if value else -1
    if value is None or start < 0:
        return Line(number=number + 1, text=printable(text))
    before, inside = printable(text[:start]), printable(value)
    shown = f"{before}{inside}{printable(text[start + len(value) :])}"
    return Line(number=number + 1, text=shown, start=len(before), end=len(before) + len(inside))


def _title(place: Mapping[str, str]) -> str:
    return place["path"]


PAGE = Page(
    path="/files/{namespace}/{name}/{path:.+}",
    template="file.html",
    title=_title,
    kinds=(ImageUpdateAutomation, ImagePolicy, GitRepository),
    record=record,
    subject=checkout.subject,
)
