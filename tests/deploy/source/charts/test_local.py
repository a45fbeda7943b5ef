"""Charts of the same source that a chart depends on, copied beside it."""

from pathlib import Path

import pytest

from deploy.source.charts import local
from deploy.source.charts.build import BuildError
from deploy.source.charts.metadata import Dependency
from tests.deploy.source.charts.packed import folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Write the charts `web`, `cache` 1.0.0, and `older` whose name is `cache` too, 0.9.0."""
    charts = {
        **folder(), **folder(name="cache", at="charts/cache"), **folder("0.9.0", name="cache", at="charts/older")
    }  # fmt: skip
    for path, content in charts.items():
        file = tmp_path / "source" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (tmp_path / "work").mkdir()
    return tmp_path / "source"


def add(root: Path, where: str, version: str, alias: str = "") -> list[str]:
    """Add a dependency to a copy of `web`; return the folders that it brings along."""
    target = root.parent / "work"
    wanted = Dependency(name="cache", version=version, repository=f"file://../{where}", alias=alias)
    local.add_dependency(root, root / "charts/web", target, wanted)
    return sorted(each.name for each in (target / "charts").iterdir())


def test_a_chart_that_goes_by_several_aliases_lies_there_once(root: Path) -> None:
    assert add(root, "cache", "1.x") == ["cache"]
    assert add(root, "cache", "^1.0.0", "sessions") == ["cache"]
    assert add(root, "older", "0.9.x", "old") == ["cache", "cache-0.9.0"]
    assert add(root, "older", "0.x", "oldest") == ["cache", "cache-0.9.0"]


def test_a_chart_of_another_version_is_not_taken(root: Path) -> None:
    with pytest.raises(BuildError, match=r"'sessions': can't get a valid version for constraint '2\.x'"):
        add(root, "cache", "2.x", "sessions")
