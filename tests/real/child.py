"""Real servers as children of a test: found on the path, started on a free port, waited for, stopped by pid."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_START_SECONDS = 15.0
_SYSTEM_DIRECTORIES = "/usr/sbin:/usr/local/sbin:/sbin:/usr/lib/git-core"


def program(name: str) -> str:
    """Return the program's absolute path, or skip the test where it is not installed."""
    found = shutil.which(name) or shutil.which(name, path=_SYSTEM_DIRECTORIES)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], *, log: Path, port: int | None = None, path: Path | None = None) -> Iterator[int]:
    """Run a server until the block ends; it counts as started when its port answers, or its socket's path exists."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _listens(port, path):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{command[0]} did not start:\n{log.read_text()}")
            time.sleep(0.02)
        yield process.pid
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop the server and the workers that it forked: they are a process group of their own."""
    for number, seconds in ((signal.SIGTERM, 10.0), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            continue
        return


def _listens(port: int | None, path: Path | None) -> bool:
    if path is not None:
        return path.exists()
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port or 0)) == 0
