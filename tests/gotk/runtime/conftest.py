"""Logs of these tests go to memory, in the shape that they have in production."""

import io
import logging as stdlib
from collections.abc import Iterator

import pytest
import structlog

from gotk.runtime import logging


@pytest.fixture(autouse=True)
def logged() -> Iterator[io.StringIO]:
    """What was logged."""
    root = stdlib.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logging.configure(level="debug", stream=stream)
    yield stream
    stdlib.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
