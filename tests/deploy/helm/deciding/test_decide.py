"""The next step for a release, row for row of Flux's table."""

from typing import Any

import pytest

from deploy.helm.deciding import decide
from deploy.helm.deciding.decide import (
    CorrectDrift,
    Decision,
    Exhausted,
    Install,
    MissingTarget,
    Nothing,
    Rollback,
    Test,
    UninstallRemediation,
    Unlock,
    Upgrade,
)
from deploy.helm.deciding.state import State
from deploy.helm.history import History
from deploy.helm.release import Release
from gotk.api.helm import HelmReleaseStatus, TestHookStatus
from gotk.duration import Duration
from tests.deploy.helm.objects import helm_release
from tests.deploy.helm.releases import release, snapshot

RETRY = {"strategy": {"name": "RetryOnFailure"}}
FAILED_TEST = {"smoke": TestHookStatus(phase="Failed")}
STORED = (release(1, "superseded"), release(2, "superseded"), release(3, "failed"))
HISTORY: History = tuple(snapshot(each) for each in reversed(STORED))


def decided(
    kind: str,
    spec: dict[str, Any] | None = None,
    *,
    action: str = "upgrade",
    failures: int = 0,
    history: History = HISTORY,
    stored: tuple[Release, ...] = STORED,
    forced: bool = False,
    gate: bool = False,
) -> Decision:
    status = HelmReleaseStatus(
        history=history, last_attempted_release_action=action, **{f"{action or 'install'}_failures": failures}
    )
    state = State(kind, "so it is")  # type: ignore[arg-type] # the test's own spelling
    return decide.decide(helm_release(spec), status, state, stored=stored, forced=forced, default_to_retry=gate)


def upgrade(spec: dict[str, Any]) -> dict[str, Any]:
    return {"upgrade": {"remediation": spec}}


def versions(decision: Decision) -> list[int]:
    return [each.version for each in decision.history]


def test_nothing_is_done_about_what_is_in_sync_but_to_forget_what_is_old() -> None:
    found = decided("in-sync", history=tuple(snapshot(release(n, "superseded")) for n in (4, 3, 2, 1)))
    assert isinstance(found, Nothing)
    assert (versions(found), found.drifted, found.because) == ([4, 3], False, "release in-sync with desired state")


def test_five_revisions_are_kept_where_upgrades_are_tried_until_they_work() -> None:
    kept = tuple(snapshot(release(n, "superseded")) for n in range(7, 0, -1))
    assert versions(decided("in-sync", {"upgrade": RETRY}, history=kept)) == [7, 6, 5, 4, 3]
    assert versions(decided("in-sync", gate=True, history=kept)) == [7, 6, 5, 4, 3]


def test_a_revision_with_a_failed_test_is_kept_until_there_is_a_better_one() -> None:
    kept = (snapshot(release(3)), snapshot(release(2, "superseded"), test_hooks=FAILED_TEST), HISTORY[2])
    assert versions(decided("in-sync", history=kept)) == [3, 2, 1]
    assert versions(decided("in-sync", upgrade({"ignoreTestFailures": True}), history=kept)) == [3, 2]


def test_an_upgrade_is_forced_whatever_the_state() -> None:
    assert isinstance(decided("in-sync", forced=True), Upgrade)
    assert isinstance(decided("out-of-sync", failures=1, forced=True), Upgrade)
    assert isinstance(decided("failed", failures=1, forced=True), Upgrade)
    assert isinstance(decided("absent", action="install", failures=1, forced=True), Install)


def test_what_is_locked_is_unlocked() -> None:
    found = decided("locked")
    assert isinstance(found, Unlock)
    assert (versions(found), found.because) == ([3, 2, 1], "release locked: so it is")


def test_what_is_absent_is_installed_and_its_history_begins_anew() -> None:
    found = decided("absent")
    assert isinstance(found, Install)
    assert (found.history, found.because) == ((), "release not installed: so it is")


def test_an_install_that_failed_too_often_is_left() -> None:
    found = decided("absent", {"install": {"remediation": {"retries": 2}}}, action="install", failures=3)
    assert isinstance(found, Exhausted)
    assert (versions(found), found.message) == ([3, 2, 1], "Failed to install after 3 attempt(s)")
    again = decided("absent", {"install": {"remediation": {"retries": 2}}}, action="install", failures=2)
    assert isinstance(again, Install)


def test_failed_upgrades_do_not_count_for_an_install() -> None:
    assert isinstance(decided("absent", action="upgrade", failures=9), Install)


def test_what_is_not_ours_is_taken_over_by_an_upgrade() -> None:
    found = decided("unmanaged", failures=9)
    assert isinstance(found, Upgrade)
    assert (found.history, found.reset_history) == ((), True)


def test_what_is_out_of_sync_is_upgraded_until_that_failed_too_often() -> None:
    found = decided("out-of-sync")
    assert isinstance(found, Upgrade)
    assert (versions(found), found.reset_history) == ([3, 2, 1], False)
    left = decided("out-of-sync", upgrade({"retries": 1}), failures=2)
    assert isinstance(left, Exhausted)
    assert left.message == "Failed to upgrade after 2 attempt(s)"


def test_what_is_untested_is_tested() -> None:
    assert isinstance(decided("untested"), Test)


@pytest.mark.parametrize(("mode", "corrected"), [("enabled", True), ("warn", False)])
def test_drift_is_corrected_where_that_is_asked_for_and_told_otherwise(mode: str, corrected: bool) -> None:
    found = decided("drifted", {"driftDetection": {"mode": mode}})
    assert isinstance(found, CorrectDrift) is corrected
    assert corrected or (isinstance(found, Nothing) and found.drifted)


FAILED: list[tuple[str, dict[str, Any], str, int, type[Decision]]] = [
    ("retried as it is", {"upgrade": RETRY}, "upgrade", 9, Upgrade),
    ("an install, retried as it is", {"install": RETRY}, "install", 9, Upgrade),
    ("by nobody knows what", {}, "", 0, Upgrade),
    ("but something has changed since", upgrade({"retries": 1}), "upgrade", 0, Upgrade),
    ("for good", {}, "upgrade", 1, Exhausted),
    ("for good, an install", {}, "install", 1, Exhausted),
    ("for the last time", upgrade({"retries": 1}), "upgrade", 2, Rollback),
    ("for the last time, which stays", upgrade({"retries": 1, "remediateLastFailure": False}), "upgrade", 2, Exhausted),
    ("not for the last time", upgrade({"retries": 1, "remediateLastFailure": False}), "upgrade", 1, Rollback),
    ("without retries, remediated", upgrade({"remediateLastFailure": True}), "upgrade", 1, Rollback),
    ("again and again", upgrade({"retries": -1}), "upgrade", 99, Rollback),
    ("and is to go", upgrade({"retries": 1, "strategy": "uninstall"}), "upgrade", 1, UninstallRemediation),
    ("an install with retries", {"install": {"remediation": {"retries": 1}}}, "install", 1, UninstallRemediation),
    ("an install, the last time", {"install": {"remediation": {"retries": 1}}}, "install", 2, Exhausted),
    (
        "an install, the last time too",
        {"install": {"remediation": {"remediateLastFailure": True}}},
        "install",
        1,
        UninstallRemediation,
    ),
]


@pytest.mark.parametrize(
    ("spec", "action", "failures", "expected"), [row[1:] for row in FAILED], ids=[row[0] for row in FAILED]
)
def test_a_failed_release_is_met_as_the_object_says(
    spec: dict[str, Any], action: str, failures: int, expected: type[Decision]
) -> None:
    assert type(decided("failed", spec, action=action, failures=failures)) is expected


REMEDIATED = upgrade({"retries": 2})


def test_a_rollback_goes_to_the_last_good_revision() -> None:
    found = decided("failed", REMEDIATED, failures=1)
    assert isinstance(found, Rollback)
    assert (found.to.version, versions(found), found.because) == (2, [3, 2], "release is in a failed state: so it is")


def test_a_rollback_passes_over_a_revision_with_a_failed_test() -> None:
    kept = (HISTORY[0], snapshot(STORED[1], test_hooks=FAILED_TEST), HISTORY[2])
    found = decided("failed", REMEDIATED, failures=1, history=kept)
    assert isinstance(found, Rollback)
    assert found.to.version == 1
    ignoring = decided("failed", upgrade({"retries": 2, "ignoreTestFailures": True}), failures=1, history=kept)
    assert isinstance(ignoring, Rollback)
    assert ignoring.to.version == 2


def test_without_a_good_revision_there_is_nothing_to_roll_back_to() -> None:
    found = decided("failed", REMEDIATED, failures=1, history=HISTORY[:1])
    assert isinstance(found, MissingTarget)
    assert found.message == (
        "Failed to perform remediation: missing target release for rollback: cannot remediate failed release"
    )


LOST = [
    ("gone", STORED[::2], "release disappeared from storage"),
    ("changed", (STORED[0], release(2, "superseded", manifest="x"), STORED[2]), "release not observed"),
]


@pytest.mark.parametrize(("stored", "why"), [row[1:] for row in LOST], ids=[row[0] for row in LOST])
def test_a_target_that_is_not_what_it_was_leaves_another_upgrade(stored: tuple[Release, ...], why: str) -> None:
    found = decided("failed", REMEDIATED, failures=1, stored=stored)
    assert isinstance(found, Upgrade)
    assert found.because.startswith(f"unable to verify previous release in storage to roll back to: {why}")


TIMEOUTS = {
    "install": Install(history=(), because=""),
    "upgrade": Upgrade(history=(), because=""),
    "test": Test(history=(), because=""),
    "rollback": Rollback(history=(), because="", to=HISTORY[0]),
    "uninstall": UninstallRemediation(history=(), because=""),
}


@pytest.mark.parametrize("name", TIMEOUTS)
def test_every_action_has_its_own_timeout_or_the_objects(name: str) -> None:
    step = TIMEOUTS[name]
    assert isinstance(step, Install | Upgrade | Test | Rollback | UninstallRemediation)
    assert step.name == name
    assert decide.timeout(step, helm_release({name: {"timeout": "90s"}, "timeout": "1m"})) == Duration.parse("90s")
    assert decide.timeout(step, helm_release({"timeout": "1m"})) == Duration.parse("1m")
    assert decide.timeout(step, helm_release()) == Duration.parse("5m")


def test_an_unlock_has_the_objects_timeout() -> None:
    step = Unlock(history=(), because="")
    assert decide.timeout(step, helm_release({"install": {"timeout": "9m"}, "timeout": "1m"})) == Duration.parse("1m")
