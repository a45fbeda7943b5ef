"""Watches go on where they stopped, as far back as the history reaches: so many events, so many bytes."""

import itertools
from pathlib import Path

import pytest

from gotk.apiserver import ControlPlane
from gotk.apiserver.status import Refusal
from gotk.apiserver.storage import history
from gotk.apiserver.storage.history import Encodings, History
from gotk.apiserver.storage.store import Event, Key, Stored
from tests.gotk.apiserver.caller import Caller

NUMBERS = itertools.count(1)


def event(kind: str, size: int, revision: int = 0, *, before: int = 0) -> Event:
    def stored(length: int) -> Stored:
        return Stored(Key(kind, "default", "a"), "u", revision or next(NUMBERS), b"x" * length, {})

    return Event("MODIFIED", stored(size), stored(before) if before else None)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "EVENTS", 10)
    monkeypatch.setattr(history, "KIND_BYTES", 1000)
    monkeypatch.setattr(history, "BYTES", 1500)


@pytest.mark.parametrize(
    ("count", "size", "reach"),
    [(10, 1, 0), (11, 1, 1), (4, 250, 0), (5, 250, 1), (20, 250, 16), (1, 5000, 1)],
    ids=["as many", "one too many", "as large", "too large", "much too large", "larger than all"],
)
def test_a_kind_is_remembered_so_far(count: int, size: int, reach: int) -> None:
    past = History(0)
    for revision in range(1, count + 1):
        past.add(event("a", size, revision))
    assert [each.current.revision for each in past.after("a", reach, count)] == list(range(reach + 1, count + 1))
    if reach:
        with pytest.raises(Refusal) as refused:
            past.after("a", reach - 1, count)
        assert (refused.value.code, refused.value.reason) == (410, "Expired")


def test_what_an_event_replaced_counts_too() -> None:
    past = History(0)
    past.add(event("a", 400, 1, before=500))
    past.add(event("a", 101, 2))
    assert past.size == 101


def test_all_kinds_together_have_a_bound_and_the_largest_gives_way() -> None:
    past = History(0)
    for revision in range(1, 10):
        past.add(event("a", 100, revision))
    past.add(event("b", 600, 10))
    assert past.size == 1500
    past.add(event("c", 1, 11))
    assert past.size == 1401
    assert len(past.after("b", 9, 11)) == len(past.after("c", 10, 11)) == 1
    assert len(past.after("a", 1, 11)) == 8


def test_encodings_are_kept_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "ENCODED", 100)
    encodings, events = Encodings(), [event("a", 1) for _ in range(3)]
    for each in events:
        encodings.keep(each, "x", b"y" * 50)
    assert [each.encoded for each in events] == [{}, {"x": b"y" * 50}, {"x": b"y" * 50}]


async def test_watches_of_what_was_forgotten_are_told_to_list_anew(tmp_path: Path) -> None:
    leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"  # nobody else writes any
    async with ControlPlane(tmp_path) as plane, Caller(plane.kubeconfig) as api:
        first = (await api.post(leases, {"metadata": {"name": "a"}})).body["metadata"]["resourceVersion"]
        for number in range(3):
            await api.patch(f"{leases}/a", {"spec": {"holderIdentity": str(number) * 400}})
        async with api.watch(f"{leases}?watch=true&resourceVersion={first}") as events:
            assert await events.error() == (410, "Expired")
        newest = (await api.get(leases)).body["metadata"]["resourceVersion"]
        async with api.watch(f"{leases}?watch=true&resourceVersion={newest}") as events:
            await api.patch(f"{leases}/a", {"spec": {"holderIdentity": "b"}})
            assert (await events.next())["object"]["spec"] == {"holderIdentity": "b"}


def test_only_who_is_sent_just_the_same_is_sent_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "JOINED", 10)
    kept, notices = Encodings(), [object(), object()]
    kept.keep_joined(notices, "v1", b"ab")
    kept.keep_joined(notices, "v2", b"x" * 11)
    assert kept.joined(list(notices), "v1") == b"ab"
    assert kept.joined(notices[:1], "v1") is None
    assert kept.joined(notices, "v2") is None
    kept.keep_joined(notices, "v3", b"cd")
    assert (kept.joined(notices, "v1"), kept.joined(notices, "v3")) == (None, b"cd")
