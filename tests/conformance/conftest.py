from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gotk.apiserver import ControlPlane
from tests.conformance.kubectl import Kubectl
from tests.gotk.apiserver.widgets import WIDGETS


@pytest.fixture
async def kubectl(tmp_path: Path) -> AsyncIterator[Kubectl]:
    """Kubectl with a home of its own, before a control plane that knows widgets."""
    async with ControlPlane(tmp_path / "plane", crds=[WIDGETS]) as plane:
        yield Kubectl(plane.kubeconfig, tmp_path / "home")
