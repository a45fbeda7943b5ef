"""What the command line says: progress to stderr behind flux's glyphs, results to stdout.

Answers to `flux2/internal/utils` (print logger) and its table printer: upper-case headers, cells padded to the widest,
one tab between them, a tab at the end of rows but not of the header.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click


class Failure(click.ClickException):
    """An error for the user: one line behind `✗`, and exit code 1."""

    def show(self, file: Any = None) -> None:
        """Print the error."""
        del file
        failure(self.format_message())


def progress(text: str) -> None:
    """Say how far it is in words of another program, which has no glyphs."""
    click.echo(text, err=True)


def action(text: str) -> None:
    """Say what is being done."""
    click.echo(f"► {text}", err=True)


def generating(text: str) -> None:
    """Say what is being made up, before anything is asked for."""
    click.echo(f"✚ {text}", err=True)


def waiting(text: str) -> None:
    """Say what is being waited for."""
    click.echo(f"◎ {text}", err=True)


def success(text: str) -> None:
    """Say what was done."""
    click.echo(f"✔ {text}", err=True)


def warning(text: str) -> None:
    """Say what the user should know."""
    click.echo(f"⚠️ {text}", err=True)


def failure(text: str) -> None:
    """Say what went wrong."""
    click.echo(f"✗ {text}", err=True)


def fail(text: str) -> NoReturn:
    """Stop with an error."""
    raise Failure(text)


def confirmed(question: str) -> bool:
    """Ask on stderr; nobody's answer is no."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)
        return False


def coloured() -> bool:
    """Tell whether stdout wants colours: a terminal, and no NO_COLOR."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def text(value: str) -> None:
    """Print a result."""
    click.echo(value)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, with_header: bool = True) -> None:
    """Print rows under a header as flux does; on a terminal long cells in the last column do not widen the others."""
    title = [name.upper() for name in header]
    lines = [title, *rows] if with_header else list(rows)
    widths = [max(len(line[index]) for line in lines) for index in range(len(title))] if lines else []
    if widths and sys.stdout.isatty():
        widths[-1] = 0
    if with_header:
        click.echo("\t".join(cell.ljust(width) for cell, width in zip(title, widths, strict=True)))
    for row in rows:
        click.echo("\t".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + "\t")
