"""How gently registries are asked: once, a few at a time, less when they push back, and never for nothing."""

import asyncio
import random
from datetime import UTC, datetime

import pytest
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from gotk.http import pace
from gotk.http.flights import Flights
from gotk.http.limits import Gate
from gotk.http.proxy import Proxy
from gotk.http.transport import Transport
from gotk.oci import errors, name
from gotk.oci.access import Access
from gotk.oci.client import RegistryClient
from gotk.oci.keychain import Credentials
from tests.gotk.oci.serving import serving, tag_list
from tests.gotk.oci.socks import socks_proxy
from tests.gotk.oci.test_client import Time

DIRECT = Access(timeout=20)
ALICE = Access(timeout=20, credentials=Credentials(username="alice", password="a"))


def client_of(time: Time, **options: object) -> RegistryClient:
    return RegistryClient(monotonic=time.monotonic, sleep=time.sleep, chance=random.Random(1), **options)  # type: ignore[arg-type] # whatever a test wants


async def test_who_asks_for_the_same_at_the_same_moment_shares_the_answer():
    asked: list[str] = []
    go, both = asyncio.Event(), asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.headers.get("Authorization", ""))
        if len(asked) == 2:
            both.set()
        await go.wait()
        return tag_list("1")

    async with serving(handler) as address, client_of(Time()) as client, asyncio.TaskGroup() as group:
        app = name.parse(f"{address}/app")
        same = [group.create_task(client.list_tags(app, DIRECT)) for _ in range(5)]
        same += [group.create_task(client.list_tags(app, ALICE)) for _ in range(2)]
        await both.wait()
        go.set()
        listings = await asyncio.gather(*same)
    assert [listing.tags for listing in listings] == [["1"]] * 7
    assert len(asked) == 2


async def test_the_next_in_line_takes_over_from_one_who_was_cancelled():
    flights: Flights[str, int] = Flights()
    began = asyncio.Event()

    async def forever() -> int:
        began.set()
        await asyncio.Event().wait()
        return 1

    async def soon() -> int:
        return 2

    async with asyncio.TaskGroup() as group:
        first = group.create_task(flights.share("k", forever))
        await began.wait()
        second = group.create_task(flights.share("k", soon))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == 2


async def test_a_shared_failure_is_everybodys():
    flights: Flights[str, int] = Flights()

    async def failing() -> int:
        await asyncio.sleep(0)
        raise ConnectionError

    found = await asyncio.gather(*(flights.share("k", failing) for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in found] == [ConnectionError] * 3


async def test_a_steady_scan_is_one_request():
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path == "/token":
            return web.json_response({"token": "t", "expires_in": 300})
        if "Authorization" not in request.headers:
            realm = f'Bearer realm="http://{request.host}/token",service="s"'
            return web.Response(status=401, headers={"WWW-Authenticate": realm})
        return tag_list("1")

    async with serving(handler) as address, client_of(Time()) as client:
        for _ in range(3):
            await client.list_tags(name.parse(f"{address}/app"), DIRECT)
    assert asked == ["/v2/app/tags/list", "/token", *["/v2/app/tags/list"] * 3]


async def test_what_has_not_changed_is_not_sent_again():
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers.get("If-None-Match", ""))
        if "last" in request.query:
            return tag_list("2")
        if seen[-1] == '"v1"':
            return web.Response(status=304)
        answer = tag_list("1", link='</v2/app/tags/list?last=1>; rel="next"')
        answer.headers["ETag"] = '"v1"'
        return answer

    async with serving(handler) as address, client_of(Time()) as client:
        app = name.parse(f"{address}/app")
        listings = [await client.list_tags(app, access) for access in (DIRECT, DIRECT, ALICE)]
    assert [listing.tags for listing in listings] == [["1", "2"]] * 3
    assert len({listing.digest for listing in listings}) == 1
    assert seen == ["", "", '"v1"', "", "", ""]


async def test_not_modified_without_having_been_asked_is_no_list():
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=304)

    async with serving(handler) as address, client_of(Time()) as client:
        with pytest.raises(errors.BadAnswer, match="304"):
            await client.list_tags(name.parse(f"{address}/app"), DIRECT)


async def test_a_registry_that_pushes_back_gets_half_and_earns_it_back():
    time = Time()
    gate = Gate(8, monotonic=time.monotonic, sleep=time.sleep, jitter=lambda a, b: 1.0)
    limits = []
    for _ in range(4):
        gate.pushed_back()
        gate.pushed_back()
        limits.append(gate.limit)
        time.now += 2
    assert limits == [4, 2, 1, 1]
    assert gate.pause == pytest.approx(0.4)
    for _ in range(60):
        gate.succeeded()
    assert (gate.limit, gate.pause) == (8, 0)


async def test_after_a_push_back_beginnings_are_spread():
    time = Time()
    gate = Gate(8, monotonic=time.monotonic, sleep=time.sleep, jitter=lambda a, b: 1.0)
    gate.pushed_back()
    for _ in range(3):
        async with gate:
            pass
    assert time.now == pytest.approx(0.1)


async def test_a_gate_lets_so_many_in_and_the_others_in_order_even_when_some_give_up():
    time = Time()
    gate = Gate(2, monotonic=time.monotonic, sleep=time.sleep, jitter=lambda a, b: 1.0)
    inside: list[int] = []
    go = asyncio.Event()

    async def scan(number: int) -> None:
        async with gate:
            inside.append(number)
            await go.wait()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(scan(number)) for number in range(6)]
        await asyncio.sleep(0)
        tasks[2].cancel()
        await asyncio.sleep(0)
        assert inside == [0, 1]
        go.set()
    assert inside == [0, 1, 3, 4, 5]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "30"}, 30),
        ({"ratelimit-remaining": "0;w=21600", "RateLimit-Reset": "60"}, 60),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767268845"}, 45),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "99999"}, 3600),
        ({"RateLimit": '"default";r=0;t=12'}, 12),
        ({"RateLimit": "limit=10, remaining=0, reset=7"}, 7),
        ({"RateLimit-Remaining": "1", "RateLimit-Reset": "30"}, 0),
        ({"RateLimit-Remaining": "0"}, 0),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "soon"}, 0),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "9" * 400}, 0),
        ({}, 0),
    ],
    ids=[
        "seconds",
        "with a window",
        "a moment",
        "clamped",
        "one header, the newest draft",
        "one header, an older draft",
        "some are left",
        "no end known",
        "no number",
        "an endless number",
        "no header",
    ],
)
def test_a_window_without_requests_left_is_waited_out(headers: dict[str, str], seconds: float):
    moment = datetime.fromtimestamp(1767268800, UTC)
    assert pace.exhausted(CIMultiDict(headers), now=lambda: moment) == seconds


async def test_an_account_without_requests_left_does_not_ask():
    async def handler(request: web.Request) -> web.Response:
        answer = tag_list("1")
        if "Authorization" not in request.headers:
            answer.headers.update({"RateLimit-Remaining": "0", "RateLimit-Reset": "100"})
        return answer

    async with serving(handler) as address, client_of(Time()) as client:
        app = name.parse(f"{address}/app")
        await client.list_tags(app, DIRECT)
        with pytest.raises(errors.Unavailable, match="wants no requests for another 100s") as raised:
            await client.list_tags(app, DIRECT)
        assert raised.value.retry_after == 100
        token = Access(timeout=20, credentials=Credentials(registry_token="t"))
        assert (await client.list_tags(app, token)).tags == ["1"]


async def test_an_answer_that_drips_is_given_up():
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b" ")
            await asyncio.sleep(0.005)
        return response

    transport = Transport(grace=0.05, slowest=1e6)
    async with serving(handler) as address, client_of(Time(), transport=transport) as client:
        with pytest.raises(errors.Unreachable, match="comes at less than 1000000 bytes a second"):
            await client.list_tags(name.parse(f"{address}/app"), DIRECT)


@pytest.mark.parametrize("username", ["", "user"], ids=["anonymous", "with a password"])
async def test_a_socks5_proxy_is_used_and_resolves_the_name(username: str):
    async def handler(request: web.Request) -> web.Response:
        return tag_list(request.headers["Host"])

    async with serving(handler) as address, socks_proxy(address) as socks, client_of(Time()) as client:
        proxy = Proxy(url=URL(f"socks5://{socks.address}"), username=username, password="hunter2" if username else "")
        access = Access(timeout=20, proxy=proxy, insecure=True)
        listing = await client.list_tags(name.parse("registry.invalid:80/app"), access)
    assert listing.tags == ["registry.invalid"]
    assert set(socks.wanted) == {"registry.invalid"}
    assert set(socks.users) == ({("user", "hunter2")} if username else set())


async def test_a_socks5_proxy_that_refuses_is_an_error_that_names_it():
    async def handler(request: web.Request) -> web.Response:
        return tag_list("1")

    async with serving(handler) as address, socks_proxy(address) as socks, client_of(Time()) as client:
        socks.refuse = True
        proxy = Proxy(url=URL(f"socks5://{socks.address}"), username="u", password="hunter2")
        with pytest.raises(errors.Unreachable, match="socks5 proxy") as raised:
            await client.list_tags(name.parse("registry.invalid/app"), Access(timeout=20, proxy=proxy))
    assert "hunter2" not in str(raised.value)


async def test_no_socks5_proxy_there_is_an_error(unused_tcp_port: int):
    async with client_of(Time()) as client:
        proxy = Proxy(url=URL(f"socks5://127.0.0.1:{unused_tcp_port}"))
        with pytest.raises(errors.Unreachable, match="proxy"):
            await client.list_tags(name.parse("registry.invalid/app"), Access(timeout=20, proxy=proxy))
