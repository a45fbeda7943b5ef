"""Flags as flux's own parser (pflag) takes them, where click differs: `--prune=true`, lists with commas, one name.

A value that somebody gave may be a password: no complaint of this module repeats one.
"""

import csv
from collections.abc import Sequence
from typing import Any

import click

from image_automation.cli import output


class Command(click.Command):
    """A command whose switches may be given a value behind `=`: `--prune`, `--prune=true`, `--prune=false`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give a bare switch its value, then parse."""
        switches = {name for param in self.params if isinstance(param, Switch) for name in param.opts}
        return super().parse_args(ctx, [f"{arg}=true" if arg in switches else arg for arg in args])


class Switch(click.Option):
    """An option that is true when it stands alone; meant for a `Command`."""

    def __init__(self, names: Sequence[str], *, summary: str, hidden: bool = False) -> None:
        super().__init__(names, type=bool, default=False, help=summary, hidden=hidden, metavar="")


def listed(*names: str, summary: str, metavar: str) -> click.Option:
    """Return an option that may be given several times, each time with several values between commas."""
    return click.Option(
        names, multiple=True, metavar=metavar, help=f"{summary} May be repeated, or hold commas.", callback=_split
    )


def text(*names: str, summary: str, metavar: str = "NAME", **settings: Any) -> click.Option:
    """Return an option with a text, empty unless given."""
    return click.Option(names, default="", metavar=metavar, help=summary, **settings)


def one_name(names: Sequence[str]) -> str:
    """Return the single name that a command was given."""
    if not names:
        output.fail("name is required")
    if len(names) > 1:
        output.fail(f"one name is expected, not {len(names)}: quote values that hold spaces, and put a flag's behind =")
    return names[0]


def _split(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    del ctx, param
    return tuple(each for value in values for each in next(csv.reader([value]), []))
