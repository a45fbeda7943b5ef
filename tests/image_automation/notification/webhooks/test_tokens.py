"""Where the keys of an issuer may come from, and what is no answer of one."""

import base64
import json
from collections.abc import Callable

import pytest
from aiohttp import web

from gotk.http.transport import Transport
from gotk.runtime.clock import SystemClock
from image_automation.notification.receivers.call import RefusedError
from image_automation.notification.webhooks.tokens import Issuers
from tests.gotk.oci.serving import serving
from tests.hostile.network import Network

DEEP = "[" * 100_000


def token() -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "kid": "1"}, {"aud": "x"})]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, b"signature"))


async def refused(issuer: str) -> str:
    async with Transport() as transport:
        with pytest.raises(RefusedError) as raised:
            await Issuers(transport=transport, clock=SystemClock()).claims(token(), issuer, "x")
    return str(raised.value)


@pytest.mark.parametrize("issuer", ["http://169.254.169.254", "http://metadata.test", "http://127.0.0.1:1", "http://["])
async def test_an_issuer_that_is_none_is_not_asked(issuer: str, monkeypatch: pytest.MonkeyPatch):
    network = Network(monkeypatch)
    network.names["metadata.test"] = "169.254.169.254"
    assert await refused(issuer) == "the issuer cannot be reached or answers nonsense"
    assert not [address for address in network.dialled if address.startswith("169.254.")]


@pytest.mark.parametrize("keys", ["https://10.0.0.1/keys", "https://127.0.0.1:1/keys", "https://inside.test/keys"])
async def test_keys_are_not_fetched_further_in_than_their_issuer(keys: str, monkeypatch: pytest.MonkeyPatch):
    network = Network(monkeypatch)
    network.names["inside.test"] = "192.168.0.1"

    async def configuration(request: web.Request) -> web.Response:
        return web.json_response({"issuer": "http://issuer.test", "jwks_uri": keys})

    async with serving(configuration) as address:
        network.place("issuer.test", "8.8.8.8", 80, address)
        assert await refused("http://issuer.test") == "the issuer cannot be reached or answers nonsense"
    assert network.dialled == ["8.8.8.8:80"]


ANSWERS: dict[str, Callable[[], web.Response]] = {
    "nothing": lambda: web.Response(body=b""),
    "a list": lambda: web.json_response([]),
    "null": lambda: web.json_response(None),
    "something deep": lambda: web.Response(text='{"x":' + DEEP),
    "something large": lambda: web.Response(body=b" " * (256 * 1024 + 1)),
    "a redirect": lambda: web.Response(status=302, headers={"Location": "/x"}),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_what_is_no_configuration_is_refused(answer: Callable[[], web.Response]):
    async def handler(request: web.Request) -> web.Response:
        return answer()

    async with serving(handler) as address:
        said = await refused(f"http://{address}")
    assert said in {"the issuer cannot be reached or answers nonsense", "the issuer answers 302"}
