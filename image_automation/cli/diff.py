"""Unified diffs for people: coloured on a terminal, and safe to show there."""

import difflib
from collections.abc import Iterator
from typing import Final

import click

_COLOURS: Final = {"+": "green", "-": "red", "@": "cyan"}
_NO_NEWLINE = "\\ No newline at end of file"


def unified(path: str, before: bytes, after: bytes, *, coloured: bool) -> str:
    """Return the diff of two versions of a file, ready to print."""
    old = before.decode(errors="backslashreplace").splitlines(keepends=True)
    new = after.decode(errors="backslashreplace").splitlines(keepends=True)
    lines = difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")
    return "\n".join(_styled(line) if coloured else line for line in _lines(lines))


def printable(text: str) -> str:
    """Return text that does nothing to a terminal: control characters are spelt out, but for tabs."""
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text)


def _lines(diff: Iterator[str]) -> Iterator[str]:
    for line in diff:
        text = line.rstrip("\r\n")
        yield printable(text)
        if line == text:
            yield _NO_NEWLINE


def _styled(line: str) -> str:
    if line.startswith(("--- ", "+++ ")):
        return click.style(line, bold=True)
    colour = _COLOURS.get(line[:1])
    return click.style(line, fg=colour) if colour else line
