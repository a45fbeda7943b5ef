"""The options of the embedded control plane, which `control-plane` and `run --embedded` share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from image_automation.app.embedded import Features

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--host",
        default="127.0.0.1",
        metavar="ADDR",
        show_default=True,
        help="Address the control plane listens on; whoever is not known is refused on all of them.",
    ),
    click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the control plane; 0 is any."),
    click.option(
        "--authorization-mode",
        type=click.Choice(["AlwaysAllow", "RBAC"]),
        default="AlwaysAllow",
        show_default=True,
        help="Let every known user do everything, or obey roles and bindings.",
    ),
    click.option("--simulate-workloads", is_flag=True, help="Let workloads seem to run: nothing is really started."),
    click.option(
        "--trace",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Append one JSON line to this file for every request.",
    ),
)
#: The names under which the options arrive.
NAMES = ("host", "port", "authorization_mode", "simulate_workloads", "trace")


def plane_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def features(options: dict[str, Any]) -> "Features":
    """Take the options out of all that a command was given."""
    from image_automation.app.embedded import Features  # noqa: PLC0415 - heavy, and only known options get so far

    return Features(**{name: options.pop(name) for name in NAMES})
