"""A plan for people: terraform's signs, the places, a diff, and one line that sums it up."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import click

from gotk.git import errors as git
from gotk.runtime.clock import parse_rfc3339
from image_automation.app.oneshot.record import Bump, Held, Loose, Plan
from image_automation.cli import diff, output

_SHORT = 12
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
    if plan.bumps or plan.held:
        output.text("")
    remarks(plan)
    output.text(plan.total)


def remarks(plan: Plan) -> None:
    """Say what a plan leaves out, and why."""
    for note in plan.notes:
        output.action(git.printable(note))
    for loose in plan.unresolved:
        output.warning(git.printable(f"{loose.path}:{loose.line}: unresolved marker '{loose.setter}': {loose.cause}"))
    for loose in plan.problems:
        output.warning(git.printable(f"{_where(loose)}: {loose.cause}"))
    for error in plan.errors:
        output.failure(git.printable(error))


def _bump(bump: Bump, now: datetime, *, coloured: bool) -> Iterator[str]:
    aside = ", ".join(filter(None, (bump.level, _seen(bump.first_seen, now))))
    sign = click.style("~", fg="yellow", bold=True) if coloured else "~"
    old, new = git.printable(bump.old) or '""', git.printable(bump.new) or '""'
    if coloured:
        old, new = click.style(old, fg="red"), click.style(new, fg="green")
    yield f"{sign} {_name(bump.policy)}: {old} -> {new}" + (f" ({aside})" if aside else "")
    for place in bump.places:
        yield f"    {git.printable(f'{place.path}:{place.line}')}" + (
            f"  {git.printable(place.object)}" if place.object else ""
        )


def _held(held: Held, *, coloured: bool) -> str:
    sign = click.style("!", fg="magenta", bold=True) if coloured else "!"
    why = f"commit {held.commit[:_SHORT]} by {held.by} took it back"
    why += f", for the {held.flips}. time within a day" if held.flips else ""
    return f"{sign} " + git.printable(f"{held.path}:{held.line}: {held.old} stays, not {held.new}: {why}")


def _age(since: timedelta) -> str:
    """Write how long ago something was in its greatest unit."""
    seconds = max(int(since.total_seconds()), 0)
    return next((f"{seconds // size}{unit}" for size, unit in _UNITS if seconds >= size), f"{seconds}s")


def _name(policy: str) -> str:
    return git.printable(policy.partition("/")[2])


def _seen(moment: str, now: datetime) -> str:
    return f"first seen {_age(now - parse_rfc3339(moment))} ago" if moment else ""


def _where(loose: Loose) -> str:
    return f"{loose.path}:{loose.line}" if loose.line else loose.path
