"""How requests reach a service, and what is said where they do not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from gotk.http import route
from gotk.http.exchange import Unusable
from gotk.http.proxy import Proxy
from image_automation.notification.delivery.accounts import Delivery
from image_automation.notification.delivery.sending import HTTPSender, SendError, masked
from image_automation.notification.providers import catalog
from tests.gotk.oci.socks import socks_proxy
from tests.image_automation.notification import scene
from tests.virtual_clock import VirtualClock, in_virtual_time


@dataclass
class Service:
    """Answers with the statuses it is given, the last of them for ever."""

    statuses: list[int]
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    seen: list[web.BaseRequest] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        await request.read()
        self.times.append(asyncio.get_running_loop().time())
        self.seen.append(request)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, text="no, t0ken\x1b[1m" if status >= 300 else "", headers=self.headers)


@contextlib.asynccontextmanager
async def service(*statuses: int, headers: dict[str, str] | None = None) -> AsyncIterator[Service]:
    made = Service(list(statuses), headers=headers or {})
    runner = web.ServerRunner(web.Server(made.answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/s3cret"
    try:
        yield made
    finally:
        await runner.cleanup()


async def send(url: str, *, timeout: float = 60.0, proxy: str = "", environment: dict[str, str] | None = None) -> None:
    account = scene.account("slack", url, secret={"address": url.encode()})
    line = Delivery(account=account, timeout=timeout, proxy=Proxy.parse(proxy) if proxy else None)
    sender = HTTPSender(clock=VirtualClock(), route=route.from_environment(environment or {}))
    await sender.send(catalog.TYPES["slack"](scene.notice(), account), line)


@in_virtual_time
async def test_a_service_that_stumbles_is_tried_again_after_longer_and_longer_waits() -> None:
    async with service(500, 503, 429, 200) as found:
        await send(found.url)
    assert [round(b - a) for a, b in zip(found.times, found.times[1:], strict=False)] == [2, 4, 8]


@in_virtual_time
async def test_a_service_that_stays_broken_is_left_after_four_retries() -> None:
    async with service(500) as found:
        with pytest.raises(SendError, match=r"^request failed with status code 500: no, \*\*\*\*\*\[1m$"):
            await send(found.url)
    assert len(found.times) == 5


@in_virtual_time
async def test_the_wait_that_a_service_asks_for_is_kept_if_the_timeout_has_room() -> None:
    async with service(429, 200, headers={"Retry-After": "45"}) as found:
        await send(found.url)
    assert round(found.times[1] - found.times[0]) == 45
    async with service(429, 200, headers={"Retry-After": "999999"}) as found:
        with pytest.raises(SendError, match=r"^no success within 60s: request failed with status code 429"):
            await send(found.url)
    assert len(found.times) == 1


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404])
def test_an_answer_that_no_retry_changes_is_an_error_at_once(status: int) -> None:
    @in_virtual_time
    async def check() -> None:
        async with service(status, headers={"Location": "http://127.0.0.1:1/"}) as found:
            with pytest.raises(SendError, match=f"status code {status}"):
                await send(found.url)
        assert len(found.times) == 1

    check()


@in_virtual_time
async def test_the_timeout_spans_all_attempts() -> None:
    async with service(500) as found:
        with pytest.raises(SendError, match=r"^no success within 5s: request failed with status code 500: "):
            await send(found.url, timeout=5)
    assert len(found.times) == 2


@in_virtual_time
@pytest.mark.parametrize("user", ["", "user:p%40ss@"], ids=["anonymous", "with a password"])
async def test_a_socks_proxy_resolves_names_and_connects(user: str) -> None:
    async with service(200) as found, socks_proxy(found.url.split("/")[2]) as proxy:
        await send("http://slack.invalid/hooks/x", proxy=f"socks5://{user}{proxy.address}")
    assert [each.partition(":")[0] for each in proxy.wanted] == ["slack.invalid"]
    assert proxy.users == ([("user", "p@ss")] if user else [])
    assert found.seen[0].headers["Host"] == "slack.invalid"


@in_virtual_time
async def test_a_socks_proxy_of_the_environment_is_asked_too() -> None:
    async with service(200) as found, socks_proxy(found.url.split("/")[2]) as proxy:
        await send("http://slack.invalid/hooks/x", environment={"HTTP_PROXY": f"socks5://user:p@{proxy.address}"})
    assert [each.partition(":")[0] for each in proxy.wanted] == ["slack.invalid"]
    assert proxy.users == [("user", "p")]


@in_virtual_time
async def test_a_socks_proxy_that_refuses_is_named_without_its_password() -> None:
    async with socks_proxy("127.0.0.1:1") as proxy:
        proxy.refuse = True
        with pytest.raises(SendError) as raised:
            await send("http://slack.invalid/hooks/x", proxy=f"socks5://user:hunter2@{proxy.address}")
    assert "slack.invalid" in str(raised.value)
    assert "hunter2" not in str(raised.value)


@in_virtual_time
@pytest.mark.parametrize("whose", ["the Provider's", "the environment's"])
async def test_a_proxy_is_asked_instead(whose: str) -> None:
    async with service(200) as proxy:
        address = proxy.url.replace("http://", "http://user:pass@")
        chosen = {"proxy": address} if whose == "the Provider's" else {}
        await send("http://slack.invalid/hooks/x", environment={"HTTP_PROXY": address}, **chosen)
    assert proxy.seen[0].headers["Host"] == "slack.invalid"
    assert proxy.seen[0].headers["Proxy-Authorization"].startswith("Basic ")


BAD: dict[str, tuple[str, str]] = {
    "nobody listens": ("http://127.0.0.1:1/hooks/s3cret", "cannot reach 127.0.0.1: connect"),
    "no such scheme": ("ftp://example.com/s3cret", "the address is not an http or https URL"),
    "no URL at all": ("s3cret", "the address is not an http or https URL"),
    "the cloud's metadata": ("http://169.254.169.254/latest", "169.254.169.254 is a link-local or metadata address"),
    "the same in IPv6": ("http://[::ffff:169.254.169.254]/x", "link-local or metadata address"),
}


@pytest.mark.parametrize(("url", "message"), BAD.values(), ids=BAD)
def test_a_bad_address_is_said_without_its_secret(url: str, message: str) -> None:
    @in_virtual_time
    async def check() -> None:
        with pytest.raises((SendError, Unusable)) as raised:
            await send(url)
        assert message in str(raised.value)
        assert "s3cret" not in str(raised.value)

    check()


MASKS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "a token": ("bad token abc123", ("abc123",), "bad token *****"),
    "a token in a URL": ("at https://x.io/botabc:123/send", ("abc:123",), "at https://x.io/*****"),
    "an encoded token": ("q=a%2Fb", ("a/b",), "q=*****"),
    "the longer first": ("secret-long", ("secret", "secret-long"), "*****"),
}


@pytest.mark.parametrize(("text", "secrets", "shown"), MASKS.values(), ids=MASKS)
def test_secrets_are_masked(text: str, secrets: tuple[str, ...], shown: str) -> None:
    assert masked(text, secrets) == shown
