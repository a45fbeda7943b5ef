"""The kit as kustomize builds it: what installs the service on a cluster, one overlay for each way to run it.

The files travel inside the package, so `image-automation install` needs neither a checkout nor a network.
"""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_IMAGE = frozenset({"image-automation-controller", "image-reflector-controller"})
#: What Flux leaves to choice, and the kit brings with the rest.
EXTRA = frozenset({"source-watcher"})
_ALL = _IMAGE | {"helm-controller", "kustomize-controller", "notification-controller", "source-controller"} | EXTRA
#: Every overlay, and the controllers of Flux whose work it does.
OVERLAYS: Mapping[str, frozenset[str]] = {
    "all": _ALL,
    "high-availability": _ALL,
    "image": _IMAGE,
    "multi-tenant": _ALL,
    "sharded": _ALL,
}
_SECONDS = 60.0


class KitError(Exception):
    """The kit does not build: the message says why and what to do."""


def build(overlay: str) -> str:
    """Return what `kubectl kustomize` prints of an overlay. Raises KitError."""
    return kustomized(Path(__file__).parent / "overlays" / overlay)


def kustomized(folder: Path) -> str:
    """Return what `kubectl kustomize` prints of a folder. Raises KitError."""
    try:
        done = subprocess.run(
            [_kubectl(), "kustomize", str(folder)],
            capture_output=True,
            text=True,
            check=False,
            env={},
            timeout=_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise KitError(f"kubectl does not run: {error}") from error
    if done.returncode != 0:
        raise KitError(f"kubectl kustomize {folder}: {done.stderr.strip()}")
    return done.stdout


def _kubectl() -> str:
    beside = Path(sys.executable).parent / "kubectl"
    found = str(beside) if beside.is_file() else shutil.which("kubectl")
    if found is None:
        raise KitError("kubectl is not on the path: install it, or this program with its requirements")
    return found
