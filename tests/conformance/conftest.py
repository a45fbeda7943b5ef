from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conformance import cluster
from tests.conformance.kubectl import Kubectl
from tests.gotk.apiserver.widgets import WIDGETS


@pytest.fixture
async def kubectl(tmp_path: Path) -> AsyncIterator[Kubectl]:
    """Kubectl with a home of its own, before a cluster that knows widgets."""
    async with cluster.opened(tmp_path, [WIDGETS]) as found:
        yield found.kubectl(tmp_path / "home")
