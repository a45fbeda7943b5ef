"""The one way to start a child interpreter: this program's own code in a process of its own.

Work that blocks, that can grow without bound or that strangers wrote runs beside the service. Such a child gets the
same interpreter and the same import path as its parent, and of the parent's environment only what its caller hands on:
a variable can hold a secret, and a child that works on strangers' bytes has no use for it.
"""

import os
import sys


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
