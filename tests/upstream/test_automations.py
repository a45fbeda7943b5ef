"""ImageUpdateAutomations answer as Flux's image-automation-controller does, but for what is said here."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.upstream import automation_differences, automation_files, automation_play, automations, scene

RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("automations.json").read_text())

#: The first test's set-up plays the whole table and waits for each automation to come to rest, however long that takes.
pytestmark = pytest.mark.timeout(600)

OUR_EVENTS = {"MarkersIgnored", "UpdatesHeld"}  # of conditions of our own
#: How many runs it takes, and so whether there is one more that finds nothing to do, is a matter of time.
TRACES = {f"Normal Succeeded {text}" for text in ("no change since last reconciliation", "repository up-to-date")}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Play the whole table before our controller."""
    return asyncio.run(_play(tmp_path_factory.mktemp("automations")))


async def _play(folder: Path) -> dict[str, Any]:
    async with (
        automation_play.prepared(folder, automations.CASES, limit=240) as play,
        scene.ours(play.at, folder / "ours", "imageupdateautomation"),
    ):
        return await play.run()


def facets(answer: dict[str, Any]) -> dict[str, Any]:
    """Take an answer apart into what is compared."""
    commits = answer["commits"]
    return {
        "references": answer["references"],
        "history": [each["parents"] for each in commits],
        "messages": [each["message"] for each in commits],
        "people": [[each["author"], each["committer"], each["signed"]] for each in commits],
        "values": [{path: values(text) for path, text in each["files"].items()} for each in commits],
        "bytes": [each["files"] for each in commits],
        "status": {key: value for key, value in answer["status"].items() if key != "conditions"},
        "conditions": {
            each["type"]: each for each in answer["status"].get("conditions", ()) if not is_ours(each["type"])
        },
        "events": [each for each in answer["events"] if each["reason"] not in OUR_EVENTS],
        "kubernetes": sorted(set(answer["kubernetes"]) - TRACES - ours_among(answer["kubernetes"])),
        "settles": not answer["unsettled"],
    }


def is_ours(type_: str) -> bool:
    """Tell whether a condition is of our own, which the guide names; Flux has none like it."""
    return type_.startswith("image-automation.dev/")


def ours_among(events: list[str]) -> set[str]:
    """Return the events that are of our own."""
    return {each for each in events if each.split(" ")[1] in OUR_EVENTS}


def values(text: Any) -> Any:
    """Return what YAML a file holds; its text where it is none."""
    try:
        return [each for each in yaml.load_all(text, yaml.CBaseLoader) if each] if isinstance(text, str) else text
    except yaml.YAMLError:
        return text


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Return both sides of each facet that differs."""
    return {name: {"theirs": theirs[name], "ours": ours[name]} for name in theirs if theirs[name] != ours[name]}


def expected(table: dict[str, automation_differences.Difference], name: str) -> set[str]:
    """Return the facets that are to differ."""
    return set(table[name].facets) if name in table else set()


@pytest.mark.parametrize("name", [name for name in automations.CASES if name != "files"])
def test_ours_does_what_flux_does(name: str, played: dict[str, Any]):
    found = differences(facets(RECORDED[name]), facets(played[name]))
    assert set(found) == expected(automation_differences.CASES, name), found


def folder(answer: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what the one commit says and does about a folder."""
    commit = answer["commits"][0]
    files = {path: text for path, text in commit["files"].items() if path.startswith(f"{name}/")}
    return {
        "message": [line for line in commit["message"].splitlines() if line.startswith(f"{name}/")],
        "values": {path: values(text) for path, text in files.items()},
        "bytes": files,
    }


@pytest.mark.parametrize("name", automation_files.ENTRIES)
def test_ours_writes_into_files_what_flux_writes(name: str, played: dict[str, Any]):
    found = differences(folder(RECORDED["files"], name), folder(played["files"], name))
    assert set(found) == expected(automation_differences.FILES, name), found
