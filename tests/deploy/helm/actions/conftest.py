"""A world for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.deploy.helm.actions import world
from tests.deploy.helm.actions.world import World


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world.new(tmp_path) as made:
        yield made
