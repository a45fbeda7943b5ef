"""What all conditions of a release come to."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.helm import summary
from gotk.api.meta import Condition
from gotk.runtime.conditions import Conditions
from tests.deploy.helm.objects import helm_release
from tests.deploy.helm.releases import release, snapshot

TESTS = {"test": {"enable": True}}
IGNORED = {"test": {"enable": True, "ignoreFailures": True}}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def conditions(*given: str) -> Conditions:
    """Make conditions of `Type=Status/Reason@generation`."""
    made = []
    for text in given:
        type_, _, rest = text.partition("=")
        status, _, rest = rest.partition("/")
        reason, _, generation = rest.partition("@")
        made.append(
            Condition(
                type=type_,
                status=status,
                reason=reason or "Reason",
                message=f"{type_} says so",
                last_transition_time="2026-01-01T00:00:00Z",
                observed_generation=int(generation or 1),
            )
        )
    return Conditions(made, generation=2, now=NOW)


def ready(found: Conditions) -> str | None:
    condition = found.get("Ready")
    return condition and f"{condition.status}/{condition.message.split(' ')[0]}"


ROWS: list[tuple[str, Mapping[str, Any], list[str], str | None]] = [
    ("nothing is known", {}, [], None),
    ("nothing of the release is known", {}, ["Ready=False", "Reconciling=True"], "False/Ready"),
    ("released", {}, ["Released=True"], "True/Released"),
    ("failed", {}, ["Released=False"], "False/Released"),
    ("not tested yet", TESTS, ["Released=True", "TestSuccess=Unknown"], "Unknown/TestSuccess"),
    ("tests passed", TESTS, ["Released=True", "TestSuccess=True"], "True/TestSuccess"),
    ("tests failed", TESTS, ["Released=True", "TestSuccess=False"], "False/TestSuccess"),
    ("tests failed, ignored", IGNORED, ["Released=True", "TestSuccess=False"], "True/Released"),
    ("tests are off", {}, ["Released=True", "TestSuccess=False"], "True/Released"),
    ("rolled back", {}, ["Released=False", "Remediated=True"], "False/Remediated"),
    ("not rolled back", {}, ["Released=False", "Remediated=False"], "False/Remediated"),
    ("rolled back after tests", TESTS, ["Released=True", "TestSuccess=False", "Remediated=True"], "False/Remediated"),
    ("released since", {}, ["Released=True/UpgradeSucceeded@2", "Remediated=True/R@1"], "True/Released"),
    ("tested since", TESTS, ["Released=True/U@1", "TestSuccess=True/T@2", "Remediated=True/R@1"], "True/TestSuccess"),
    ("released since the tests", TESTS, ["Released=True/U@2", "TestSuccess=False/T@1"], "True/Released"),
]


@pytest.mark.parametrize(("spec", "given", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_an_object_is_ready_when(spec: dict[str, Any], given: list[str], expected: str | None) -> None:
    found = conditions(*given)
    summary.summarize(found, helm_release(spec))
    assert ready(found) == expected


def test_what_is_ready_is_not_stalled() -> None:
    found = conditions("Released=True", "Stalled=True")
    summary.summarize(found, helm_release())
    assert found.get("Stalled") is None
    found = conditions("Released=False", "Stalled=True")
    summary.summarize(found, helm_release())
    assert found.is_true("Stalled")


def test_how_tests_ended_is_forgotten_when_they_are_turned_off() -> None:
    found = conditions("Released=True", "TestSuccess=False")
    summary.summarize(found, helm_release())
    assert found.get("TestSuccess") is None


def test_a_new_action_forgets_tests_and_remediation() -> None:
    found = conditions("Released=True", "TestSuccess=False", "Remediated=True")
    summary.begin_action(found)
    assert [each.type for each in found.as_tuple()] == ["Released"]


SETTLED = [
    ("an install became well", ["Released=False/InstallFailed"], "InstallSucceeded"),
    ("an upgrade became well", ["Released=False/UpgradeFailed", "Ready=False"], "UpgradeSucceeded"),
    ("a rollback led to what is wanted", ["Released=False/UpgradeFailed", "Remediated=True"], "UpgradeSucceeded"),
    ("a transient error is over", ["Released=True/InstallSucceeded", "Ready=False/ArtifactFailed"], "InstallSucceeded"),
]


@pytest.mark.parametrize(("given", "reason"), [row[1:] for row in SETTLED], ids=[row[0] for row in SETTLED])
def test_a_release_in_sync_is_ready_whatever_was_said_before(given: list[str], reason: str) -> None:
    found = conditions(*given)
    summary.settle(found, helm_release(), snapshot(release(3)))
    condition = found.get("Ready")
    assert condition is not None
    assert (condition.status, condition.reason) == ("True", reason)
    assert found.get("Remediated") is None


@pytest.mark.parametrize(("mode", "expected"), [("enabled", "False"), ("warn", "False"), ("disabled", None)])
def test_drift_is_denied_where_it_is_looked_for_and_forgotten_elsewhere(mode: str, expected: str | None) -> None:
    found = conditions("Released=True", "Drifted=True")
    summary.settle(found, helm_release({"driftDetection": {"mode": mode}}), snapshot(release()))
    condition = found.get("Drifted")
    assert (condition and condition.status) == expected


def test_drift_that_is_left_alone_is_said_once_and_keeps_its_time() -> None:
    found, obj = conditions("Released=True"), helm_release({"driftDetection": {"mode": "warn"}})
    summary.settle(found, obj, snapshot(release()), drift=["Deployment/apps/web changed"])
    first = found.get("Drifted")
    later = Conditions(found.as_tuple(), generation=2, now=datetime(2030, 1, 1, tzinfo=UTC))
    summary.settle(later, obj, snapshot(release()), drift=["Deployment/apps/web changed"])
    assert first is not None
    assert (first.status, later.get("Drifted")) == ("True", first)
