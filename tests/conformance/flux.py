"""The real flux: the one that FLUX names, or the one that `make flux` built, or the machine's.

Where FLUX is set the program has been promised, and its tests fail without it; else they are skipped.
"""

import os
import shutil
from pathlib import Path

import pytest

from tests.conformance.program import Program

_BUILT = Path(__file__).parents[2] / ".bin" / "flux"


def _found() -> Path | None:
    promised = os.environ.get("FLUX")
    if promised:
        return Path(promised)
    on_path = str(_BUILT) if _BUILT.exists() else shutil.which("flux")
    return Path(on_path) if on_path else None


class Flux(Program):
    path = _found()


#: The mark of tests that need it.
needed = pytest.mark.skipif(Flux.path is None, reason="there is no flux here; `make flux` builds one")
