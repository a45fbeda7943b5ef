import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import prometheus_client
import pytest

from gotk.cloud.cache import Subject, TokenCache

SUBJECT = Subject("ImageRepository", "team", "app")


@dataclass
class Token:
    expires: datetime


class Time:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Source:
    """Makes tokens that live for an hour, and counts."""

    def __init__(self, time: Time, life: float = 3600) -> None:
        self.time, self.life, self.made = time, life, 0

    async def __call__(self) -> Token:
        self.made += 1
        await asyncio.sleep(0)
        return Token(datetime.fromtimestamp(self.time.now + self.life, UTC))


@pytest.mark.parametrize(
    ("life", "longest", "after", "made"),
    [
        (1000, 3600, 799, 1),
        (1000, 3600, 801, 2),
        (1000, 60, 61, 2),
        (90_000, 90_000, 3599, 1),
        (90_000, 90_000, 3601, 2),
    ],
    ids=["within four fifths", "beyond four fifths", "beyond the longest", "within the hour", "an hour is the cap"],
)
async def test_a_token_is_kept_for_most_of_its_life(life: float, longest: float, after: float, made: int):
    time = Time()
    source, cache = Source(time, life), TokenCache(now=time, max_duration=longest)
    await cache.get(("k",), SUBJECT, source)
    time.now += after
    await cache.get(("k",), SUBJECT, source)
    assert source.made == made


async def test_who_asks_meanwhile_gets_the_same_token():
    time = Time()
    source, cache = Source(time), TokenCache(now=time)
    tokens = await asyncio.gather(*(cache.get(("k",), SUBJECT, source) for _ in range(5)))
    assert source.made == 1
    assert len(set(map(id, tokens))) == 1


async def test_the_least_recently_used_token_goes_first_and_all_is_counted():
    time, registry = Time(), prometheus_client.CollectorRegistry()
    source, cache = Source(time), TokenCache(now=time, max_size=2, registry=registry)
    for key in ("a", "b", "a", "c", "b"):
        await cache.get((key,), SUBJECT, source)
    labels = {"kind": "ImageRepository", "namespace": "team", "name": "app", "operation": "reconcile"}
    counted = {
        "made": source.made,
        "hits": registry.get_sample_value("gotk_token_cache_events_total", labels | {"event_type": "cache_hit"}),
        "misses": registry.get_sample_value("gotk_token_cache_events_total", labels | {"event_type": "cache_miss"}),
        "items": registry.get_sample_value("gotk_token_cached_items"),
        "evictions": registry.get_sample_value("gotk_token_cache_evictions_total"),
        "requests": registry.get_sample_value("gotk_token_cache_requests_total", {"status": "success"}),
    }
    assert counted == {"made": 4, "hits": 1, "misses": 4, "items": 2, "evictions": 2, "requests": 4}
    cache.forget(SUBJECT)
    assert registry.get_sample_value("gotk_token_cache_events_total", labels | {"event_type": "cache_hit"}) is None


async def test_size_zero_keeps_nothing():
    time = Time()
    source, cache = Source(time), TokenCache(now=time, max_size=0)
    for _ in range(2):
        await cache.get(("k",), SUBJECT, source)
    assert source.made == 2


async def test_a_failure_is_raised_and_not_kept():
    time = Time()
    cache, source = TokenCache(now=time), Source(time)

    async def failing() -> Token:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await cache.get(("k",), SUBJECT, failing)
    await cache.get(("k",), SUBJECT, source)
    assert source.made == 1
