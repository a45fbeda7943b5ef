"""Flags as flux's own parser (pflag) takes them, where click differs: `--prune=true`, lists with commas, one name.

A value that somebody gave may be a password: no complaint of this module repeats one.
"""

import csv
import itertools
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import click

from image_automation.cli import output


class _Taking(click.Command):
    """Takes `-n=apps` for `-n apps`, and `--prune=true` or `--prune=false` for a switch."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write the arguments as click takes them, then parse."""
        options = [param for param in self.params if isinstance(param, click.Option)]
        switches = {name for option in options if option.is_flag for name in option.opts}
        valued = {name for option in options if not option.is_flag for name in option.opts}
        return super().parse_args(ctx, list(_as_click(args, switches, valued, mixed=ctx.allow_interspersed_args)))


class Command(_Taking):
    """A command whose flags may be written as flux takes them."""


class Group(_Taking, click.Group):
    """A group whose flags may be written as flux takes them: those of its commands may stand before their name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the flags of commands behind the name that follows them, then parse."""
        return super().parse_args(ctx, _behind_name(self, args))


def _behind_name(group: click.Group, args: Sequence[str]) -> list[str]:
    own = {name for param in group.params for name in param.opts}
    below = {name: option.is_flag for option in _options_below(group) for name in option.opts if name not in own}
    moved, rest = list[str](), list(args)
    kept = list[str]()
    while rest and rest[0].startswith("-") and rest[0] != "--":
        arg = rest.pop(0)
        name, equals, _ = arg.partition("=")
        target = moved if name in below else kept
        target.append(arg)
        valued = (name in below and not below[name]) or (name in own and not _is_switch(group, name))
        if valued and not equals and rest:
            target.append(rest.pop(0))
    return [*kept, *rest[:1], *moved, *rest[1:]] if rest else kept


def _options_below(group: click.Group) -> Iterator[click.Option]:
    """Yield the options of the commands below a group."""
    for command in group.commands.values():
        yield from (param for param in command.params if isinstance(param, click.Option))
        if isinstance(command, click.Group):
            yield from _options_below(command)


def _is_switch(group: click.Group, name: str) -> bool:
    return any(isinstance(param, click.Option) and param.is_flag for param in group.params if name in param.opts)


def _as_click(args: Sequence[str], switches: Collection[str], valued: Collection[str], *, mixed: bool) -> Iterator[str]:
    rest = iter(args)
    for arg in rest:
        name, equals, value = arg.partition("=")
        if arg == "--" or not (mixed or arg.startswith("-")):  # what follows is another command's
            yield arg
            yield from rest
        elif arg in valued:  # what follows is its value, whatever it looks like
            yield arg
            yield from itertools.islice(rest, 1)
        elif equals and name in switches:
            if _truth(name, value):
                yield name
        elif equals and name in valued and not name.startswith("--"):
            yield from (name, value)
        else:
            yield arg


def _truth(name: str, value: str) -> bool:
    """Read a boolean as Go does."""
    if value in {"1", "t", "T", "true", "TRUE", "True"}:
        return True
    if value in {"0", "f", "F", "false", "FALSE", "False"}:
        return False
    raise click.UsageError(f"invalid argument for {name}: write true or false")


def switch(*names: str, summary: str, hidden: bool = False) -> click.Option:
    """Return an option that is true when it stands alone."""
    return click.Option(names, is_flag=True, help=summary, hidden=hidden)


def listed(*names: str, summary: str, metavar: str) -> click.Option:
    """Return an option that may be given several times, each time with several values between commas."""
    return click.Option(
        names, multiple=True, metavar=metavar, help=f"{summary} May be repeated, or hold commas.", callback=_split
    )


def text(*names: str, summary: str, metavar: str = "NAME", **settings: Any) -> click.Option:
    """Return an option with a text, empty unless given."""
    return click.Option(names, default="", metavar=metavar, help=summary, **settings)


def secret(*names: str, summary: str) -> click.Option:
    """Return an option with a text that nobody is to see: `-` reads it from stdin, and not from the command line."""
    return click.Option(
        names, default="", metavar="VALUE", help=f"{summary} `-` reads it from stdin.", callback=_from_stdin
    )


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


def _from_stdin(ctx: click.Context, param: click.Parameter, value: str) -> str:
    del ctx
    if value != "-":
        return value
    given = sys.stdin.read().removesuffix("\n")
    if not given:
        output.fail(f"{param.opts[-1]}=- reads stdin, which is empty or was read for another flag")
    return given
