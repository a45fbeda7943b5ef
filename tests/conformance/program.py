"""A real client program as a tester, in a home of its own: clients keep what they learned of a server by address."""

import asyncio
import os
from asyncio import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


class Program:
    #: Where the program is; None where it is not installed.
    path: ClassVar[Path | None]

    def __init__(self, kubeconfig: Path, home: Path) -> None:
        home.mkdir(exist_ok=True)
        self._environment = {
            **os.environ,
            "HOME": str(home),
            "KUBECONFIG": str(kubeconfig),
            "KUBECTL_EXTERNAL_DIFF": "diff -u -N",
        }

    async def start(self, *words: str, editor: str = "") -> subprocess.Process:
        assert self.path is not None
        return await subprocess.create_subprocess_exec(
            self.path,
            *words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self._environment, "KUBE_EDITOR": editor},
        )

    async def run(self, *words: str, stdin: str = "", editor: str = "") -> Said:
        """Run the program to its end."""
        process = await self.start(*words, editor=editor)
        async with asyncio.timeout(60):
            out, err = await process.communicate(stdin.encode())
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())

    async def __call__(self, line: str, *more: str, stdin: str = "", editor: str = "") -> str:
        """Run the program with the words of a line (and then some), expect success, return what it printed."""
        said = await self.run(*line.split(), *more, stdin=stdin, editor=editor)
        assert said.code == 0, f"{self.path} {line}: {said.err or said.out}"
        return said.out

    async def fails(self, line: str, *more: str, stdin: str = "") -> str:
        """Run the program, expect failure, return what it complained of."""
        said = await self.run(*line.split(), *more, stdin=stdin)
        assert said.code != 0, f"{self.path} {line} should have failed: {said.out}"
        return said.err or said.out
