"""ImageUpdateAutomations answer as Flux's image-automation-controller does, but for what is said here."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.upstream import automation_play, automations, scene

RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("automations.json").read_text())


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Play the whole table before our controller."""
    return asyncio.run(_play(tmp_path_factory.mktemp("automations")))


async def _play(folder: Path) -> dict[str, Any]:
    async with automation_play.prepared(folder, automations.CASES, limit=30) as play:
        async with scene.ours(play.at, folder / "ours", "imageupdateautomation"):
            return await play.run()


def facets(answer: dict[str, Any]) -> dict[str, Any]:
    """Take an answer apart into what is compared."""
    commits = answer["commits"]
    return {
        "references": answer["references"],
        "history": [each["parents"] for each in commits],
        "messages": [each["message"] for each in commits],
        "people": [[each["author"], each["committer"], each["signed"]] for each in commits],
        "files": [sorted(each["files"]) for each in commits],
        "values": [{path: values(text) for path, text in each["files"].items()} for each in commits],
        "bytes": [each["files"] for each in commits],
        "status": {key: value for key, value in answer["status"].items() if key != "conditions"},
        "conditions": {each["type"]: each for each in answer["status"].get("conditions", ())
                       if not each["type"].startswith("image-automation.dev/")},
        "events": answer["events"],
        "kubernetes": answer["kubernetes"],
        "settles": not answer["unsettled"],
    }  # fmt: skip


def values(text: Any) -> Any:
    """Return what YAML a file holds; its text where it is none."""
    try:
        return list(yaml.load_all(text, yaml.BaseLoader)) if isinstance(text, str) else text
    except yaml.YAMLError:
        return text


@pytest.mark.parametrize("name", automations.CASES)
def test_ours_does_what_flux_does(name: str, played: dict[str, Any]):
    theirs, ours = facets(RECORDED[name]), facets(played[name])
    differs = {facet for facet in theirs if theirs[facet] != ours[facet]}
    assert differs == set(automations.CASES[name].differs), {
        facet: {"theirs": theirs[facet], "ours": ours[facet]} for facet in differs
    }
