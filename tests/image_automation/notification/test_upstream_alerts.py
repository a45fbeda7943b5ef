"""What Flux's notification-controller made of the table of alerts, ours makes of it too.

`upstream_alerts.json` holds what was seen of the program; scripts/record_alerts.py records it anew. Where ours differs
on purpose, the difference is in one of the tables here.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gotk.kube import config
from gotk.kube.client import Client
from image_automation.app import embedded, service
from image_automation.app.settings import Settings
from tests.image_automation.notification import alert_play
from tests.image_automation.notification.alert_table import BODIES, CLOSED, STORIES, Story

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "upstream_alerts.json").read_text())
TITLES = [*STORIES, *CLOSED]

_INITIALIZE = (
    "failed to dispatch notification for Kustomization/NS/web: failed to initialize notifier for provider 'chat': "
)
#: Where libraries word the rest of a message: what both say in the beginning.
WORDED = {
    "a forge without a token": _INITIALIZE,
    "a provider without an address": _INITIALIZE,
    "headers that are no map": _INITIALIZE,
    "a provider that answers 403": "failed to send notification for Kustomization/NS/web: ",
    "a service account for a provider without cloud": "failed to dispatch notification for Kustomization/NS/web: ",
    "a commit status expression that is none":
        "failed to dispatch notification for Kustomization/NS/web: failed to create commit status: ",
}  # fmt: skip
#: What ours does not tell on the alert: a question to the cluster that another source of the alert spares us.
SPARED = {"labels of an object that is gone, where another source holds"}
#: Bodies that ours refuses, since a sender that we do not know could fill the memory.
REFUSED = {"four MiB": 413}
_LIMIT = 20.0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def _play(home: Path, stories: Mapping[str, Story], **flags: Any) -> alert_play.Told:
    """Play stories to ours, and the odd bodies after them where no flags are given."""
    events = f"127.0.0.1:{_free_port()}"
    settings = Settings(
        data_dir=home, controllers=frozenset({"alert"}), storage_addr="127.0.0.1:0", metrics_addr="0", health_addr="0",
        grace=2.0, notification_addr=events, receiver_addr="0", **flags,
    )  # fmt: skip
    places = alert_play.namespaces(stories, "story")
    async with embedded.control_plane(home / "plane") as plane, alert_play.hook() as caught:
        cluster = await config.from_kubeconfig([plane.kubeconfig])
        async with Client(cluster) as client:
            await alert_play.set_up(client, stories, places, caught.url)
            async with service.beside(settings, cluster), aiohttp.ClientSession() as session:
                statuses = await alert_play.post(session, f"http://{events}/", stories, places)
                bodies = await alert_play.post_bodies(session, f"http://{events}") if not flags else {}
                # What does not come in this time shows below, story by story.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LIMIT):
                        await caught.until({places[title]: len(expected(title)["arrived"]) for title in stories})
                        await alert_play.told(client, sum(len(expected(title)["told"]) for title in stories))
            found = await alert_play.outcome(client, caught, stories, places)
    told = {title: {"statuses": statuses[title], **found[title]} for title in stories}
    return {"stories": told, "bodies": bodies}


def expected(title: str) -> dict[str, Any]:
    """Return what was seen of the program, but for what ours spares."""
    found = dict(RECORDED["stories"][title])
    return found | {"told": []} if title in SPARED else found


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> alert_play.Told:
    """Play the table once for all tests."""

    async def play() -> alert_play.Told:
        found = await _play(tmp_path_factory.mktemp("open"), STORIES)
        closed = await _play(tmp_path_factory.mktemp("closed"), CLOSED, no_cross_namespace_refs=True)
        return {"stories": found["stories"] | closed["stories"], "bodies": found["bodies"]}

    return asyncio.run(play())


@pytest.mark.parametrize("title", TITLES)
def test_of_every_story_comes_what_comes_with_flux(ours: alert_play.Told, title: str) -> None:
    wanted, found = expected(title), ours["stories"][title]
    for each, other in zip(found["told"], wanted["told"], strict=False):
        _same_words(each, other, WORDED.get(title, ""))
    assert found == wanted


def _same_words(found: dict[str, Any], wanted: Mapping[str, Any], head: str) -> None:
    """Take ours for Flux's where it says the same, and then perhaps the cause."""
    said, flux = found["message"], wanted["message"]
    if (head and said.startswith(head) and flux.startswith(head)) or said.startswith(f"{flux}: "):
        found["message"] = flux


@pytest.mark.parametrize("title", BODIES)
def test_every_body_is_answered_as_by_flux(ours: alert_play.Told, title: str) -> None:
    if title in REFUSED:
        assert ours["bodies"][title] == {"status": REFUSED[title], "headers": {}, "body": ""}
    else:
        assert ours["bodies"][title] == RECORDED["bodies"][title]


def test_the_record_is_of_this_table() -> None:
    assert RECORDED["stories"].keys() == set(TITLES)
    assert RECORDED["bodies"].keys() == BODIES.keys()
