"""The way to a service beside Flux's, over real connections: certificates, clients' certificates and proxies."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gotk.http import route
from gotk.http.exchange import Exchange
from image_automation.notification import notice as notices
from image_automation.notification.alerts import deduplication
from image_automation.notification.delivery.accounts import Delivery
from image_automation.notification.delivery.sending import HTTPSender
from tests.image_automation.notification.alerts import test_notifier
from tests.image_automation.notification.providers.upstream import capture, differences, network, replay
from tests.image_automation.notification.providers.upstream.case import Case
from tests.virtual_clock import VirtualClock, in_virtual_time

RECORD = replay.recorded("network")

#: Flux does not look at the proxySecretRef of these, and asks the environment's proxy.
OTHER_PROXY = {"proxy-lark", "proxy-matrix"}
#: Complaints in words of ours, which never quote an address.
WORDS = {
    "trust-of-the-secret": "send: cannot reach private.example.com: its certificate is not trusted",
    "untrusted": "send: cannot reach private.example.com: its certificate is not trusted",
}


class Reached(replay.Services):
    """A cluster whose notifications go out over the network, with the proxy of the environment."""

    def __init__(self, case: Case, uids: dict[str, str], server: capture.Server) -> None:
        super().__init__(case, uids, server.real)
        environment = {"HTTP_PROXY": server.proxy, "HTTPS_PROXY": server.proxy}
        self._sender = HTTPSender(clock=VirtualClock(), route=route.from_environment(environment))

    async def send(self, exchange: Exchange, line: Delivery) -> None:
        await self._sender.send(exchange, line)


def sent(case: Case, uids: dict[str, str], home: Path) -> tuple[list[dict[str, Any]], list[str]]:
    requests: list[dict[str, Any]] = []
    complaints: list[str] = []

    @in_virtual_time
    async def run() -> None:
        async with capture.serve(home, set()) as server:
            server.begin(case)
            world = Reached(case, uids, server)
            async with test_notifier.notifying(world) as notifier:
                await notifier.take(deduplication.cleaned(notices.read(json.dumps(case.posted()).encode())))
            requests.extend(server.requests)
            complaints.extend(server.restored(f"{told.reason}: {told.message}") for told in world.told)

    run()
    return requests, complaints


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in network.CASES])
def test_a_service_is_reached_where_flux_reaches_it(case: Case, tmp_path: Path) -> None:
    flux = RECORD[case.name]
    requests, complaints = sent(case, flux["uids"], tmp_path)
    differs = replay.differences(
        [replay.comparable(each) for each in requests], [replay.comparable(each) for each in flux["requests"]]
    )
    always = differences.ALWAYS.get(case.provider["type"], "$^").replace(r"requests\[0\]", r"\[0\]")
    ours = {path: pair[0] for path, pair in differs.items() if not re.fullmatch(always, path)}
    asked = {"[0].headers.proxy-authorization": "Basic amFuZTpwQHNz"}
    assert ours == (asked if case.name in OTHER_PROXY else {})
    expected = [differences.unwrapped(text) for text in flux["complaints"]]
    if case.name in WORDS:
        expected = [differences.complaint(case.name, WORDS[case.name])]
    assert [differences.unwrapped(text) for text in complaints] == expected
