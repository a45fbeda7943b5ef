"""Conditions and events of a release, letter for letter."""

from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.helm import wording
from deploy.helm.wording import Said
from gotk.api.helm import TestHookStatus
from gotk.duration import Duration
from gotk.runtime.conditions import Conditions
from tests.deploy.helm.objects import helm_release
from tests.deploy.helm.releases import release, snapshot

MADE = snapshot(release(3), oci_digest="sha256:c")
OBJECT = helm_release({"targetNamespace": "prod"})
PASSED = TestHookStatus(phase="Succeeded")


def passed(*names: str) -> Said:
    return wording.tests_succeeded(snapshot(release(3), test_hooks=dict.fromkeys(names, PASSED)))


SUBJECT = "apps/web.v3 with chart web@1.0.0"
WANTED = "prod/prod-web with chart web@1.0.0"
MESSAGES: list[tuple[Said, str, str]] = [
    (wording.installed(MADE), "Released=True/InstallSucceeded", f"Helm install succeeded for release {SUBJECT}"),
    (
        wording.install_failed(OBJECT, "web@1.0.0", "no room\n"),
        "Released=False/InstallFailed",
        f"Helm install failed for release {WANTED}: no room",
    ),
    (wording.upgraded(MADE), "Released=True/UpgradeSucceeded", f"Helm upgrade succeeded for release {SUBJECT}"),
    (
        wording.upgrade_failed(OBJECT, "web@1.0.0", "no room"),
        "Released=False/UpgradeFailed",
        f"Helm upgrade failed for release {WANTED}: no room",
    ),
    (wording.awaiting_tests(MADE), "TestSuccess=Unknown/AwaitingTests", f"Helm release {SUBJECT} is awaiting tests"),
    (passed(), "TestSuccess=True/TestSucceeded", f"Helm test succeeded for release {SUBJECT}: no test hooks"),
    (
        passed("a"),
        "TestSuccess=True/TestSucceeded",
        f"Helm test succeeded for release {SUBJECT}: 1 test hook completed successfully",
    ),
    (
        passed("a", "b"),
        "TestSuccess=True/TestSucceeded",
        f"Helm test succeeded for release {SUBJECT}: 2 test hooks completed successfully",
    ),
    (
        wording.tests_failed(MADE, "a failed"),
        "TestSuccess=False/TestFailed",
        f"Helm test failed for release {SUBJECT}: a failed",
    ),
    (
        wording.rolled_back(MADE),
        "Remediated=True/RollbackSucceeded",
        f"Helm rollback to previous release {SUBJECT} succeeded",
    ),
    (
        wording.rollback_failed(MADE, "no"),
        "Remediated=False/RollbackFailed",
        f"Helm rollback to previous release {SUBJECT} failed: no",
    ),
    (
        wording.removed(MADE),
        "Remediated=True/UninstallSucceeded",
        f"Helm uninstall remediation for release {SUBJECT} succeeded",
    ),
    (
        wording.removal_failed(MADE, "no"),
        "Remediated=False/UninstallFailed",
        f"Helm uninstall remediation for release {SUBJECT} failed: no",
    ),
    (wording.uninstalled(MADE), "Released=False/UninstallSucceeded", f"Helm uninstall succeeded for release {SUBJECT}"),
    (
        wording.was_not_found(MADE),
        "Released=False/UninstallSucceeded",
        "Release apps/web.v3 was not found, assuming it is uninstalled",
    ),
    (wording.was_uninstalled(MADE), "Released=False/UninstallSucceeded", "Release apps/web.v3 was already uninstalled"),
    (
        wording.uninstall_failed(MADE, "no"),
        "Released=False/UninstallFailed",
        f"Helm uninstall failed for release {SUBJECT}: no",
    ),
    (
        wording.unlocked(MADE, "pending-upgrade"),
        "Released=False/PendingRelease",
        f"Unlocked Helm release {SUBJECT} in pending-upgrade state",
    ),
    (
        wording.unlock_failed(MADE, "pending-upgrade", "no"),
        "Released=False/PendingRelease",
        f"Unlock of Helm release {SUBJECT} in pending-upgrade state failed: no",
    ),
    (
        wording.drifted(MADE, ["A/b removed", "C/d/e excluded"]),
        "Drifted=True/DriftDetected",
        "Cluster state of release apps/web.v3 has drifted from the desired state:\nA/b removed\nC/d/e excluded",
    ),
    (wording.no_drift(), "Drifted=False/NoDriftDetected", "No drift detected against the cluster state"),
    (
        wording.running("upgrade", Duration.parse("5m")),
        "Reconciling=True/Progressing",
        "Running 'upgrade' action with timeout of 5m0s",
    ),
    (wording.retrying(Duration.parse("5m")), "Reconciling=True/ProgressingWithRetry", "retrying after 5m0s"),
    (
        wording.exhausted("Failed to install after 2 attempt(s)"),
        "Stalled=True/RetriesExceeded",
        "Failed to install after 2 attempt(s)",
    ),
    (
        wording.missing_target("Failed to perform remediation: so"),
        "Stalled=True/MissingRollbackTarget",
        "Failed to perform remediation: so",
    ),
    (wording.state_unknown("so"), "Ready=False/StateError", "Could not determine release state: so"),
    (
        wording.health_check_canceled("OCIRepository/apps/web"),
        "Ready=False/HealthCheckCanceled",
        "New reconciliation triggered by OCIRepository/apps/web",
    ),
]


@pytest.mark.parametrize(
    ("said", "condition", "message"), MESSAGES, ids=[f"{row[1]}-{row[2][-12:]}" for row in MESSAGES]
)
def test_an_object_says(said: Said, condition: str, message: str) -> None:
    assert (f"{said.type}={said.status}/{said.reason}", said.message) == (condition, message)


def test_what_failed_is_a_warning() -> None:
    warned = {said.message.split(" for ")[0] for said, *_ in MESSAGES if said.severity == "Warning"}
    assert {"Helm install failed", "Helm upgrade failed", "Helm test failed", "Helm uninstall failed"} < warned
    told = {said.reason for said, *_ in MESSAGES if said.severity == "Normal"}
    assert told >= {"InstallSucceeded", "UninstallSucceeded", "PendingRelease", "RollbackSucceeded", "NoDriftDetected"}
    assert not told & {"InstallFailed", "UpgradeFailed", "TestFailed", "RollbackFailed", "DriftDetected", "StateError"}


@pytest.mark.parametrize("said", [row[0] for row in MESSAGES[:5]])
def test_what_is_said_becomes_a_condition(said: Said) -> None:
    conditions = Conditions((), generation=4, now=datetime(2026, 1, 1, tzinfo=UTC))
    said.mark(conditions)
    (found,) = conditions.as_tuple()
    assert (found.type, found.status, found.reason, found.message) == (
        said.type,
        said.status,
        said.reason,
        said.message,
    )
    assert found.observed_generation == 4


def test_a_run_that_goes_on_says_what_ready_says() -> None:
    conditions = Conditions((), generation=1, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert wording.going_on(conditions).message == ""
    conditions.mark_false("Ready", "RollbackSucceeded", "taken back")
    assert (wording.going_on(conditions).reason, wording.going_on(conditions).message) == (
        "ProgressingWithRetry",
        "taken back",
    )


def test_corrections_are_told_by_object_and_so_is_what_could_not_be_corrected() -> None:
    assert wording.corrected(MADE, ["A/b created"]) == (
        "Cluster state of release apps/web.v3 has been corrected:\nA/b created"
    )
    assert wording.correction_failed(MADE, ["no"], []) == "Failed to correct cluster state of release apps/web.v3:\nno"
    assert wording.correction_failed(MADE, ["no"], ["A/b created"]) == (
        "Failed to partially correct cluster state of release apps/web.v3:\nno\n\nSuccessful corrections:\nA/b created"
    )


def test_a_canceled_health_check_names_who_asked() -> None:
    expected = "Health checks canceled due to new reconciliation triggered by OCIRepository/apps/web"
    assert wording.canceled_event("OCIRepository/apps/web") == expected


METADATA: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {}),
    (
        {"app_version": "7", "oci_digest": "sha256:c"},
        {"helm.toolkit.fluxcd.io/app-version": "7", "helm.toolkit.fluxcd.io/oci-digest": "sha256:c"},
    ),
]


@pytest.mark.parametrize(("given", "more"), METADATA)
def test_events_carry_the_charts_version_and_the_values_digest(given: dict[str, str], more: dict[str, str]) -> None:
    base = {"helm.toolkit.fluxcd.io/revision": "1.0.0", "helm.toolkit.fluxcd.io/token": "sha256:v"}
    assert wording.metadata("1.0.0", "sha256:v", **given) == base | more


def test_events_about_a_release_carry_what_its_snapshot_says() -> None:
    given = {"app_version": "7", "oci_digest": "sha256:c"}
    assert wording.metadata_of(MADE) == wording.metadata("1.0.0", MADE.config_digest, **given)
