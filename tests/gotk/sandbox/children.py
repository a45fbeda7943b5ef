"""Confined children for the tests: this interpreter, told to enclose itself and then to try one thing."""

import os
import subprocess
import textwrap
from collections.abc import Sequence

import pytest

from gotk import process
from gotk.sandbox import landlock, walls

MEMORY = 256 << 20

needs_walls = pytest.mark.skipif(
    not walls.inspect().stand, reason=f"this machine lacks a wall: {'; '.join(walls.inspect().causes)}"
)
needs_landlock = pytest.mark.skipif(not landlock.abi(), reason="the kernel has no Landlock")

#: Root keeps its uid and loses its capabilities; an ordinary user never had any.
USERS = ("root", "nobody") if os.getuid() == 0 else ("self",)
_NOBODY = "os.setgroups([]); os.setgid(65534); os.setuid(65534)"


def tried(code: str, *, user: str = USERS[0], before: str = "", after: str = "", **confinement: object) -> str:
    """Return what a child prints: the name of the error that `code` ends in, or `done` and what it left in `found`."""
    given = {"memory": MEMORY, "cpu_seconds": 5, **confinement}
    script = f"""
import ctypes, json, mmap, os, signal, socket, sys, threading, time
from gotk.sandbox import landlock, enclosure
from gotk.sandbox.confinement import Confinement
found = ""
{textwrap.dedent(before)}
{_NOBODY if user == "nobody" else ""}
Confinement(**{given!r}).enclose()
try:
{textwrap.indent(textwrap.dedent(code), "    ")}
    said = f"done {{found}}"
except BaseException as error:
    said = type(error).__name__
sys.stdout.write(said)
sys.stdout.flush()
os._exit(0)
"""
    ended = run(["-c", script])
    return ended.stdout or f"ended {ended.returncode}: {ended.stderr[-2000:]}"


def run(arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    python, *_ = process.interpreter("x")
    return subprocess.run(
        [python, "-P", *arguments],
        env=process.environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
