"""The options of `run` that end it before the kernel does, for its memory: they count with the gate OOMWatch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from image_automation.app import memory_watch
from image_automation.cli import output
from image_automation.cli.cluster import DurationType

F = TypeVar("F", bound=Callable[..., Any])

_LEAST_SECONDS = 0.05
_FILE = click.Path(path_type=Path, dir_okay=False)
_OPTIONS = (
    click.option(
        "--oom-watch-memory-threshold",
        type=click.IntRange(1, 100),
        default=95,
        show_default=True,
        help="With the gate OOMWatch: end when so many percent of the memory are used.",
    ),
    click.option(
        "--oom-watch-interval", type=DurationType(), default="500ms", show_default=True, help="Look at it so often."
    ),
    click.option(
        "--oom-watch-max-memory-path",
        type=_FILE,
        metavar="FILE",
        help="Where the limit stands.  [default: the cgroup's]",
    ),
    click.option(
        "--oom-watch-current-memory-path",
        type=_FILE,
        metavar="FILE",
        help="Where it stands how much is used.  [default: the cgroup's]",
    ),
)


def memory_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read(options: dict[str, Any], *, watched: bool) -> dict[str, memory_watch.MemoryLimit | None]:
    """Return what the service is to end at, None where nothing watches it; fails with a message."""
    percent, interval = options.pop("oom_watch_memory_threshold"), options.pop("oom_watch_interval")
    limit, usage = options.pop("oom_watch_max_memory_path"), options.pop("oom_watch_current_memory_path")
    if interval.seconds < _LEAST_SECONDS:
        output.fail(f"--oom-watch-interval: {interval} is less than 50ms")
    if not watched:
        return {"memory_limit": None}
    try:
        return {"memory_limit": memory_watch.find(limit, usage, percent=percent, every=interval.seconds)}
    except ValueError as error:
        output.fail(str(error))
