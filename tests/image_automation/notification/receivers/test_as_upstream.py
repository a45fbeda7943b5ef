"""Ours beside the real notification-controller: the same receivers and calls, and what upstream.json says of them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from image_automation.notification import tokens
from tests.e2e import stage
from tests.image_automation.notification import issuer
from tests.image_automation.notification.receivers import play
from tests.real.child import free_port

UPSTREAM: play.Answers = json.loads(Path(__file__).with_name("upstream.json").read_text())


@pytest.fixture(scope="module")
async def ours(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[play.Answers]:
    key, other, port = issuer.an_rsa_key(), issuer.an_rsa_key(), free_port()
    async with (
        issuer.issuing(key) as address,
        stage.running(
            tmp_path_factory.mktemp("ours"), controllers=frozenset({"receiver"}), receiver_addr=f"127.0.0.1:{port}"
        ) as up,
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tokens, "GOOGLE", address)  # the one address that is fixed
            keys = {"good": key, "other": other}
            yield await play.play(
                play.Stage(client=up.client, url=f"http://127.0.0.1:{port}", issuer=address, keys=keys)
            )


@pytest.mark.parametrize("name", play.RECEIVERS)
def test_x(ours: Any, name: str) -> None:
    pass
