"""What the command line says: progress to stderr behind flux's glyphs, results to stdout.

Answers to `flux2/internal/utils` (print logger) and its table printer: upper-case headers, cells padded to the widest,
one tab between them, a tab at the end of rows but not of the header. A terminal gets columns that fit into its width.
"""

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

import click

_GAP = 2
_INDENT = "    "
#: What the last column of a table must have to stand beside the others.
_NARROW = 30


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
    """Print rows under a header as flux does; on a terminal what does not fit into its width is folded."""
    title = [name.upper() for name in header]
    if sys.stdout.isatty():
        drawn = folded(title, rows, shutil.get_terminal_size().columns)
        click.echo("".join(f"{line}\n" for line in (drawn if with_header else drawn[1:])), nl=False)
        return
    lines = [title, *rows] if with_header else list(rows)
    widths = [max(len(line[index]) for line in lines) for index in range(len(title))] if lines else []
    if with_header:
        click.echo("\t".join(cell.ljust(width) for cell, width in zip(title, widths, strict=True)))
    for row in rows:
        click.echo("\t".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + "\t")


def folded(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return the lines of a table in columns, the last of which is folded between words where it does not fit.

    Where it would have less than 30 columns it stands below its row. Words are never broken: addresses stay whole.
    """
    lines = [header, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(header) - 1)]
    place = sum(widths) + _GAP * len(widths)
    found = []
    for line in lines:
        *others, last = line
        front = "".join(cell.ljust(each + _GAP) for cell, each in zip(others, widths, strict=True))
        if place + len(last) <= width:
            found.append((front + last).rstrip())
        elif width - place >= _NARROW:
            first, *more = _words(last, width - place)
            found += [front + first, *(" " * place + each for each in more)]
        else:
            found += [front.rstrip(), *(_INDENT + each for each in _words(last, width - len(_INDENT)))]
    return found


def _words(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, _NARROW), break_long_words=False, break_on_hyphens=False) or [""]
