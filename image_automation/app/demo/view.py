"""What the demo shows: a live table on a terminal, plain lines otherwise."""

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

import click
from rich.console import Console, Group
from rich.live import Live
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from image_automation.app.demo.timeline import Reached


class View(Protocol):
    """Where the demo says what happens."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def step(self, text: str) -> None:
        """Say what is being prepared."""
        ...

    def begin(self, title: str, stages: Sequence[str]) -> None:
        """Say what is about to be watched."""
        ...

    def reached(self, reached: Reached, diff: str) -> None:
        """Show a stage, and what it changed in Git."""
        ...

    def line(self, text: str) -> None:
        """Print a line that stays."""
        ...


class Plain:
    """Lines, one per stage; what pipes and CI logs get."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def step(self, text: str) -> None:
        """Say what is being prepared."""
        click.echo(f"► {text}")

    def begin(self, title: str, stages: Sequence[str]) -> None:
        """Say what is about to be watched."""
        del stages
        click.echo(f"\n{title}")

    def reached(self, reached: Reached, diff: str) -> None:
        """Show a stage, and what it changed in Git."""
        click.echo(f"  {reached.seconds:6.2f} s  {reached.stage:<10} {reached.detail}")
        for line in diff.splitlines():
            click.echo(f"            {line}")

    def line(self, text: str) -> None:
        """Print a line that stays."""
        click.echo(text)


class Terminal:
    """A table that fills as the tag travels, with the coloured diff below it."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._live: Live | None = None
        self._title = ""
        self._stages: Sequence[str] = ()
        self._reached: list[Reached] = []
        self._diff = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def step(self, text: str) -> None:
        """Say what is being prepared."""
        self._console.print(Text.assemble(("► ", "cyan"), text))

    def begin(self, title: str, stages: Sequence[str]) -> None:
        """Show the empty table."""
        self._title, self._stages, self._reached, self._diff = title, stages, [], ""
        self._console.print()
        self._console.print(Text(self._title, style="bold"))
        self._live = Live(self._render(), console=self._console, refresh_per_second=12)
        self._live.start()

    def reached(self, reached: Reached, diff: str) -> None:
        """Fill a row."""
        self._reached.append(reached)
        self._diff = diff or self._diff
        if self._live is not None:
            self._live.update(self._render())
            if len(self._reached) == len(self._stages):
                self._stop()

    def line(self, text: str) -> None:
        """Print a line that stays."""
        self._stop()
        self._console.print(Text.from_ansi(text))

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _render(self) -> Group:
        table = Table(box=None, pad_edge=False)
        table.add_column("", width=2)
        table.add_column("stage", style="bold")
        table.add_column("at", justify="right")
        table.add_column("what", overflow="fold")
        for index, stage in enumerate(self._stages):
            if index < len(self._reached):
                reached = self._reached[index]
                table.add_row("[green]✔[/]", stage, f"{reached.seconds:.2f} s", Text(reached.detail))
            else:
                waiting = index == len(self._reached)
                table.add_row(
                    "[yellow]◎[/]" if waiting else "", Text(stage, style="dim" if not waiting else ""), "", ""
                )
        parts: list[Table | Syntax] = [table]
        if self._diff:
            parts.append(Syntax(self._diff, "diff", theme="ansi_dark", background_color="default"))
        return Group(*parts)
