"""What `create` says when it is called in this process: for what needs no cluster."""

from dataclasses import dataclass

import pytest

from image_automation.cli import root


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def spec(self) -> list[str]:
        """The lines below `spec:`, without their first indentation."""
        return [line[2:] for line in self.out.partition("\nspec:\n")[2].splitlines()]


def create(capsys: pytest.CaptureFixture[str], *arguments: str) -> Said:
    code = root.run(["create", *arguments])
    captured = capsys.readouterr()
    return Said(code, captured.out, captured.err)


def export(capsys: pytest.CaptureFixture[str], *arguments: str) -> Said:
    """Call `create … --export`, which must succeed."""
    said = create(capsys, *arguments, "--export")
    assert said.code == 0, said.err
    return said


def refuse(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Call `create`, which must end with one line of complaint before it asks for a cluster; return that."""
    said = create(capsys, *arguments)
    assert (said.code, said.out) == (1, "")
    return said.err.splitlines()[-1]
