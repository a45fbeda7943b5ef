"""The options of `run` about sources: how large what they fetch may be. Answers to source-controller's flags."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

C = TypeVar("C", bound=Callable[..., Any])

_LIMITS = (
    ("--helm-index-max-size", 50 << 20, "Largest index of a Helm repository."),
    ("--helm-chart-max-size", 10 << 20, "Largest packaged chart."),
)


def source_options(command: C) -> C:
    """Give a command the options."""
    for name, default, text in reversed(_LIMITS):
        command = click.option(
            name, type=click.IntRange(1), default=default, show_default=True, metavar="BYTES", help=text
        )(command)
    return command
