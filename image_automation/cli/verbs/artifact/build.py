"""`build artifact`: the tarball of a folder, as a file."""

import shutil
from pathlib import Path
from typing import Any

import click

from image_automation.cli import output
from image_automation.cli.verbs.artifact import content


def _build(*, target: Path, **options: Any) -> None:
    """Pack a folder or a manifest as an artifact, into a file."""
    output.action(f"building artifact from {options['path']}")
    try:
        with content.packed(options) as made:
            shutil.copyfile(made.file, target)
    except OSError as error:
        output.fail(f"building artifact failed: '{error.filename}': {error.strerror}")
    output.success(f"artifact created at {target}")


artifact = click.Command(
    "artifact",
    callback=_build,
    params=[
        click.Option(
            ["-o", "--output", "target"],
            type=click.Path(path_type=Path, dir_okay=False),
            default=Path("artifact.tgz"),
            show_default=True,
            metavar="FILE",
            help="File to write.",
        ),
        *content.parameters(),
    ],
    help=_build.__doc__,
)
