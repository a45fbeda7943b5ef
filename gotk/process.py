"""The one way to start a child interpreter, this program's own code in a process of its own; and how a child is reaped.

Work that blocks, that can grow without bound or that strangers wrote runs beside the service. Such a child gets the
same interpreter and the same import path as its parent, and of the parent's environment only what its caller hands on:
a variable can hold a secret, and a child that works on strangers' bytes has no use for it.
"""

import contextlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

_LONGEST_END = 10.0


def interpreter(module: str, *arguments: str) -> tuple[str, ...]:
    """Return the command line of a module; the current directory is not on its import path."""
    return (sys.executable, "-P", "-m", module, *arguments)


def libraries() -> tuple[str, ...]:
    """Return the folders of the standard library and of installed packages: what a confined child may still import."""
    standard = os.path.dirname(os.__file__)  # noqa: PTH120 - a path of this interpreter, not a file that is looked at
    return (standard, *(path for path in sys.path if path.endswith(("site-packages", "dist-packages"))))


def environment(**variables: str) -> dict[str, str]:
    """Return the environment in which the child finds this code, with the variables that the caller hands on."""
    path = os.pathsep.join(map(os.path.abspath, filter(None, sys.path)))
    return {**variables, "PYTHONPATH": path, "PYTHONUTF8": "1"}


async def reap(process: "asyncio.subprocess.Process") -> None:
    """Wait for the end of a child that was killed, reading what it had still to say.

    Its end is not seen before its pipes are read empty, and nobody reads on from one that has said too much. A child of
    its own that holds them open is not waited for longer than a few seconds.
    """
    import asyncio  # noqa: PLC0415 - a child that asks for folders and no more starts in three quarters of the time

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST_END):
            for stream in (process.stdout, process.stderr):
                while stream is not None and await stream.read(1 << 16):
                    pass
            await process.wait()
