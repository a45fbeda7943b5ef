"""What is kept of an event, and when it is the same as another one."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_automation.notification import notice
from image_automation.notification.alerts import deduplication
from tests.image_automation.notification import scene

GROUP = scene.GROUP


def test_only_the_groups_and_the_free_keys_are_kept() -> None:
    kept = {f"{GROUP}/revision": "a", "event.toolkit.fluxcd.io/team": "b", f"{GROUP}/token": "c"}
    dropped = {f"{GROUP}/checksum": "d", f"{GROUP}/digest": "e", "other.io/x": "f", "bare": "g"}
    assert deduplication.cleaned(scene.notice(metadata={**kept, **dropped})).metadata == kept


def test_the_key_is_fluxs() -> None:
    involved = notice.Involved(name="webapp", namespace="apps", kind="Kustomization", api_version=f"{GROUP}/v1")
    event = scene.notice("m", involved_object=involved, metadata={f"{GROUP}/revision": "main@sha1:abc"})
    assert deduplication.key(event) == "51086d4ae18c9f0444f299ca6d568dcf2be57b81490f9c9e6e6522552ddbf9d3"


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"severity": "info"}, True),
        ({"reason": "Other"}, True),
        ({"message": "other"}, False),
        ({"metadata": {f"{GROUP}/token": "2"}}, False),
        ({"metadata": {f"{GROUP}/revision": "2"}}, False),
        ({"metadata": {f"{GROUP}/x": "2"}}, True),
    ],
    ids=["severity", "reason", "message", "token", "revision", "other metadata"],
)
def test_events_are_the_same_but_for(changes: dict[str, object], same: bool) -> None:
    event = scene.notice("m", metadata={})
    assert (
        deduplication.key(event) == deduplication.key(scene.notice(**{"message": "m", "metadata": {}, **changes}))
    ) is same


def test_the_same_event_passes_once_an_interval() -> None:
    once = deduplication.Once(300)
    answers = [once.ask(key, now) for key, now in (("a", 0), ("a", 299), ("b", 299), ("a", 300))]
    assert [answer.passes for answer in answers] == [True, False, True, True]
    headers = answers[1].headers(scene.NOON)
    assert headers["Retry-After"] == headers["X-RateLimit-Reset"] == "Thu, 01 Jan 2026 12:00:01 UTC"
    assert "Retry-After" not in answers[0].headers(scene.NOON)


def test_no_interval_lets_everything_through() -> None:
    once = deduplication.Once(0)
    assert [once.ask("a", 0).passes for _ in range(3)] == [True, True, True]


def test_a_flood_of_different_events_leaves_memory_flat() -> None:
    once = deduplication.Once(300)
    for number in range(40_000):
        once.ask(str(number), 0)
    assert len(once) <= 16_384


@given(st.binary(max_size=200))
def test_any_body_is_an_event_or_a_value_error(body: bytes) -> None:
    try:
        found = notice.read(body)
    except ValueError:
        return
    assert notice.read(__import__("msgspec").json.encode(found.as_json())).message == found.message


TIMES = ("2026-01-01T12:00:00Z", "0000-00-00T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
         "2026-01-01T12:00:00+99:99", "2026-13-01T12:00:00Z", "2026-01-01T12:00:60Z")  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(TIMES),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
NAMES = st.sampled_from(["message", "MESSAGE", "involvedObject", "timestamp", "metadata", "severity", "Reason", "x"])


@given(st.dictionaries(NAMES, JSON))
def test_whatever_is_posted_is_an_event_that_can_be_told_or_a_value_error(body: dict[str, Any]) -> None:
    try:
        found = notice.read(json.dumps(body).encode())
    except ValueError:
        return
    told = notice.read(json.dumps(deduplication.cleaned(found).as_json()).encode())
    assert deduplication.key(told) == deduplication.key(deduplication.cleaned(found))


@pytest.mark.parametrize("time", TIMES)
def test_a_time_at_the_edge_is_a_time_or_a_value_error(time: str) -> None:
    with contextlib.suppress(ValueError):
        assert notice.read(json.dumps({"timestamp": time}).encode()).as_json()["timestamp"].endswith("Z")


def test_the_interval_begins_anew_when_an_event_passes() -> None:
    once = deduplication.Once(300)
    assert [once.ask("a", now).passes for now in (0, 450, 749, 750)] == [True, True, False, True]
