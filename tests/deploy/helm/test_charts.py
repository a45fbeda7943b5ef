"""The charts of releases: downloaded and read once, and refused by name where they are none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.helm.charts import Charts
from deploy.source import download
from deploy.source.fetch import Archives
from gotk.api.meta import Artifact
from gotk.runtime.blocking import Limiter
from gotk.runtime.errors import Retry
from tests.deploy.helm.rendering.charts import packaged

DIGEST = "sha256:9933f58f8bf459eb199d59ebc8a05683f3944e1242d9f5467d99aa2cf08a5370"


class Shelf(Archives):
    """Archives that are in a folder already; tells how often one was opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.opened = 0

    @asynccontextmanager
    async def open(self, artifact: Artifact, *, timeout: float) -> AsyncIterator[Path]:
        self.opened += 1
        path = self._folder / artifact.path
        if not path.exists():
            raise download.ArtifactMissing("artifact not found")
        yield path


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    (tmp_path / "shop.tgz").write_bytes(packaged({"templates/x.yaml": "kind: x\n"}))
    (tmp_path / "none.tgz").write_bytes(b"this is no archive")
    (tmp_path / "empty.tgz").write_bytes(packaged({"Chart.yaml": "name: [\n"}))
    return Shelf(tmp_path)


def artifact(path: str = "shop.tgz", *, revision: str = "1.2.3", digest: str = "sha256:00") -> Artifact:
    return Artifact(digest=digest, path=path, url=f"http://source/{path}", revision=revision, last_update_time="")


async def load(shelf: Shelf, kind: str, *wanted: Artifact, plain_versions: bool = False) -> list[str]:
    """Load charts one after the other; return what versions they have."""
    with Limiter(width=1) as limiter:
        charts = Charts(archives=shelf, limiter=limiter, plain_versions=plain_versions, patience=60)
        loaded = [await charts.load(kind, each) for each in wanted]
    return [each.metadata.version for each in loaded]


async def test_a_chart_is_opened_once_as_long_as_it_is_the_same(shelf: Shelf) -> None:
    same, other = artifact(), artifact(digest="sha256:01")
    assert await load(shelf, "HelmChart", same, same, other, same) == ["1.2.3"] * 4
    assert shelf.opened == 2


async def test_a_chart_of_an_oci_repository_carries_its_digest_in_its_version(shelf: Shelf) -> None:
    tagged = artifact(revision=f"1.2.3@{DIGEST}")
    assert await load(shelf, "OCIRepository", tagged) == ["1.2.3+9933f58f8bf4"]
    assert await load(shelf, "OCIRepository", tagged, plain_versions=True) == ["1.2.3"]
    assert await load(shelf, "OCIRepository", artifact(revision=DIGEST)) == ["1.2.3+9933f58f8bf4"]
    assert await load(shelf, "ExternalArtifact", artifact(revision=f"latest@{DIGEST}")) == ["1.2.3+9933f58f8bf4"]
    assert await load(shelf, "ExternalArtifact", artifact(revision="latest")) == ["1.2.3"]


async def test_a_tag_that_is_another_version_than_the_charts_is_told(shelf: Shelf) -> None:
    with pytest.raises(Retry) as caught:
        await load(shelf, "OCIRepository", artifact(revision=f"2.0.0@{DIGEST}"))
    assert caught.value.reason == "ChartMutateError"
    assert caught.value.message == "artifact revision 2.0.0 does not match chart version 1.2.3"


@pytest.mark.parametrize("path", ["none.tgz", "empty.tgz"])
async def test_what_is_no_chart_is_told(path: str, shelf: Shelf) -> None:
    with pytest.raises(Retry, match=r"^Could not load chart: ") as caught:
        await load(shelf, "HelmChart", artifact(path))
    assert caught.value.reason == "ArtifactFailed"


async def test_an_artifact_that_is_gone_is_left_to_who_asked(shelf: Shelf) -> None:
    with pytest.raises(download.ArtifactMissing):
        await load(shelf, "HelmChart", artifact("gone.tgz"))
