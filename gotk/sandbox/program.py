"""Running a confined program to its end: how long it may take, how much it may say.

The program gets a session of its own and is killed with its children however the wait for it ends.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gotk import process as processes

_CHUNK = 1 << 16
_LARGEST_ERROR = 64 << 10
_LARGEST_END = 4 << 10


class TooMuchOutput(Exception):
    """A program that says more than it may."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended and what it said; `status` is a signal's number below zero where one ended it."""

    status: int
    output: bytes = field(repr=False)
    errors: str = field(repr=False)


async def run(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout: float,
    largest_output: int,
    keep: Sequence[int] = (),
) -> Ended:
    """Run a command line to its end, without input; `keep` are descriptors that it gets beside the standard ones.

    Raises TimeoutError, TooMuchOutput, and OSError where it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=cwd,
        env=env,
        start_new_session=True,
        pass_fds=tuple(keep),
    )
    try:
        async with asyncio.timeout(timeout):
            output, errors = await _communicate(process, largest_output)
    finally:
        await _kill(process)
    return Ended(process.returncode or 0, output, errors.decode("utf-8", "replace"))


async def _communicate(process: asyncio.subprocess.Process, largest_output: int) -> tuple[bytes, bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.TaskGroup() as group:
            output = group.create_task(_read_all(process.stdout, largest_output))
            errors = group.create_task(_read_ends(process.stderr))
    except* TooMuchOutput:
        raise TooMuchOutput from None
    await process.wait()
    return output.result(), errors.result()


async def _read_all(stream: asyncio.StreamReader, most: int) -> bytes:
    """Read to the end. Raises TooMuchOutput."""
    body = bytearray()
    while chunk := await stream.read(_CHUNK):
        body += chunk
        if len(body) > most:
            raise TooMuchOutput
    return bytes(body)


async def _read_ends(stream: asyncio.StreamReader) -> bytes:
    """Read to the end, and keep the beginning and the end."""
    beginning, end = bytearray(), bytearray()
    while chunk := await stream.read(_CHUNK):
        room = max(0, _LARGEST_ERROR - len(beginning))
        beginning += chunk[:room]
        end = (end + chunk[room:])[-_LARGEST_END:]
    return bytes(beginning + end)


async def _kill(process: asyncio.subprocess.Process) -> None:
    """End the program and everything it started, however its run ended."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await processes.reap(process)
