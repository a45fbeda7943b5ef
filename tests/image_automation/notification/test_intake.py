"""What is kept of an event, and when it is the same as another one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_automation.notification import intake, notice
from tests.image_automation.notification import scene

GROUP = scene.GROUP


def test_only_the_groups_and_the_free_keys_are_kept() -> None:
    kept = {f"{GROUP}/revision": "a", "event.toolkit.fluxcd.io/team": "b", f"{GROUP}/token": "c"}
    dropped = {f"{GROUP}/checksum": "d", f"{GROUP}/digest": "e", "other.io/x": "f", "bare": "g"}
    assert intake.cleaned(scene.notice(metadata={**kept, **dropped})).metadata == kept


def test_the_key_is_fluxs() -> None:
    involved = notice.Involved(name="webapp", namespace="apps", kind="Kustomization", api_version=f"{GROUP}/v1")
    event = scene.notice("m", involved_object=involved, metadata={f"{GROUP}/revision": "main@sha1:abc"})
    assert intake.key(event) == "51086d4ae18c9f0444f299ca6d568dcf2be57b81490f9c9e6e6522552ddbf9d3"


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
    assert (intake.key(event) == intake.key(scene.notice(**{"message": "m", "metadata": {}, **changes}))) is same


def test_the_same_event_passes_once_an_interval() -> None:
    once = intake.Once(300)
    answers = [once.ask(key, now) for key, now in (("a", 0), ("a", 299), ("b", 299), ("a", 300))]
    assert [answer.passes for answer in answers] == [True, False, True, True]
    headers = answers[1].headers(scene.NOON)
    assert headers["Retry-After"] == headers["X-RateLimit-Reset"] == "Thu, 01 Jan 2026 12:00:01 UTC"
    assert "Retry-After" not in answers[0].headers(scene.NOON)


def test_no_interval_lets_everything_through() -> None:
    once = intake.Once(0)
    assert [once.ask("a", 0).passes for _ in range(3)] == [True, True, True]


def test_a_flood_of_different_events_leaves_memory_flat() -> None:
    once = intake.Once(300)
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
