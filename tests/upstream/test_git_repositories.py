"""GitRepositories answer as Flux's source-controller does, but for what is said in `source_differences`."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.upstream import scene, source_differences, source_play, sources

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")  # the same files, packed by another library
RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("sources.json").read_text())


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Play the whole table before our controller."""
    return asyncio.run(_play(tmp_path_factory.mktemp("sources")))


async def _play(folder: Path) -> dict[str, Any]:
    async with (
        source_play.prepared(folder, sources.CASES, limit=60) as play,
        scene.ours(play.at, folder / "ours", "gitrepository"),
    ):
        return await play.run()


def facets(answer: dict[str, Any]) -> dict[str, Any]:
    """Take an answer apart into what is compared."""
    status, archive = answer["status"], answer["archive"] or {}
    artifact = status.get("artifact") or {}
    return {
        "artifact": {name: value for name, value in artifact.items() if name != "size"},
        "archive": archive.get("members"),
        "digest and size": archive.get("digest"),
        "status": {name: value for name, value in status.items() if name not in {"artifact", "conditions"}},
        "conditions": {each["type"]: each for each in status.get("conditions", ())},
        "events": json.loads(DIGEST.sub("<digest>", json.dumps(answer["events"]))),
        "kubernetes": [each for each in answer["kubernetes"] if not each.startswith(TRACES)],
        "settles": not answer["unsettled"],
    }


#: How often a run finds nothing new, and when old artifacts go, is a matter of time.
TRACES = ("Normal ArtifactUpToDate", "Normal GitOperationSucceeded", "Normal GarbageCollectionSucceeded")


@pytest.mark.parametrize("name", sources.CASES)
def test_ours_does_what_flux_does(name: str, played: dict[str, Any]):
    theirs, ours = facets(RECORDED[name]), facets(played[name])
    found = {facet: {"theirs": theirs[facet], "ours": ours[facet]} for facet in theirs if theirs[facet] != ours[facet]}
    named = source_differences.CASES.get(name)
    assert set(found) == (set(named.facets) if named else set()), found
