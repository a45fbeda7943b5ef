"""The real flux: the one that FLUX names, or the machine's.

Where FLUX is set the program has been promised, and its tests fail without it; else they are skipped.
"""

import os
import shutil
from pathlib import Path

import pytest

from tests.conformance.program import Program


def _found() -> Path | None:
    promised = os.environ.get("FLUX")
    if promised:
        return Path(promised)
    on_path = shutil.which("flux")
    return Path(on_path) if on_path else None


class Flux(Program):
    path = _found()


#: The mark of tests that need it.
needed = pytest.mark.skipif(Flux.path is None, reason="there is no flux on the path, and FLUX names none")
