from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gotk.apiserver import ControlPlane
from tests.gotk.apiserver.caller import Caller
from tests.gotk.apiserver.widgets import WIDGETS


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with ControlPlane(tmp_path / "plane", crds=[WIDGETS]) as running:
        yield running


@pytest.fixture
async def api(plane: ControlPlane) -> AsyncIterator[Caller]:
    async with Caller(plane.kubeconfig) as caller:
        yield caller
