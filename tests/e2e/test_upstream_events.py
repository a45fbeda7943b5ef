"""What Flux's source-, kustomize- and image-reflector-controller posted in the course of two stories, ours posts too.

`upstream_events.json` holds what was seen; scripts/record_events.py records it anew.
"""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import posted_events, posted_image_events, stage

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "upstream_events.json").read_text())
STORIES = {
    "deploy": (posted_events.STEPS, {"gitrepository", "kustomization"}),
    "images": (posted_image_events.STEPS, {"imagerepository", "imagepolicy"}),
}
TITLES = [(story, title) for story, (steps, _) in STORIES.items() for title in steps]
_LIMIT = 60.0  # of a step whose events do not come: on a busy machine they come late

#: What ours words in another way: without a folder that was made for the run, with the namespace of a secret.
WORDED = {
    "kustomization path not found: stat FOLDER/nowhere: no such file or directory":
        "kustomization path not found: stat nowhere: no such directory in the source",
    'failed to configure authentication options: secrets "nobody" not found':
        "failed to configure authentication options: secret 'apps/nobody' not found",
}  # fmt: skip


def expected(story: str, title: str) -> list[dict[str, Any]]:
    """Return what was seen, but for the finished reconciliation that Flux tells of what has just been deleted."""
    found: list[dict[str, Any]] = RECORDED[story]["steps"][title]
    return [event for event in found if title != "the end" or "Reconciliation finished" not in event["message"]]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Play each story once for all tests."""

    async def play(story: str) -> dict[str, Any]:
        home, (steps, controllers) = tmp_path_factory.mktemp(story), STORIES[story]
        async with (
            posted_events.listener() as heard,
            stage.running(home / "data", controllers=frozenset(controllers), events_addr=heard.url) as up,
        ):

            async def calm(title: str) -> None:
                # What does not come in this time shows below.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LIMIT):
                        await heard.until(len(expected(story, title)))

            told = await posted_events.play(steps, up, home, heard, calm)
        return {"steps": told, "requests": sorted(heard.types)}

    return {story: asyncio.run(play(story)) for story in STORIES}


@pytest.mark.parametrize(("story", "title"), TITLES)
def test_a_step_is_told_as_flux_tells_it(ours: dict[str, Any], story: str, title: str) -> None:
    found, wanted = ours[story]["steps"][title], expected(story, title)
    for event, flux in zip(found, wanted, strict=False):
        if event["message"] == WORDED.get(flux["message"]):
            event["message"] = flux["message"]
    assert found == wanted


@pytest.mark.parametrize("story", STORIES)
def test_events_are_posted_as_flux_posts_them(ours: dict[str, Any], story: str) -> None:
    assert ours[story]["requests"] == RECORDED[story]["requests"]
