"""Rows 27 and 28: forged, replayed and endless calls, and calls that name hosts of their own."""

import asyncio
import gzip
import itertools
import json
from contextlib import suppress

import aiohttp
import pytest

from gotk.api import extensions
from image_automation.notification.receivers import signature
from image_automation.notification.webhooks import hooks
from tests.hostile.network import Network
from tests.hostile.scene import memory_within
from tests.image_automation.notification.door import TOKEN, Door, a_receiver, door

FLOOD = 10_000
MIB = 1024 * 1024


def signed(body: bytes) -> str:
    return f"sha256={signature.sign(body, TOKEN)}"


@pytest.mark.timeout(500)
async def test_row_27_webhooks_forged_replayed_and_flooding():
    body = b'{"action": "published"}'
    async with door(a_receiver("github")) as it:
        known = {"X_Hub_Signature_256": signed(body), "X_GitHub_Event": "package"}
        assert await it.call(body=body, **known, X_GitHub_Delivery="1") == 200
        assert await it.call(body=body, **known, X_GitHub_Delivery="1") == 400, "a replay"
        assert await it.call(body=body, **known, X_GitHub_Delivery="2") == 400, "a replay under another id"
        assert await it.call(body=body, X_Hub_Signature_256="sha256=" + "0" * 64) == 400
        deep = b"[" * MIB
        assert await it.call(body=deep, X_Hub_Signature_256=signed(deep)) == 400
        assert await it.call(body=body + b" ", X_Hub_Signature_256=signed(body + b" "), Content_Type="text/html") == 400
        assert await it.call(body=b"x" * (hooks.BODY_LIMIT + 1)) == 413
        # What cannot be unpacked may end the connection before all of it was sent.
        bomb = gzip.compress(bytes(50 * MIB))
        with suppress(aiohttp.ClientOSError):
            assert await it.call(body=bomb, Content_Encoding="gzip", X_Hub_Signature_256=signed(bomb)) == 400
        with memory_within(32 * MIB):
            assert await gigabyte(it.url, it.path) == 413
            async with asyncio.timeout(400), asyncio.TaskGroup() as group:
                flooding = group.create_task(flood(it.url))
                served = group.create_task(legitimate(it, flooding))
            statuses = flooding.result()
            assert served.result() > 2, "legitimate calls are served during the flood"
            fresh = b'{"action": "published", "n": 2}'
            assert await it.call(body=fresh, X_Hub_Signature_256=signed(fresh)) == 200, "legitimate, after the flood"
        assert statuses == {404}, "every unknown path is answered alike"
        woken = len(it.cluster.patched)
        statuses = {await it.call(body=b"forged") for _ in range(300)}
        assert statuses == {400, 429}, "a source that knows the path and not the token runs out of calls"
        assert len(it.cluster.patched) == woken > 2


async def legitimate(it: Door, flooding: asyncio.Task[set[int]]) -> int:
    """Make proven calls for as long as the flood lasts and return how many were served meanwhile."""
    for number in itertools.count():
        body = json.dumps({"action": "published", "during": number}).encode()
        assert await it.call(body=body, X_Hub_Signature_256=signed(body)) == 200
        done, _ = await asyncio.wait([flooding], timeout=0.1)
        if done:
            return number
    raise AssertionError("the flood never ended")


async def gigabyte(url: str, path: str) -> int:
    """Send a body that has no end, without saying its length."""

    async def endless():
        for _ in range(1024):
            yield bytes(MIB)

    async with aiohttp.ClientSession() as session:
        try:
            async with session.post(url + path, data=endless()) as answer:
                return answer.status
        except aiohttp.ClientConnectionError:
            return 413  # cut off while it was still sending


async def flood(url: str) -> set[int]:
    seen = set()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=32)) as session:

        async def caller(number: int) -> None:
            for index in range(FLOOD // 32 + 1):
                async with session.post(f"{url}/hook/{number:032x}{index:032x}", data=b"x" * 512) as answer:
                    seen.add(answer.status)

        async with asyncio.TaskGroup() as group:
            for number in range(32):
                group.create_task(caller(number))
    return seen


async def test_row_28_a_webhook_that_names_hosts_of_its_own(monkeypatch: pytest.MonkeyPatch):
    network = Network(monkeypatch)
    network.names["evil.test"] = "127.0.0.1"
    obj = a_receiver("dockerhub", annotations={extensions.NARROW: "true"})
    async with door(obj) as it:
        for repository in (
            "evil.test/team/web",
            "http://evil.test/team/web",
            "../team/web",
            "169.254.169.254/team/web",
        ):
            said = {
                "callback_url": "http://evil.test/callback",
                "repository": {"repo_name": repository, "repo_url": "http://evil.test/team/web"},
                "push_data": {"tag": "6.6.6"},
            }
            assert await it.call(body=json.dumps(said).encode()) == 200
        assert it.cluster.patched == [], "only declared repositories are woken"
        said = {"repository": {"repo_name": "team/web"}, "push_data": {"tag": "a/../../b"}, "registry_url": "evil.test"}
        assert await it.call(body=json.dumps(said).encode()) == 200
        assert it.cluster.patched == [], "what is no tag is not passed on"
        assert {f"http://{each}" for each in network.dialled} == {it.url}, "nobody but the door was called"
