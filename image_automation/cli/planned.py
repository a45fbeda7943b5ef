"""A plan for people: terraform's signs, the places, a diff, and one line that sums it up."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import click

from gotk.git import errors as git
from gotk.runtime.clock import parse_rfc3339
from image_automation import report_status
from image_automation.bumps import Bump
from image_automation.cli import diff, output
from image_automation.oneshot.record import Plan
from image_automation.report import Held, Ignored

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))


def show(plan: Plan, before: Mapping[str, bytes], after: Mapping[str, bytes], now: datetime) -> None:
    """Print a plan; what is no result of it goes to standard error."""
    coloured = output.coloured()
    for bump in plan.bumps:
        output.text("\n".join(_bump(bump, now, coloured=coloured)))
    for held in plan.held:
        output.text(_held(held, coloured=coloured))
    for path in sorted(after):
        output.text("")
        output.text(diff.unified(path, before[path], after[path], coloured=coloured))
    if after and (plan.unresolved or plan.problems):
        output.text("")
    for ignored in (*plan.unresolved, *plan.problems):
        output.text(f"{_sign('?', 'cyan', coloured=coloured)} {unsettled(ignored)}")
    if plan.bumps or plan.held or plan.unresolved or plan.problems:
        output.text("")
    for note in plan.notes:
        output.action(git.printable(note))
    for error in plan.errors:
        output.failure(git.printable(error))
    output.text(plan.total)


def unsettled(ignored: Ignored) -> str:
    """Say on one line why nothing came of a marker or a file."""
    where = f"{ignored.path}:{ignored.line}" if ignored.line else ignored.path
    what = f"marker '{ignored.setter}' is unresolved: " if ignored.setter else ""
    return git.printable(f"{where}: {what}{ignored.cause}")


def _bump(bump: Bump, now: datetime, *, coloured: bool) -> Iterator[str]:
    aside = ", ".join(filter(None, (bump.level, _seen(bump.first_seen, now))))
    sign = _sign("~", "yellow", coloured=coloured)
    old, new = git.printable(bump.old) or '""', git.printable(bump.new) or '""'
    if coloured:
        old, new = click.style(old, fg="red"), click.style(new, fg="green")
    yield f"{sign} {_name(bump.policy)}: {old} -> {new}" + (f" ({aside})" if aside else "")
    for place in bump.places:
        yield f"    {git.printable(f'{place.path}:{place.line}')}" + (
            f"  {git.printable(place.object)}" if place.object else ""
        )


def _held(held: Held, *, coloured: bool) -> str:
    sign = _sign("…" if held.waits else "!", "magenta", coloured=coloured)
    cause = report_status.held_cause(held)
    return f"{sign} " + git.printable(f"{held.path}:{held.line}: {held.old} stays, not {held.new}: {cause}")


def _age(since: timedelta) -> str:
    """Write how long ago something was in its greatest unit."""
    seconds = max(int(since.total_seconds()), 0)
    return next((f"{seconds // size}{unit}" for size, unit in _UNITS if seconds >= size), f"{seconds}s")


def _sign(sign: str, colour: str, *, coloured: bool) -> str:
    return click.style(sign, fg=colour, bold=True) if coloured else sign


def _name(policy: str) -> str:
    return git.printable(policy.partition("/")[2])


def _seen(moment: str, now: datetime) -> str:
    return f"first seen {_age(now - parse_rfc3339(moment))} ago" if moment else ""
