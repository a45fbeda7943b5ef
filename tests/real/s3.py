"""A real S3 store as a child of a test: moto's server, which keeps its buckets in memory."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.real import child


@contextmanager
def store(folder: Path) -> Iterator[str]:
    """Give the address of an empty store, `host:port`; skip where there is none."""
    if importlib.util.find_spec("moto") is None:
        pytest.skip("moto is not installed")
    port = child.free_port()
    command = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port))
    with child.running(command, log=folder / "moto.log", port=port):
        yield f"127.0.0.1:{port}"
