from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gotk.apiserver import ControlPlane


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with ControlPlane(tmp_path / "plane", simulate=0.01) as running:
        yield running
