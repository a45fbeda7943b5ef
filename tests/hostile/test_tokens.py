"""Rows 6 and 8: who gets the registry's credentials, and what passes for a token."""

import base64
import json

import pytest

from tests.gotk.oci.serving import serving
from tests.hostile.network import Network
from tests.hostile.registry import MIB, HostileRegistry, challenging, honest, redirecting, saying
from tests.hostile.scene import GOOD, PASSWORD, memory_within, scene

BASIC = "Basic " + base64.b64encode(f"user:{PASSWORD}".encode()).decode()


async def test_row_06_a_token_realm_on_another_host(monkeypatch: pytest.MonkeyPatch):
    network = Network(monkeypatch)
    thief = HostileRegistry(saying('{"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]}', status=401))
    async with serving(thief) as elsewhere, scene(credentials=True, insecure=True) as it:
        port = elsewhere.rpartition(":")[2]
        it.secrets += [BASIC, BASIC.removeprefix("Basic ")]
        for host, address in (("registry.example", "8.8.8.8"), ("evil.test", "9.9.9.9")):
            network.place(host, address, 80, it.address)
        network.place("evil.test", "9.9.9.9", int(port), elsewhere)
        network.place("registry.example.evil.test", "9.9.9.10", int(port), elsewhere)
        network.names["inside.evil.test"] = "127.0.0.1"
        it.move("registry.example")
        await it.good_times()

        kept = "the credentials for registry.example were not sent to {}, which is another site"
        for realm, message in (
            (f"http://evil.test:{port}/token", kept.format("evil.test")),
            (f"http://registry.example.evil.test:{port}/token", kept.format("registry.example.evil.test")),
            (f"http://user:{PASSWORD[:3]}@evil.test:{port}/token", kept.format("evil.test")),
        ):
            await it.survives(challenging(realm), message)
        assert [asked.authorization for asked in thief.asked] == [None] * 3

        for realm, message in (
            (f"http://{elsewhere}/token", "private address; refused"),
            (f"http://inside.evil.test:{port}/token", "private address; refused"),
            ("http://169.254.169.254/token", "private address; refused"),
            ("file:///etc/passwd", "the token realm 'file:///etc/passwd' is not an https URL"),
            ("/token", "is not an https URL"),
            ("http://[", "the token realm is no URL"),
            ("http://a:b:1/token", "the token realm is no URL"),
            ("http://evil.test:99999/token", "the token realm is no URL"),
            ("http:", "is not an https URL"),
        ):
            await it.survives(challenging(realm), message)
        assert len(thief.asked) == 3

        # The registry's own realm gets them; it cannot pass them on, for a token call follows no redirect.
        onward = redirecting(f"http://evil.test:{port}/token", 307)
        await it.survives(challenging("http://HOST/token", token=onward), "unexpected status code 307")
        assert len(thief.asked) == 3
        assert BASIC in [asked.authorization for asked in it.registry.asked]


async def test_row_08_tokens_that_are_none():
    async with scene(credentials=True) as it:
        unfit = "the token is empty, too long or not fit for a header"
        for body, message in (
            (json.dumps({"token": "a\r\nX-Evil: 1"}), unfit),
            (json.dumps({"token": "a b"}), unfit),
            (json.dumps({"token": "\u0442oken"}), unfit),
            (json.dumps({"token": "a" * 16_385}), unfit),
            (json.dumps({"token": ""}), unfit),
            (json.dumps({"token": "a" * (10 * MIB)}), "the answer is larger than the limit of 262144 bytes"),
            ('{"token": 7}', "the answer is not a token"),
            ('{"token": "t", "expires_in": "soon"}', "the answer is not a token"),
            ('{"token": "t", "expires_in": 1e999}', "the answer is not a token"),
            ("<html>", "the answer is not a token"),
            ("", "the answer is not a token"),
        ):
            with memory_within(8 * MIB + 4 * len(body)):
                await it.survives(challenging("http://HOST/token", token=saying(body)), message)
            assert not [asked for asked in it.registry.asked if "X-Evil" in (asked.authorization or "")]

        # However long a token is said to live, it is asked for again within the hour, and not at every scan.
        for lifetime, soon, late in (("-1", 30, 61), ("0", 30, 61), ("1e18", 3500, 3601)):
            token = saying(f'{{"token": "t{lifetime}", "expires_in": {lifetime}}}')
            trick = challenging("http://HOST/token", token=token, then=honest(*GOOD))
            it.time.passed += 4000
            for passed, fetched in ((0, 1), (soon, 0), (late - soon, 1)):
                it.time.passed += passed
                it.registry.trick = trick
                before = len([asked for asked in it.registry.asked if asked.path.startswith("/token")])
                assert (await it.scan()).ready[:2] == ("True", "Succeeded"), lifetime
                assert (
                    len([asked for asked in it.registry.asked if asked.path.startswith("/token")]) - before == fetched
                )
