"""One artifact of a generator: what it is called by, and what its Kustomizations are told of where it comes from."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from deploy.source.generating import building
from deploy.source.storage import Retention, Storage
from gotk.api.meta import Artifact
from gotk.api.source_extensions import OutputArtifact
from tests.running import NOON

ORIGIN = "org.opencontainers.image.revision"
SOURCES = {
    "repo": Artifact(digest="sha256:1", path="p", url="u", revision="main@sha1:1", last_update_time="x"),
    "image": Artifact(
        digest="sha256:2", path="p", url="u", revision="v1@sha256:2", last_update_time="x", metadata={ORIGIN: "abc"}
    ),
}


@pytest.mark.parametrize(
    ("named", "revision", "origin"),
    [
        ({}, "latest@DIGEST", None),
        ({"revision": "@repo"}, "main@sha1:1", None),
        ({"originRevision": "@repo"}, "latest@DIGEST", {ORIGIN: "main@sha1:1"}),
        ({"revision": "@image", "originRevision": "@image"}, "v1@sha256:2", {ORIGIN: "abc"}),
    ],
    ids=["by its content", "by a source", "told of a source", "told of what a source was made of"],
)
def test_an_artifact_is_called_as_its_source_or_by_its_content(
    named: dict[str, str], revision: str, origin: dict[str, str] | None, tmp_path: Path
) -> None:
    for place in ("repo", "scratch"):
        (tmp_path / place).mkdir()
    (tmp_path / "repo" / "a.yaml").write_text("a: 1\n")
    retention = Retention(ttl=timedelta(minutes=1), records=2)
    storage = Storage(tmp_path / "data", address="source.local", retention=retention, algorithm="sha256")
    wanted = msgspec.convert(
        {"name": "app", "copy": [{"from": "@repo/**", "to": "@artifact/"}], **named}, OutputArtifact
    )
    made = building.build(
        wanted, "apps", {"repo": tmp_path / "repo"}, SOURCES, storage=storage, scratch=tmp_path / "scratch", now=NOON
    )
    assert made.revision == revision.replace("DIGEST", made.digest)
    assert made.metadata == origin
