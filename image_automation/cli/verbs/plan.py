"""`plan`: what would change, and why the rest would not; nothing is written.

Copies terraform's manners: signs and `old -> new`, one sentence in the end, exit code 2 for changes, a plan file that
`apply` carries out to the letter or not at all.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from image_automation.cli import checkout, output
from image_automation.cli import cluster as clusters

if TYPE_CHECKING:
    from image_automation.app.settings import Settings
    from image_automation.oneshot.clustered import Seen
    from image_automation.oneshot.record import Plan
    from image_automation.oneshot.session import Planned, Request

_CHANGES = 2


def _plan(
    path: Path | None, *, from_cluster: bool, form: str | None, out: Path | None, strict: bool, **options: Any
) -> int:
    """Show what would change.

    Reads ImageRepositories, ImagePolicies, ImageUpdateAutomations and what they refer to from the manifests below PATH,
    scans the registries, lets the policies choose and rewrites the marked values in memory. With --cluster,
    --kubeconfig or --context it shows what the automations of a namespace would commit with the choices that the
    cluster has made.

    Exits with 0 when there is nothing to change, with 2 when there is, and with 1 when something kept the plan from
    being whole; with --strict also when a marker has no effect.
    """
    from_cluster = from_cluster or bool(options["kubeconfig"] or options["context"])
    cluster = clusters.from_options(options)
    if from_cluster:
        if path is not None or out is not None:
            output.fail("a plan of a cluster takes no PATH and no --out: the service carries it out")
        settings = checkout.settings(options)
        seen = clusters.run(_of_cluster(cluster, options["automations"], settings))
        return _tell(seen.plan, seen.before, seen.after, form, strict=strict)
    planned = checkout.run(make(checkout.request(path or Path(), cluster.namespace, options), cluster.timeout))
    code = _tell(planned.plan, planned.drafted.before, planned.drafted.edits, form, strict=strict)
    if out is not None:
        _write(planned.plan, out)
    return code


async def make(request: "Request", timeout: float) -> "Planned":
    """Make the plan of a checkout."""
    import asyncio  # noqa: PLC0415 - heavy imports wait until the options are known

    from gotk.runtime.clock import SystemClock  # noqa: PLC0415
    from image_automation.oneshot import session  # noqa: PLC0415

    async with asyncio.timeout(timeout):
        chosen = await session.choose(request, SystemClock())
    return session.plan(chosen, SystemClock().now())


async def _of_cluster(cluster: clusters.Cluster, named: tuple[str, ...], settings: "Settings") -> "Seen":
    import asyncio  # noqa: PLC0415 - as above

    from gotk.runtime.clock import SystemClock  # noqa: PLC0415
    from image_automation.oneshot import clustered  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="plan-") as folder:
        async with cluster.connect() as client, asyncio.timeout(cluster.timeout):
            return await clustered.plan(
                client,
                cluster.namespace,
                named=named,
                folder=Path(folder),
                settings=settings,
                clock=SystemClock(),
            )


def _tell(
    plan: "Plan", before: Mapping[str, bytes], after: Mapping[str, bytes], form: str | None, *, strict: bool
) -> int:
    from gotk.runtime.clock import SystemClock  # noqa: PLC0415
    from image_automation.cli import planned as printing  # noqa: PLC0415
    from image_automation.oneshot import record  # noqa: PLC0415

    if form == "json":
        output.text(record.encode(plan).decode().rstrip())
    else:
        printing.show(plan, before, after, SystemClock().now())
    ignored = len(plan.unresolved) + len(plan.problems)
    if plan.errors or (strict and checkout.fail_strictly(ignored)):
        return 1
    return _CHANGES if plan.bumps else 0


def _write(plan: "Plan", out: Path) -> None:
    from image_automation.oneshot import record  # noqa: PLC0415

    if plan.errors:
        output.failure(f"'{out}' was not written, because the plan is not whole")
        return
    try:
        out.write_bytes(record.encode(plan))
    except OSError as error:
        output.fail(f"'{out}': {error.strerror}")
    output.success(f"wrote {out}: image-automation apply {out}")


plan = click.Command(
    "plan",
    callback=_plan,
    params=[
        click.Argument(["path"], type=click.Path(path_type=Path), required=False),
        click.Option(["--cluster", "from_cluster"], is_flag=True, help="Plan for a cluster, not for a checkout."),
        click.Option(["-o", "--output", "form"], type=click.Choice(["json"]), help="Print as JSON."),
        click.Option(
            ["--out"],
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="Write the plan of a checkout to a file, for `apply`.",
        ),
        checkout.strict(),
        *checkout.parameters(),
        *clusters.parameters(),
    ],
    help=_plan.__doc__,
)
