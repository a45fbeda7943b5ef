"""`apply`: a plan carried out to the letter, or not at all when what it was made of has moved."""

from pathlib import Path
from typing import Any

import click

from gotk.duration import Duration
from image_automation.cli import checkout, output
from image_automation.cli import cluster as clusters
from image_automation.cli.verbs import plan as plans

_MOST = 20


def _apply(file: Path, path: Path, *, timeout: Duration, **options: Any) -> int:
    """Carry out a plan that `plan --out FILE` made.

    PATH is the checkout. The plan is made again; when a file that it was made from, or a policy's choice, is another
    one now, nothing is written and what moved is named. Otherwise the work tree gets exactly the planned files.
    """
    from image_automation.oneshot import record  # noqa: PLC0415 - heavy imports wait
    from image_automation.writing import folder  # noqa: PLC0415

    try:
        saved = record.decode(file.read_bytes())
    except OSError as error:
        output.fail(f"'{file}': {error.strerror}")
    except record.PlanError as error:
        output.fail(f"'{file}': {error}")
    options["automations"] = saved.automations
    request = checkout.request(_root(path) / saved.scope, saved.namespace, options)
    planned = checkout.run(plans.make(request, timeout.seconds))
    if planned.plan.errors:
        output.fail("\n✗ ".join(planned.plan.errors[:_MOST]))
    if moved := list(record.moved(saved, planned.plan)):
        for line in moved[:_MOST]:
            output.failure(line)
        output.fail("nothing was written, because this moved since the plan was made: plan again")
    try:
        folder.replace_all(planned.chosen.root, planned.drafted.edits, planned.drafted.before)
    except OSError as error:
        output.fail(f"'{error.filename}': {error.strerror}; nothing was written")
    output.success(f"applied: {_done(saved)}" if saved.bumps else "nothing to apply")
    return 0


def _root(path: Path) -> Path:
    from gotk.git.objects import clone  # noqa: PLC0415

    if not path.is_dir():
        output.fail(f"there is no folder '{path}'")
    found = clone.discover(path)
    return found.root if found else path


def _done(saved: Any) -> str:
    return str(saved.total).removeprefix("Plan: ").rstrip(".")


apply = click.Command(
    "apply",
    callback=_apply,
    params=[
        click.Argument(["file"], type=click.Path(path_type=Path, dir_okay=False), metavar="PLAN"),
        click.Argument(["path"], type=click.Path(path_type=Path), default="."),
        click.Option(
            ["--timeout"],
            type=clusters.DurationType(),
            default="5m0s",
            show_default=True,
            help="How long scans may take.",
        ),
        *(option for option in checkout.parameters() if option.name != "automations"),
    ],
    help=_apply.__doc__,
)
