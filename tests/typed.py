"""Verbs as a user types them: each runs in a process of its own, forked from one that has loaded what verbs load.

Most verbs take a tenth of the time that it takes to start an interpreter and to load the program. What they find
(arguments, environment, folder, standard streams) and how they end (exit code) is as if they had been started.
"""

import asyncio
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from image_automation import __main__ as program
from image_automation.cli import root

#: The verbs, and what they load once they know that they need it. The tests' own main module is loaded, too, since each
#: process looks for it.
_LOADED = ["__main__", "image_automation.app.service", __name__, *(module for module, _, _ in root.VERBS.values())]
_FORKING = multiprocessing.get_context("forkserver")
_STREAMS = ("stdin", "stdout", "stderr")


@dataclass(frozen=True)
class Result:
    """How a verb ended, and what it said."""

    code: int
    out: str
    err: str


async def run(*arguments: str, environment: Mapping[str, str], stdin: str = "", together: bool = False) -> Result:
    """Run a verb to its end; where standard streams go `together`, `out` holds what it said on both."""
    with tempfile.TemporaryDirectory() as kept:
        paths = [Path(kept) / name for name in _STREAMS]
        for path in paths:
            path.write_text(stdin if path.name == "stdin" else "")
        streams = [paths[0], paths[1], paths[1] if together else paths[2]]
        _FORKING.set_forkserver_preload(_LOADED)
        process = _FORKING.Process(target=_verb, args=(arguments, dict(environment), Path.cwd(), streams))
        code = await _to_its_end(process)
        return Result(code, *(path.read_text() for path in paths[1:]))


async def _to_its_end(process: BaseProcess) -> int:
    ended = asyncio.Event()
    process.start()
    loop = asyncio.get_running_loop()
    loop.add_reader(process.sentinel, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(process.sentinel)
        if process.exitcode is None:  # the test was cancelled
            process.kill()
        process.join()
    assert process.exitcode is not None
    return process.exitcode


def _verb(arguments: Sequence[str], environment: Mapping[str, str], folder: Path, streams: Sequence[Path]) -> None:
    """Be the program from here on."""
    for number, path in enumerate(streams):
        file = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - they last as long as the process
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["image-automation", *arguments]
    program.main()
