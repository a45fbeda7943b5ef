"""Requests of the guarded client: where they may go, how much comes back, and what errors show of them."""

import contextlib
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from yarl import URL

from gotk.http import errors
from gotk.http.egress import Reach
from gotk.http.proxy import Proxy
from gotk.http.tls import TLS, InvalidTLS
from gotk.http.transport import Request, Transport
from tests.gotk.oci.serving import serving
from tests.hostile.network import Network


def get(url: str, *, limit: int = 1000, cut: bool = False, most: Reach = Reach.METADATA, label: str = "") -> Request:
    return Request(method="GET", url=URL(url), headers={}, limit=limit, cut=cut, most=most, label=label)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def saying(body: bytes, *, status: int = 200, **headers: str) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = web.StreamResponse(status=status, headers=named)
        await response.prepare(request)
        for start in range(0, len(body), 4096):
            await response.write(body[start : start + 4096])
        return response

    return handler


@contextlib.asynccontextmanager
async def asking(handler: Handler) -> AsyncIterator[tuple[Transport, str]]:
    async with serving(handler) as address, Transport() as transport:
        yield transport, f"http://{address}/x"


LONG = bytes(range(256)) * 400


async def test_a_sink_takes_the_body_instead_of_the_answer():
    pieces: list[bytes] = []
    async with asking(saying(LONG)) as (transport, url):
        answer = await transport.send(get(url, limit=len(LONG)), sink=pieces.append)
    assert (answer.status, answer.body, b"".join(pieces)) == (200, b"", LONG)


async def test_a_sink_gets_no_more_than_the_limit():
    pieces: list[bytes] = []
    async with asking(saying(LONG)) as (transport, url):
        with pytest.raises(errors.TooLarge, match=f"larger than the limit of {len(LONG) - 1} bytes"):
            await transport.send(get(url, limit=len(LONG) - 1), sink=pieces.append)
    assert len(b"".join(pieces)) < len(LONG)


async def test_a_sink_gets_nothing_of_a_refusal_whose_text_is_cut():
    pieces: list[bytes] = []
    async with asking(saying(LONG, status=404)) as (transport, url):
        answer = await transport.send(get(url, limit=1 << 30), sink=pieces.append)
    assert (answer.status, answer.body, pieces) == (404, LONG[: 64 * 1024], [])


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_a_body_may_be_cut_instead_of_refused(encoding: str):
    body, headers = (gzip.compress(LONG), {"Content_Encoding": "gzip"}) if encoding else (LONG, {})
    async with asking(saying(body, **headers)) as (transport, url):
        assert (await transport.send(get(url, limit=5000, cut=True))).body == LONG[:5000]
        assert (await transport.send(get(url, limit=len(LONG), cut=True))).body == LONG


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:169.254.169.254]/",
        "http://168.63.129.16/",
        "http://2852039166/",
        "http://named.test/",
    ],
)
async def test_what_may_reach_this_machine_may_not_reach_its_metadata(url: str, monkeypatch: pytest.MonkeyPatch):
    network = Network(monkeypatch)
    network.names["named.test"] = "169.254.169.254"
    async with Transport() as transport:
        with pytest.raises(errors.OutOfReach, match="the server leads to a private address; refused"):
            await transport.send(get(url, most=Reach.LOOPBACK))


async def test_a_redirect_may_not_lead_further_in_than_the_request():
    async with asking(saying(b"", status=302, Location="http://169.254.169.254/")) as (transport, url):
        with pytest.raises(errors.OutOfReach):
            await transport.send(get(url, most=Reach.LOOPBACK))


async def test_a_server_of_our_choice_may_point_into_its_own_network(monkeypatch: pytest.MonkeyPatch):
    network = Network(monkeypatch)
    async with asking(saying(b"here")) as (transport, url):
        network.names["inside.test"] = "127.0.0.1"
        named = str(URL(url).with_host("inside.test"))
        await transport.send(get(named, most=Reach.LOOPBACK))
        chosen = Request(method="GET", url=URL(url), headers={}, limit=10, chosen_by=URL(named), most=Reach.LOOPBACK)
        assert (await transport.send(chosen)).body == b"here"


HIDDEN: dict[str, str] = {
    "nobody listens": "http://127.0.0.1:1/s3cret",
    "no such name": "http://s3cret.invalid/s3cret",
    "no port": "http://127.0.0.1:0/s3cret",
}


@pytest.mark.parametrize("url", HIDDEN.values(), ids=HIDDEN)
async def test_a_label_stands_for_a_url_that_is_a_secret(url: str):
    async with Transport() as transport:
        with pytest.raises(errors.HTTPError) as raised:
            await transport.send(get(url, label="cannot reach the service"))
    assert str(raised.value).startswith("cannot reach the service: ")
    assert "/s3cret" not in str(raised.value)


async def test_a_header_that_cannot_be_sent_is_no_fault_of_the_network():
    async with asking(saying(b"")) as (transport, url):
        with pytest.raises(errors.BadAnswer) as raised:
            await transport.send(Request(method="GET", url=URL(url), headers={"X": "a\r\nb"}, limit=1))
    assert not raised.value.temporary


async def test_tls_files_that_cannot_be_used_are_no_answer_of_the_server():
    async with Transport() as transport:
        with pytest.raises(InvalidTLS):
            await transport.send(get("https://127.0.0.1:1/"), tls=TLS(ca=b"hunter2"))


async def test_a_proxy_that_is_named_comes_before_the_route():
    seen: list[str] = []

    async def proxy(request: web.Request) -> web.Response:
        seen.append(request.host)
        return web.Response(text="by proxy")

    async with (
        serving(proxy) as address,
        Transport(route=lambda url: Proxy(url=URL("http://127.0.0.1:1"))) as transport,
    ):
        answer = await transport.send(get("http://x.invalid/"), proxy=Proxy(url=URL(f"http://{address}")))
    assert (answer.body, seen) == (b"by proxy", ["x.invalid"])
