"""The metrics and health servers, over a socket."""

import itertools

import aiohttp
import pytest

from gotk.runtime import health
from gotk.runtime.metrics import DURATION_BUCKETS, Metrics
from gotk.runtime.reconciler import Key


async def get(port: int, path: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
        return response.status, await response.text(), response.headers["Content-Type"]


@pytest.mark.parametrize(
    ("address", "parsed"),
    [
        pytest.param(":8080", (None, 8080), id="every interface"),
        pytest.param("127.0.0.1:0", ("127.0.0.1", 0), id="a free port"),
        pytest.param("[::1]:9440", ("::1", 9440), id="version 6"),
        pytest.param("0", None, id="off"),
        pytest.param("", None, id="nothing is off"),
    ],
)
def test_an_address_is_read(address: str, parsed: tuple[str | None, int] | None) -> None:
    assert health.parse_address(address) == parsed


@pytest.mark.parametrize("address", ["8080", "host:http", ":70000", "host"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"invalid address .*: expected host:port, such as :8080"):
        health.parse_address(address)


async def test_health_follows_readiness() -> None:
    reasons = ["it has not begun", "nobody asked"]
    async with health.serve("127.0.0.1:0", health.health_app(unready=lambda: reasons)) as port:
        assert await get(port, "/healthz") == (200, "ok", "text/plain; charset=utf-8")
        assert (await get(port, "/readyz"))[:2] == (503, "not ready: it has not begun\nnot ready: nobody asked\n")
        reasons.clear()
        assert (await get(port, "/readyz"))[:2] == (200, "ok")


async def test_metrics_are_served_under_fluxs_names_and_go_with_their_object() -> None:
    metrics = Metrics()
    metrics.reconciled("ImagePolicy", Key("default", "app"), 0.2)
    async with health.serve(":0", health.metrics_app(metrics)) as port:
        status, text, content_type = await get(port, "/metrics")
        assert (status, content_type.partition(";")[0]) == (200, "text/plain")
        assert 'gotk_reconcile_duration_seconds_count{kind="ImagePolicy",name="app",namespace="default"} 1.0' in text
        assert "process_resident_memory_bytes" in text
        metrics.forget("ImagePolicy", Key("default", "app"))
        metrics.forget("ImagePolicy", Key("default", "never seen"))
        assert 'name="app"' not in (await get(port, "/metrics"))[1]


async def test_a_server_that_is_off_listens_nowhere() -> None:
    async with health.serve("0", health.health_app(unready=list)) as port:
        assert port == 0


def test_the_buckets_are_ten_from_ten_milliseconds_to_half_an_hour() -> None:
    assert len(DURATION_BUCKETS) == 10
    assert (DURATION_BUCKETS[0], round(DURATION_BUCKETS[-1], 6)) == (0.01, 1800)
    ratios = {round(b / a, 6) for a, b in itertools.pairwise(DURATION_BUCKETS)}
    assert len(ratios) == 1


def test_two_instances_never_meet() -> None:
    first, second = Metrics(process=False), Metrics(process=False)
    first.reconciled("A", Key("b", "c"), 1.0)
    assert 'name="c"' not in second.render()[0].decode()
