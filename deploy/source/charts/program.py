"""The program helm, 3 or 4: where it is, what it finds around it, and what it says when it fails.

It gets a directory of its own for a home: neither plugins, repositories and settings of whoever runs the service, nor a
search path.
"""

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.source.charts import packaged
from gotk.sandbox.confinement import Confinement

MISSING = "there is no program helm: install Helm 3 or 4 and put it on the path"
_LONGEST_COMPLAINT = 4096
_BEGINNING = 1024

Confine = Callable[[Confinement, Sequence[str]], Sequence[str]]


def find_command() -> str | None:
    """Return where helm is: beside this interpreter, on the path, or in a package; None where it is not installed."""
    beside = Path(sys.executable).parent / "helm"
    if beside.is_file():
        return str(beside)
    if (found := shutil.which("helm")) is not None:
        return found
    unpacked = packaged.program()
    return str(unpacked) if unpacked is not None else None


def environment(home: Path, *, memory: int) -> dict[str, str]:
    """Return the whole environment of a helm that may use so much memory."""
    places = {name: str(home / name.lower()) for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")}
    return {
        **places,
        "HOME": str(home),
        "TMPDIR": str(home),
        "PATH": str(home),
        "HELM_PLUGINS": str(home / "plugins"),
        "HELM_NO_PLUGINS": "1",
        "LC_ALL": "C.UTF-8",
        "GOMEMLIMIT": str(memory // 4 * 3),
        "GOGC": "400",  # a short life in which little is collected takes a fifth less of a processor
    }


def complaint(said: str, work: Path) -> str:
    """Return what helm complains of on its standard error, without warnings and without the folder it worked in.

    Of a long complaint, such as one of templates within templates, the end counts: there stands the cause.
    """
    text = "\n".join(line for line in said.splitlines() if not line.startswith(("WARNING", "level=")))
    text = text.strip().removeprefix("Error: ").replace(f"{work}/", "")
    if len(text) > _LONGEST_COMPLAINT:
        text = f"{text[:_BEGINNING]} … {text[_BEGINNING - _LONGEST_COMPLAINT :]}"
    return text or "no message"
