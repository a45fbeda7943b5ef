"""What the tests of sources stand on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gotk.git.objects.seed import seed
from tests.deploy.source import world as worlds
from tests.deploy.source.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with worlds.made(tmp_path) as made:
        yield made


@pytest.fixture
def origin(world: World) -> Path:
    path = world.root / "srv" / "fleet.git"
    seed(path, {"app.yaml": "one\n", "README.md": "hi\n"}, message="Begin here")
    return path
