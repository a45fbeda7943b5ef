"""How a report shows in an object's status: conditions of our own, and one event when there is something new.

A condition is there while there is something to say. What was said before is in the object's report, so neither a
restart nor another replica says it again.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from gotk.api import extensions
from gotk.api.image import ImageUpdateAutomation
from gotk.api.meta import ReconcileStatus
from gotk.git import errors as git
from gotk.runtime import conditions
from gotk.runtime.reconciler import Run
from image_automation import report
from image_automation.report import Held, Ignored, Report
from image_automation.update.proposal import QUARANTINED

IGNORED: Final = "MarkersIgnored"
_OURS = frozenset({extensions.MARKERS_RESOLVED, extensions.UPDATES_HELD, extensions.UPDATES_WAITING})
_MOST = 10
_SHORT = 12


def has_some(status: ReconcileStatus) -> bool:
    """Tell whether something is said of an object that may end without a change of its branch or its policies."""
    return any(condition.type in _OURS for condition in status.conditions)


def show(run: Run[Any], before: Report, now: Report) -> None:
    """Word the conditions of a report, and an event for what the report before it had not."""
    _show_ignored(run, before, now)
    _show_held(run, before, now)
    _show_waiting(run, before, now)


def summary(found: Report) -> str:
    """Say in a few words what a report has besides a push, for where people look first; nothing where there is nothing.

    What has no effect is named by its first place, because a misspelt policy looks like a policy without news.
    """
    parts = []
    held, waiting = list(_held(found)), list(_waiting(found))
    if held:
        parts.append(f"{_count(len(held), 'update is', 'updates are')} held back")
    if waiting:
        parts.append(f"{_count(len(waiting), 'update waits', 'updates wait')}: {waiting[0].message}")
    if found.ignored:
        what = _count(len(found.ignored), "marker or file has", "markers or files have")
        parts.append(f"{what} no effect: {ignored_line(found.ignored[0])}")
    parts += _pull_requests(found)
    return "; ".join(parts)


def failing(found: Report) -> str:
    """Say what fails with an update of ours that is not taken back; nothing where nothing does."""
    recovery = found.recovery
    return f"{recovery.failing} fails with an update: {recovery.cause}" if recovery and recovery.cause else ""


def outdated(automation: ImageUpdateAutomation) -> str:
    """Say why an automation's report may be older than what it is read for; nothing where it is of the last run."""
    if automation.spec.suspend:
        return "it is suspended: this is what its last run found"
    ready = next((each for each in automation.status.conditions if each.type == conditions.READY), None)
    if ready is None or ready.status != "False":
        return ""
    return f"its last run failed, and what is listed may be of one before: {ready.message}"


def _pull_requests(found: Report) -> Iterator[str]:
    """Name the pull requests that are open, and the first reason why one is not kept, or not merged."""
    numbers = [f"#{each.number}" for each in found.pull_requests if each.number]
    if numbers:
        more = f" and {len(numbers) - _MOST} more" if len(numbers) > _MOST else ""
        verb = "pull request is" if len(numbers) == 1 else "pull requests are"
        yield f"{len(numbers)} {verb} open: {', '.join(numbers[:_MOST])}{more}"
    noted = next((each for each in found.pull_requests if each.note), None)
    if noted is not None:
        yield f"#{noted.number}: {noted.note}" if noted.number else noted.note


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def ignored_line(ignored: Ignored) -> str:
    """Say on one line why a marker or a file has no effect."""
    where = f"{ignored.path}:{ignored.line}" if ignored.line else ignored.path
    marker = f"marker '{ignored.setter}': " if ignored.setter else ""
    return git.printable(f"{where}: {marker}{ignored.cause}")


def held_line(held: Held) -> str:
    """Say on one line what is held back, where, and because of whom."""
    yet = " yet" if held.waits else ""
    what = f"policy {held.names.policy}: {held.old} stays, {held.new} is not written{yet}: {held_cause(held)}"
    what += ": something else writes to this place" if held.flips else ""
    return git.printable(f"{held.path}:{held.line}: {what}")


def held_cause(held: Held) -> str:
    """Say what keeps an update: the commit that took it back, or the gate."""
    if held.message or not held.commit:
        return held.message
    if held.kind == QUARANTINED:
        return f"commit {held.commit[:_SHORT]} took it back, as {held.by} failed with it"
    cause = f"commit {held.commit[:_SHORT]} by {held.by} took it back"
    return f"{cause}, for the {ordinal(held.flips)} time within a day" if held.flips else cause


def ordinal(number: int) -> str:
    """Write a number as English counts: 1st, 2nd, 3rd, 4th, 11th."""
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _show_ignored(run: Run[Any], before: Report, now: Report) -> None:
    if not now.ignored:
        run.conditions.delete(extensions.MARKERS_RESOLVED)
        return
    lines = _lines(map(ignored_line, now.ignored))
    text = _text("no effect:", lines)
    run.conditions.mark_false(extensions.MARKERS_RESOLVED, IGNORED, text)
    if report.news(before.ignored, report.bounded(now).ignored):
        run.log.warning("markers or files without effect", what=lines[:_MOST])
        run.event("Warning", IGNORED, text)


def _show_held(run: Run[Any], before: Report, now: Report) -> None:
    held = list(_held(now))
    if not held:
        run.conditions.delete(extensions.UPDATES_HELD)
        return
    lines = _lines(map(held_line, held))
    text = _text("held until a newer image is chosen:", lines)
    run.conditions.mark_true(extensions.UPDATES_HELD, held[0].kind, text)
    if report.news(_held(before), _held(report.bounded(now))):
        run.log.warning("updates are held back", what=lines[:_MOST])
        run.event("Warning", "UpdatesHeld", text)


def _show_waiting(run: Run[Any], before: Report, now: Report) -> None:
    waiting = list(_waiting(now))
    if not waiting:
        run.conditions.delete(extensions.UPDATES_WAITING)
        return
    lines = _lines(map(held_line, waiting))
    text = _text("not written yet:", lines)
    run.conditions.mark_true(extensions.UPDATES_WAITING, waiting[0].kind, text)
    if report.news(_waiting(before), _waiting(report.bounded(now))):
        run.log.info("updates wait", what=lines[:_MOST])
        run.event("Normal", "UpdatesWaiting", text)


def _held(found: Report) -> Iterator[Held]:
    return (held for held in found.held if not held.waits)


def _waiting(found: Report) -> Iterator[Held]:
    return (held for held in found.held if held.waits)


def _lines(lines: Iterable[str]) -> list[str]:
    return sorted(set(lines))


def _text(title: str, lines: Sequence[str]) -> str:
    more = [f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return "\n".join([title, *lines[:_MOST], *more])
