"""What Flux's source-controller and kustomize-controller posted in the course of a story, ours posts too.

`upstream_events.json` holds what was seen; scripts/record_events.py records it anew.
"""

import asyncio
import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import posted_events, stage

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "upstream_events.json").read_text())
CONTROLLERS = frozenset({"gitrepository", "kustomization"})
_LIMIT = 5.0


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Play the story once for all tests."""

    async def play() -> dict[str, Any]:
        home = tmp_path_factory.mktemp("story")
        async with (
            posted_events.listener() as heard,
            stage.running(home / "data", controllers=CONTROLLERS, events_addr=heard.url) as up,
        ):

            async def calm(title: str) -> None:
                # What does not come in this time shows below.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LIMIT):
                        await heard.until(len(RECORDED["steps"][title]) - (title == "the end"))

            told = await posted_events.play(up, home, heard, calm)
        return {"steps": told, "requests": sorted(heard.types)}

    return asyncio.run(play())


#: What ours words in another way: Flux names a folder that was made for the run and is gone.
WORDED = {
    "kustomization path not found: stat FOLDER/nowhere: no such file or directory":
        "kustomization path not found: stat nowhere: no such directory in the source",
}  # fmt: skip


#: What ours does not tell at the end: Flux says of what was deleted that its reconciliation has finished.
SPARED = re.compile("Reconciliation finished").match


@pytest.mark.parametrize("title", posted_events.STEPS)
def test_a_step_is_told_as_flux_tells_it(ours: dict[str, Any], title: str) -> None:
    wanted = [event for event in RECORDED["steps"][title] if title != "the end" or not SPARED(event["message"])]
    for event in wanted:
        event["message"] = WORDED.get(event["message"], event["message"])
    assert ours["steps"][title] == wanted


def test_events_are_posted_as_flux_posts_them(ours: dict[str, Any]) -> None:
    assert ours["requests"] == RECORDED["requests"]
