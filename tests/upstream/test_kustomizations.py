"""Kustomizations answer as Flux's kustomize-controller does, but for what is said in `kustomization_differences`."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.upstream import kustomization_differences, kustomization_play, kustomizations, scene

RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("kustomizations.json").read_text())


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Play the whole table before our controller."""
    return asyncio.run(_play(tmp_path_factory.mktemp("kustomizations")))


async def _play(folder: Path) -> dict[str, Any]:
    async with (
        kustomization_play.prepared(folder, kustomizations.CASES, limit=60) as play,
        scene.ours(play.at, folder / "ours", "kustomization"),
    ):
        return await play.run()


def facets(answer: dict[str, Any]) -> dict[str, Any]:
    """Take an answer apart into what is compared."""
    status = answer["status"]
    history = status.get("history") or ()
    apart = {"inventory", "history", "conditions"}
    return {
        "inventory": status.get("inventory"),
        "history": [{name: value for name, value in each.items() if name not in TIMES} for each in history],
        "status": {name: value for name, value in status.items() if name not in apart},
        "conditions": {each["type"]: each for each in status.get("conditions", ())},
        "events": told_once(answer["events"]),
        "kubernetes": told_once(answer["kubernetes"]),
        "objects": answer["objects"],
        "left": answer["left"],
        "settles": not answer["unsettled"],
    }


#: How many runs it takes is a matter of time: another revision and a request may come to one or two.
TIMES = {"totalReconciliations", "lastReconciledDuration"}


def told_once(events: list[Any]) -> list[Any]:
    """Leave out that one more run has ended as the one before it; all else counts each time."""
    told = zip(events, [None, *events], strict=False)
    return [event for event, before in told if event != before or "Reconciliation finished" not in str(event)]


@pytest.mark.parametrize("name", kustomizations.CASES)
def test_ours_does_what_flux_does(name: str, played: dict[str, Any]):
    theirs, ours = facets(RECORDED[name]), facets(played[name])
    found = {facet: {"theirs": theirs[facet], "ours": ours[facet]} for facet in theirs if theirs[facet] != ours[facet]}
    named = kustomization_differences.CASES.get(name)
    assert set(found) == (set(named.facets) if named else set()), found
