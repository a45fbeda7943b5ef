"""The real kubectl as a tester: a fresh home per server, since it keeps what it learned about servers by address."""

import asyncio
import os
import shutil
import sys
from asyncio import subprocess
from dataclasses import dataclass
from pathlib import Path

PROGRAM = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


class Kubectl:
    def __init__(self, kubeconfig: Path, home: Path) -> None:
        self._environment = {
            **os.environ,
            "HOME": str(home),
            "KUBECONFIG": str(kubeconfig),
            "KUBECTL_EXTERNAL_DIFF": "diff -u -N",
        }

    async def start(self, *words: str, editor: str = "") -> subprocess.Process:
        assert PROGRAM is not None
        return await subprocess.create_subprocess_exec(
            PROGRAM,
            *words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**self._environment, "KUBE_EDITOR": editor},
        )

    async def run(self, *words: str, stdin: str = "", editor: str = "") -> Said:
        """Run kubectl to its end."""
        process = await self.start(*words, editor=editor)
        async with asyncio.timeout(60):
            out, err = await process.communicate(stdin.encode())
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())

    async def __call__(self, line: str, *more: str, stdin: str = "", editor: str = "") -> str:
        """Run kubectl with the words of a line (and then some), expect success, return what it printed."""
        said = await self.run(*line.split(), *more, stdin=stdin, editor=editor)
        assert said.code == 0, f"kubectl {line}: {said.err or said.out}"
        return said.out

    async def fails(self, line: str, *more: str, stdin: str = "") -> str:
        """Run kubectl, expect failure, return what it complained of."""
        said = await self.run(*line.split(), *more, stdin=stdin)
        assert said.code != 0, f"kubectl {line} should have failed: {said.out}"
        return said.err or said.out
