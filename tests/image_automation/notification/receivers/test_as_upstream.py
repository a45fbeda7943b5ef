"""Ours beside the real notification-controller: the same receivers and calls, and what upstream.json says of them.

What differs on purpose is named here, and nothing else may.
"""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from image_automation.notification.webhooks import tokens
from tests.e2e import stage
from tests.image_automation.notification import issuer
from tests.image_automation.notification.receivers import play
from tests.real.child import free_port

UPSTREAM: play.Answers = json.loads(Path(__file__).with_name("upstream.json").read_text())
CALLS = [(name, title) for name, calls in UPSTREAM["calls"].items() for title in calls]
#: An empty token proves nothing: whoever calls is refused.
EMPTY = ("empty-generic", "empty-generic-hmac", "empty-github", "empty-bitbucket", "empty-gitlab", "empty-harbor",
         "empty-nexus")  # fmt: skip
#: Flux's router cleans these paths up, or says in words that it has none: ours answers every unknown path alike.
UNKNOWN = ("dots", "the folder without its slash", "two slashes", "the root", "another root")
#: Bodies are held to 1 MiB instead of 3, and one that is too long is called so.
LONG = ("1 MiB and a byte", "3 MiB and a byte")
#: A signed body that is packed, or nests without end.
ODD = ("packed", "deep nesting")
#: The C++ engine of CEL takes lists of mixed literals, compares no literals of two types and nests 32 times.
ENGINE = {"cel-mixed": True, "cel-literals": False, "cel-deep": False}


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> play.Answers:
    async def answers() -> play.Answers:
        key, other, port = issuer.an_rsa_key(), issuer.an_rsa_key(), free_port()
        folder, address = tmp_path_factory.mktemp("ours"), f"127.0.0.1:{port}"
        controllers = frozenset({"receiver"})
        async with (
            issuer.issuing(key) as found,
            stage.running(folder, controllers=controllers, receiver_addr=address) as up,
        ):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(tokens, "GOOGLE", found)  # the one address that is fixed
                keys = {"good": key, "other": other}
                return await play.play(play.Stage(client=up.client, url=f"http://{address}", issuer=found, keys=keys))

    return asyncio.run(answers())


def differing(name: str, title: str) -> int | None:
    """Return the status of a call that differs on purpose."""
    if name in EMPTY or (name == "github-any" and title in ODD):
        return 400
    if name == "generic" and title in LONG:
        return 413
    return 404 if name == "generic" and title in UNKNOWN else None


@pytest.mark.parametrize(("name", "title"), CALLS, ids=[f"{name}: {title}" for name, title in CALLS])
def test_a_call_is_answered_and_wakes_as_in_flux(ours: play.Answers, name: str, title: str) -> None:
    wanted, found = UPSTREAM["calls"][name][title], ours["calls"][name][title]
    if "status" in wanted and (status := differing(name, title)) is not None:
        wanted = {"status": status, "body": "", "headers": ["Content-Length", "Date"], "woken": []}
    assert found == wanted


@pytest.mark.parametrize("name", UPSTREAM["receivers"])
def test_a_receiver_says_of_itself_what_flux_says(ours: play.Answers, name: str) -> None:
    if name in ENGINE:
        path = ours["receivers"][name]["webhookPath"]
        assert (bool(path), bool(UPSTREAM["receivers"][name]["webhookPath"])) == (ENGINE[name], not ENGINE[name])
    else:
        assert plain(ours["receivers"][name]) == plain(UPSTREAM["receivers"][name])


@pytest.mark.parametrize("name", UPSTREAM["events"])
def test_the_events_of_a_receiver_are_those_of_flux(ours: play.Answers, name: str) -> None:
    if name not in ENGINE:
        assert plain(ours["events"][name]) == plain(UPSTREAM["events"][name])


def plain(said: Any) -> Any:
    """Leave out where in an expression the engine sees an unknown name, which of several it tells first, and whether a
    generation that was not observed is -1 or nothing."""
    text = json.dumps(said).replace('"observedGeneration": -1', '"observedGeneration": null')
    return json.loads(re.sub(r"ERROR: <input>:\d+:\d+: undeclared reference to .*?\^\"", '"', text))
