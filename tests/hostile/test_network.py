"""Rows 4, 5, 7 and 11: servers that drip or fall silent, lead elsewhere, or want to be left alone."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from gotk.duration import Duration
from gotk.oci import name
from gotk.oci.access import Access
from tests.gotk.oci.serving import serving
from tests.hostile.network import Network
from tests.hostile.registry import HostileRegistry, dripping, guarded, honest, linking, raw, redirecting, saying
from tests.hostile.scene import LoopTime, memory_within, scene
from tests.virtual_clock import in_virtual_time

YEAR = 365 * 24 * 3600
REFLECTING = {"policy": {"semver": {"range": "1.x"}}, "digestReflectionPolicy": "Always", "interval": "10m"}


@in_virtual_time
async def test_row_04_a_server_that_drips_or_falls_silent():
    clock = LoopTime()
    async with scene(time=clock, timeout=Duration.of(20)) as it, serving(honest("1")) as healthy:
        for trick, message in (
            (dripping(b" ", 10), "tags/list: no complete answer within 20s"),
            (dripping(b"", 3600), "tags/list: no complete answer within 20s"),
            (dripping(b"", 3600, headers=False), "tags/list: no complete answer within 20s"),
        ):
            begin = clock.monotonic()
            async with asyncio.TaskGroup() as group:
                slow = group.create_task(it.survives(trick, message))
                listing = await it.client.list_tags(name.parse(f"{healthy}/app"), Access())
                assert (listing.tags, clock.monotonic() - begin < 1, slow.done()) == (["1"], True, False)
            assert clock.monotonic() - begin == pytest.approx(20, abs=1)
        with memory_within(4 << 20):
            await it.survives(raw(b"HTTP/1.1 200 OK\r\nX-Endless: " + b"x" * 1_000_000), "GET http")


async def test_row_05_redirects_into_private_networks_and_other_schemes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    network, inside = Network(monkeypatch), HostileRegistry(honest("9.9.9"))
    async with serving(inside) as admin, scene(insecure=True) as it:
        # The same registry again, as one on the Internet: there, this machine and its neighbours are out of bounds.
        port = admin.rpartition(":")[2]
        network.place("registry.example", "8.8.8.8", 80, it.address)
        network.place("hop.example", "9.9.9.9", 80, it.address)
        network.names |= {"rebound.example": "127.0.0.1", "metadata.example": "169.254.169.254"}
        it.move("registry.example")
        network.dialled.clear()
        await it.good_times()

        async def hopping(request: web.Request) -> web.StreamResponse:
            onward = f"http://127.0.0.1:{port}/" if request.host == "hop.example" else "http://hop.example/"
            return await redirecting(onward)(request)

        private = "the server leads to a private address; refused"
        for trick, message in (
            (redirecting(f"http://127.0.0.1:{port}/v2/app/tags/list"), private),
            (redirecting(f"http://localhost:{port}/v2/app/tags/list"), private),
            (redirecting(f"http://2130706433:{port}/v2/app/tags/list"), private),
            (redirecting(f"http://0x7f.1:{port}/v2/app/tags/list"), private),
            (redirecting(f"http://[::ffff:127.0.0.1]:{port}/v2/app/tags/list"), private),
            (redirecting(f"http://[::1]:{port}/v2/app/tags/list"), private),
            (redirecting(f"http://0.0.0.0:{port}/v2/app/tags/list"), private),
            (redirecting(f"http://rebound.example:{port}/v2/app/tags/list"), private),
            (redirecting("http://169.254.169.254/latest/meta-data/"), private),
            (redirecting("http://metadata.example/latest/meta-data/"), private),
            (redirecting("http://[fd00:ec2::254]/latest/meta-data/"), private),
            (redirecting("http://10.0.0.1/"), private),
            (hopping, private),
            (redirecting("file:///etc/passwd"), "redirect to the scheme 'file' refused"),
            (redirecting("gopher://127.0.0.1/"), "redirect to the scheme 'gopher' refused"),
            (redirecting("http://["), "redirect to something that is no URL"),
            (redirecting("http://a:b:1/"), "redirect to something that is no URL"),
            (redirecting("http://registry.example:99999/"), "redirect to something that is no URL"),
            (redirecting("https:x"), "redirect to something that is no URL"),
            (redirecting("/v2/app/tags/list"), "more than 5 redirects"),
        ):
            await it.survives(trick, message)
        assert set(network.dialled) == {"8.8.8.8:443", "8.8.8.8:80", "9.9.9.9:80"}
        async with scene(certified=tmp_path) as certified:
            await certified.survives(redirecting(f"http://{admin}/"), "redirect to the scheme 'http' refused")
    assert inside.asked == []


async def test_row_07_pages_and_redirects_on_another_origin_get_no_credentials():
    stranger = HostileRegistry(honest("9.9.9"))
    async with serving(stranger) as elsewhere, scene(credentials=True) as it:
        port = elsewhere.rpartition(":")[2]
        await it.good_times()
        away = "the link to the next page leads away from 127.0.0.1: "
        for target in (
            f"http://localhost:{port}/v2/app/tags/list",
            f"http://127.0.0.1.evil.example:{port}/v2/app/tags/list",
            f"//evil.example:{port}/v2/app/tags/list",
            f"http://127.0.0.1@localhost:{port}/v2/app/tags/list",
            f"http://user:pass@{elsewhere}/v2/app/tags/list",
            "file:///etc/passwd",
        ):
            await it.survives(guarded(linking(target, "9.9.9")), away)
        for target in ("http://[", f"http://127.0.0.1:{port}:{port}/", "http://127.0.0.1:99999/"):
            await it.survives(guarded(linking(target, "9.9.9")), "the link to the next page is no URL")
        # A path that looks like a host is none of the list's: only a link's query is taken.
        for target in (f"http://{it.address}//{elsewhere}/v2/app/tags/list", f"////{elsewhere}/v2/app/tags/list"):
            await it.survives(guarded(linking(target, "9.9.9")), "")
            assert it.registry.asked[-1].path == "/v2/app/tags/list"
        assert stranger.asked == []

        # A redirect may lead to another origin, as registries do it with blobs: there we are nobody.
        stranger.trick = guarded(honest("9.9.9"))
        await it.survives(guarded(redirecting(f"http://{elsewhere}/list")), "unexpected status code 401")
        assert [asked.authorization for asked in stranger.asked] == [None]
        assert any(asked.authorization for asked in it.registry.asked)


@in_virtual_time
async def test_row_11_a_storm_of_too_many_requests():
    clock = LoopTime()
    async with scene(time=clock, policy=REFLECTING) as it, serving(honest("1")) as healthy:
        for header, after in ((str(YEAR), 3600), ("Fri, 31 Dec 9999 23:59:59 GMT", 3600), ("-5", None), ("soon", None)):
            before, begin = len(it.registry.asked), clock.monotonic()
            storm = saying('{"errors":[{"code":"TOOMANYREQUESTS"}]}', status=429, Retry_After=header)
            ended = await it.survives(storm, "TOOMANYREQUESTS")
            assert getattr(ended.error, "after", 0) == after
            # At most three tries, each later than the one before; none at all while the registry wants its peace.
            assert len(it.registry.asked) - before <= (1 if after else 6)
            assert clock.monotonic() - begin < 60
            assert (await it.client.list_tags(name.parse(f"{healthy}/app"), Access())).tags == ["1"]
            clock.passed += 3600

        it.registry.trick = saying("", status=429, Retry_After=str(YEAR))
        failed = await it.choose()
        assert failed.ready[:2] == ("False", "Failed")
        assert failed.ready[2].startswith("failed fetching digest of ")
