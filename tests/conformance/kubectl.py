"""The real kubectl, as the package beside our interpreter has it, or the machine."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance.program import Program

if TYPE_CHECKING:
    from tests.conformance.cluster import Cluster

_FOUND = shutil.which("kubectl", path=str(Path(sys.executable).parent)) or shutil.which("kubectl")


class Kubectl(Program):
    path = Path(_FOUND) if _FOUND else None

    def __init__(self, kubeconfig: Path, home: Path, cluster: "Cluster | None" = None) -> None:
        super().__init__(kubeconfig, home)
        self._cluster = cluster

    @property
    def cluster(self) -> "Cluster":
        """What it talks to."""
        assert self._cluster is not None
        return self._cluster

    @property
    def namespace(self) -> str:
        """The namespace that is the test's own."""
        return self.cluster.namespace
