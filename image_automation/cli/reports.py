"""The report of an ImageUpdateAutomation for people: a table of places."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from image_automation.cli import output

if TYPE_CHECKING:
    from image_automation.report import Report

_HEADER = ("PLACE", "POLICY", "STATE", "MESSAGE")


def show(found: "Report", *, untold: bool, outdated: str = "") -> None:
    """Print every place of a report, and how many more there are.

    `untold` is a push that the status does not know, `outdated` says why the report may not be of the last run.
    """
    from gotk.git import errors as git  # noqa: PLC0415 - `--help` needs no rooms
    from image_automation import report_status  # noqa: PLC0415 - nor this

    rows = list(_rows(found, "pushing" if untold else "pushed"))
    if rows:
        output.table(_HEADER, rows)
    else:
        output.success("nothing was pushed, waits, is held back or is ignored")
    if outdated:
        output.warning(git.printable(outdated))
    if failing := report_status.failing(found):
        output.warning(git.printable(failing))
    for number, what in _left_out(found):
        output.warning(f"{number} more {what} than an object has room to list")


def _rows(found: "Report", pushed: str) -> Iterator[list[str]]:
    from gotk.git import errors as git  # noqa: PLC0415 - `--help` needs no rooms
    from image_automation import report_status  # noqa: PLC0415 - nor this

    def row(place: str, setter: str, state: str, message: str) -> list[str]:
        return [git.printable(cell) for cell in (place, setter, state, message)]

    if found.frozen is not None:
        yield row("", "", "frozen", found.frozen.message)
    for held in found.held:
        message = f"{held.old} stays, not {held.new}: {report_status.held_cause(held)}"
        yield row(f"{held.path}:{held.line}", held.setter, "waits" if held.waits else "held", message)
    for ignored in found.ignored:
        place = f"{ignored.path}:{ignored.line}" if ignored.line else ignored.path
        yield row(place, ignored.setter, "ignored", ignored.cause)
    if found.push is not None:
        where = f"commit {found.push.commit[:7]} on {found.push.branch}"
        for change in found.push.changes:
            old = change.old or '""'
            message = f"{old} -> {change.new}: {where}"
            yield row(f"{change.path}:{change.line}", change.setter, pushed, message)
    for each in found.pull_requests:
        state = "draft" if each.draft else "proposed" if each.number else "unproposed"
        message = ": ".join(filter(None, (" ".join(filter(None, (each.title, each.url))), each.note)))
        yield row(f"#{each.number} {each.branch}" if each.number else each.branch, each.scope, state, message)


def _left_out(found: "Report") -> Iterator[tuple[int, str]]:
    if found.left_out is not None:
        yield from (
            (number, what)
            for number, what in (
                (found.left_out.held, "places are held back"),
                (found.left_out.ignored, "markers or files have no effect"),
            )
            if number
        )
    if found.push is not None and found.push.left_out:
        yield found.push.left_out, "values were pushed"
