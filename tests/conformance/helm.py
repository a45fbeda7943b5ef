"""The real helm: from the path, or from the package that carries it."""

import shutil
from pathlib import Path

from deploy.source.charts import packaged
from tests.conformance.program import Program


def _found() -> Path | None:
    unpacked = packaged.program()
    if unpacked is not None:
        return unpacked
    on_path = shutil.which("helm")
    return Path(on_path) if on_path else None


class Helm(Program):
    path = _found()
