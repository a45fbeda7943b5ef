"""Changed values as steps between versions."""

from datetime import UTC, datetime

import pytest

from image_automation import bumps
from image_automation.update.result import Change, ObjectIdentifier

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


@pytest.mark.parametrize(
    ("old", "new", "level"),
    [
        ("1.4.2", "1.4.3", "patch"),
        ("1.4.2", "1.5.0", "minor"),
        ("v1.9", "v2.0", "major"),
        ("1.0.0-rc.1", "1.0.0", "prerelease"),
        ("1.4.3", "1.4.2", "older"),
        ("1.4.2+a", "1.4.2+b", ""),
        ("main-1", "main-2", ""),
        ("1.4.2@sha256:aaaa", "1.4.2@sha256:bbbb", "digest"),
        (A, B, "digest"),
    ],
)
def test_a_level_says_how_far_a_step_goes(old: str, new: str, level: str):
    assert bumps.level(old, new) == level


@pytest.mark.parametrize(
    ("setter", "old", "new", "step"),
    [
        ("n:p", "a/b:1.0", "a/b:1.1", ("1.0", "1.1")),
        ("n:p", "host:5000/b:1.0", "host:5000/b:1.1", ("1.0", "1.1")),
        ("n:p", "a/b", "a/b:1.1", ("a/b", "1.1")),
        ("n:p", f"a/b:1.0@{A}", f"a/b:1.0@{B}", ("1.0@sha256:aaaaaaaaaaaa", "1.0@sha256:bbbbbbbbbbbb")),
        ("n:p", "a/b:1.0", "c/b:1.0", ("a/b:1.0", "c/b:1.0")),
        ("n:p:tag", "1.0", "1.1", ("1.0", "1.1")),
        ("n:p:name", "a/b", "c/b", ("a/b", "c/b")),
        ("n:p:digest", A, B, ("sha256:aaaaaaaaaaaa", "sha256:bbbbbbbbbbbb")),
        ("n:p", "", "a/b:1.1", ("", "1.1")),
    ],
)
def test_a_step_is_read_out_of_the_values(setter: str, old: str, new: str, step: tuple[str, str]):
    (bump,) = bumps.steps([("f.yaml", Change(setter, old, new, 1))], lambda _, __: None)
    assert (bump.policy, bump.old, bump.new) == ("n/p", *step)


def test_parts_of_an_image_go_with_its_step():
    changes = [
        ("a.yaml", Change("n:p:name", "a/b", "c/b", 1)),
        ("a.yaml", Change("n:p:tag", "1.0", "1.1", 2, ObjectIdentifier("v1", "Pod", "x", "ns"))),
        ("a.yaml", Change("n:p:digest", A, B, 3)),
        ("b.yaml", Change("n:p:tag", "0.9", "1.1", 4)),
        ("b.yaml", Change("n:q:tag", "1", "2", 5)),
    ]
    found = bumps.steps(changes[:3], lambda _, __: datetime(2026, 1, 1, tzinfo=UTC))
    assert [(bump.old, bump.new, len(bump.places), bump.first_seen) for bump in found] == [
        ("1.0", "1.1", 3, "2026-01-01T00:00:00Z")
    ]
    assert found[0].places[0].object == "Pod/ns/x"
    found = bumps.steps(changes, lambda _, __: None)
    assert [(bump.policy, bump.old, bump.new) for bump in found] == [
        ("n/p", "0.9", "1.1"),
        ("n/p", "1.0", "1.1"),
        ("n/p", "a/b", "c/b"),
        ("n/p", "sha256:aaaaaaaaaaaa", "sha256:bbbbbbbbbbbb"),
        ("n/q", "1", "2"),
    ]
