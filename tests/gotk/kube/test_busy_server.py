"""An API server that is busy is asked again when it says so; and its refusals are read whole."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from gotk.kube import errors
from gotk.kube import transport as transport_
from gotk.kube.client import Client
from gotk.kube.config import Config
from gotk.kube.credentials import constant
from gotk.kube.transport import Transport
from tests.gotk.oci.serving import serving

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def asking(handler: Handler, timeout: float = 30.0) -> AsyncIterator[Transport]:
    async with serving(handler) as address:
        config = Config(host=f"http://{address}", origin="a test", authorization=constant(None))
        async with Transport(config, timeout=timeout) as transport:
            yield transport


class Busy:
    """Refuses so many requests, and then answers."""

    def __init__(self, refusals: int, status: int = 429, **headers: str) -> None:
        self.left, self.asked = refusals, 0
        self._status, self._headers = status, {name.replace("_", "-"): text for name, text in headers.items()}

    async def __call__(self, request: web.Request) -> web.Response:
        self.asked += 1
        body = await request.read()
        if self.left:
            self.left -= 1
            return web.json_response({"message": "too many requests"}, status=self._status, headers=self._headers)
        return web.Response(body=body or b"{}")


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("status", [429, 500, 503, 504])
async def test_a_busy_server_is_asked_again(method: str, status: int):
    server = Busy(10, status, Retry_After="0")
    async with asking(server) as transport:
        assert await transport.request(method, "/api", body=b'{"a":1}') == b'{"a":1}'
    assert server.asked == 11


async def test_it_is_asked_ten_times_more_and_no_more():
    server = Busy(100, Retry_After="0")
    async with asking(server) as transport:
        with pytest.raises(errors.APIError, match="too many requests") as caught:
            await transport.request("GET", "/api")
    assert (server.asked, caught.value.code) == (11, 429)


@pytest.mark.parametrize(
    ("status", "headers"),
    [(429, {}), (503, {"Retry_After": "soon"}), (409, {"Retry_After": "0"}), (429, {"Retry_After": "3600"})],
    ids=["it says nothing", "it says no number", "it is not busy", "it asks for more time than there is"],
)
async def test_another_refusal_is_final(status: int, headers: dict[str, str]):
    server = Busy(1, status, **headers)
    async with asking(server) as transport:
        with pytest.raises(errors.APIError):
            await transport.request("GET", "/api")
    assert server.asked == 1


async def test_a_refusal_that_comes_in_pieces_is_read_whole():
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=409)
        await response.prepare(request)
        for piece in (b'{"kind":"Status","reason":"Already', b'Exists","message":"web exis', b'ts"}'):
            await response.write(piece)
            await asyncio.sleep(0.01)
        await response.write_eof()
        return response

    async with asking(handler) as transport:
        with pytest.raises(errors.AlreadyExists, match="web exists"):
            await transport.request("POST", "/api", body=b"{}")


async def test_a_refusal_without_end_is_cut():
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        for _ in range(64):
            await response.write(b"x" * (1 << 16))
        return response

    async with asking(handler) as transport:
        with pytest.raises(errors.APIError) as caught:
            await transport.request("GET", "/api")
    assert len(caught.value.message) == 200


async def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(transport_, "_BODY_LIMIT", 1 << 20)

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x" * (1 << 16))
        return response

    async with asking(handler) as transport:
        with pytest.raises(errors.Unreachable, match="the answer is larger than 1 MiB"):
            await transport.request("GET", "/api")


ANSWERS = {
    "no JSON": b"<html>",
    "no object": b"[]",
    "other resources": b'{"resources": [1]}',
    "resources that are none": b'{"resources": 7}',
}


@pytest.mark.parametrize("body", ANSWERS.values(), ids=ANSWERS.keys())
async def test_a_server_that_is_no_kubernetes_api_is_said_to_be_none(body: bytes):
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body)

    async with asking(handler) as transport, Client(transport.config) as client:
        with pytest.raises(errors.Unreachable, match="Kubernetes API"):
            await client.get_object("v1", "ConfigMap", "default", "x")
