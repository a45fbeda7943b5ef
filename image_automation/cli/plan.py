"""`plan`: what would change in a checkout, and why the rest would not; nothing is written.

Copies terraform's manners: signs and `old -> new`, one sentence in the end, exit code 2 for changes, a plan file that
`apply` carries out to the letter or not at all.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import checkout, output

if TYPE_CHECKING:
    from image_automation.app.oneshot.record import Plan
    from image_automation.app.oneshot.session import Planned, Request

_CHANGES = 2


def _plan(path: Path, *, namespace: str, form: str | None, out: Path | None, **options: Any) -> int:
    """Show what would change.

    Reads ImageRepositories, ImagePolicies, ImageUpdateAutomations and what they refer to from the manifests below PATH,
    scans the registries, lets the policies choose and rewrites the marked values in memory. Exits with 0 when there is
    nothing to change, with 2 when there is, and with 1 when something kept the plan from being whole.
    """
    planned = checkout.run(make(checkout.request(path, namespace, options)))
    return _tell(planned, form, out)


async def make(request: "Request") -> "Planned":
    """Make the plan."""
    from gotk.runtime.clock import SystemClock  # noqa: PLC0415 - heavy imports wait until the options are known
    from image_automation.app.oneshot import session  # noqa: PLC0415

    return session.plan(await session.choose(request, SystemClock()))


def code(plan: "Plan") -> int:
    """Return the exit code that sums a plan up."""
    if plan.errors:
        return 1
    return _CHANGES if plan.bumps else 0


def _tell(planned: "Planned", form: str | None, out: Path | None) -> int:
    from gotk.runtime.clock import SystemClock  # noqa: PLC0415
    from image_automation.app.oneshot import record  # noqa: PLC0415
    from image_automation.cli import planned as printing  # noqa: PLC0415

    plan, drafted = planned.plan, planned.drafted
    if form == "json":
        output.text(record.encode(plan).decode().rstrip())
    else:
        printing.show(plan, drafted.before, drafted.edits, SystemClock().now())
    if out is not None and plan.errors:
        output.failure(f"'{out}' was not written, because the plan is not whole")
    elif out is not None:
        try:
            out.write_bytes(record.encode(plan))
        except OSError as error:
            output.fail(f"'{out}': {error.strerror}")
        output.success(f"wrote {out}: image-automation apply {out}")
    return code(plan)


plan = click.Command(
    "plan",
    callback=_plan,
    params=[
        click.Argument(["path"], type=click.Path(path_type=Path), default="."),
        click.Option(
            ["-n", "--namespace"],
            default="flux-system",
            show_default=True,
            metavar="NAME",
            help="Namespace of manifests that name none.",
        ),
        click.Option(["-o", "--output", "form"], type=click.Choice(["json"]), help="Print as JSON."),
        click.Option(
            ["--out"],
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Write the plan to a file, for `apply`.",
        ),
        *checkout.parameters(),
    ],
    help=_plan.__doc__,
)
