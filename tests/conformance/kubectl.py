"""The real kubectl, as the package beside our interpreter has it, or the machine."""

import shutil
import sys
from pathlib import Path

from tests.conformance.program import Program

_FOUND = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")


class Kubectl(Program):
    path = Path(_FOUND) if _FOUND else None
