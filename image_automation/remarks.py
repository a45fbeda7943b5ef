"""What a run leaves behind in an object's status besides Flux's: markers without effect, and updates held back.

Each is a condition of our own that is there while there is something to say, and one event when there is something new.
What was said is read from the condition itself, so neither a restart nor another replica says it again.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from gotk.api import extensions
from gotk.api.meta import ReconcileStatus
from gotk.git import errors as git
from gotk.runtime.reconciler import Run
from image_automation import causes
from image_automation.selection import Selection
from image_automation.update.proposal import Hold
from image_automation.update.result import FileResult
from image_automation.writing import rollback_guard

IGNORED = "MarkersIgnored"
TAKEN_BACK = "TakenBack"
_OURS = frozenset({extensions.MARKERS_RESOLVED, extensions.UPDATES_HELD})
_MOST = 10


def has_some(status: ReconcileStatus) -> bool:
    """Tell whether something is said of an object that may end without a change of its branch or its policies."""
    return any(condition.type in _OURS for condition in status.conditions)


def markers(
    run: Run[Any], namespace: str, files: Iterable[FileResult], selected: Selection, elsewhere: causes.Elsewhere
) -> None:
    """Say which markers and files had no effect."""
    found = sorted(set(_without_effect(namespace, files, selected, elsewhere)))
    if not found:
        run.conditions.delete(extensions.MARKERS_RESOLVED)
        return
    fresh = _fresh(run, extensions.MARKERS_RESOLVED, found)
    text = _text("no effect:", found)
    run.conditions.mark_false(extensions.MARKERS_RESOLVED, IGNORED, text)
    if fresh:
        run.log.warning("markers or files without effect", what=found[:_MOST])
        run.event("Warning", IGNORED, text)


def holds(run: Run[Any], found: Sequence[Hold]) -> None:
    """Say which updates are held back."""
    if not found:
        run.conditions.delete(extensions.UPDATES_HELD)
        return
    lines = sorted({rollback_guard.describe(hold) for hold in found})
    fresh = _fresh(run, extensions.UPDATES_HELD, lines)
    text = _text("held until a newer image is chosen:", lines)
    run.conditions.mark_true(extensions.UPDATES_HELD, TAKEN_BACK, text)
    if fresh:
        run.log.warning("updates are held back", what=lines[:_MOST])
        run.event("Warning", "UpdatesHeld", text)


def _fresh(run: Run[Any], type_: str, lines: Sequence[str]) -> bool:
    """Tell whether one of the lines that are shown was not shown before."""
    before = run.conditions.get(type_)
    return not set(lines[:_MOST]) <= set(before.message.split("\n") if before else ())


def _text(title: str, lines: Sequence[str]) -> str:
    more = [f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return "\n".join([title, *lines[:_MOST], *more])


def _without_effect(
    namespace: str, files: Iterable[FileResult], selected: Selection, elsewhere: causes.Elsewhere
) -> Iterator[str]:
    for file in files:
        for problem in file.problems:
            where = f"{file.path}:{problem.line}" if problem.line else file.path
            yield git.printable(f"{where}: {problem}")
        for each in file.unresolved:
            if (cause := causes.why(each.setter, namespace, selected, elsewhere)) is not None:
                yield git.printable(f"{file.path}:{each.line}: marker '{each.setter}': {cause}")
