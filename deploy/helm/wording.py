"""What an object says of its release: conditions and events, with Flux's reasons and messages to the letter. Pure.

Answers to the `fmt...` constants of helm-controller's action reconcilers and to its `summarize`. Each function returns
what was `Said`; the one who acted marks it and emits it as an event. A message that holds an error is given the error's
text: what may not be told (values of Secrets) is out of it before it comes here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from deploy.helm import naming
from gotk.api.helm import GROUP, HelmRelease, ReleaseSnapshot
from gotk.duration import Duration
from gotk.runtime.conditions import PROGRESSING, PROGRESSING_WITH_RETRY, READY, RECONCILING, STALLED, Conditions

RELEASED = "Released"
TEST_SUCCESS = "TestSuccess"
REMEDIATED = "Remediated"
DRIFTED = "Drifted"

INSTALL_SUCCEEDED = "InstallSucceeded"
INSTALL_FAILED = "InstallFailed"
UPGRADE_SUCCEEDED = "UpgradeSucceeded"
UPGRADE_FAILED = "UpgradeFailed"
UNINSTALL_SUCCEEDED = "UninstallSucceeded"
UNINSTALL_FAILED = "UninstallFailed"
PENDING_RELEASE = "PendingRelease"

PREREQUISITES = "Fulfilling prerequisites"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A condition; the event with the same reason and message is a Warning where something has failed."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    severity: Literal["Normal", "Warning"] = "Normal"

    def mark(self, conditions: Conditions) -> None:
        """Set the condition."""
        match self.status:
            case "True":
                conditions.mark_true(self.type, self.reason, self.message)
            case "False":
                conditions.mark_false(self.type, self.reason, self.message)
            case _:
                conditions.mark_unknown(self.type, self.reason, self.message)


def installed(release: ReleaseSnapshot) -> Said:
    """An install went well."""
    return _true(RELEASED, INSTALL_SUCCEEDED, f"Helm install succeeded for release {_subject(release)}")


def install_failed(obj: HelmRelease, chart: str, error: str) -> Said:
    """An install failed; `chart` is `name@version`."""
    return _failed(RELEASED, INSTALL_FAILED, f"Helm install failed for release {_wanted(obj, chart)}: {error.strip()}")


def upgraded(release: ReleaseSnapshot) -> Said:
    """An upgrade went well."""
    return _true(RELEASED, UPGRADE_SUCCEEDED, f"Helm upgrade succeeded for release {_subject(release)}")


def upgrade_failed(obj: HelmRelease, chart: str, error: str) -> Said:
    """An upgrade failed; `chart` is `name@version`."""
    return _failed(RELEASED, UPGRADE_FAILED, f"Helm upgrade failed for release {_wanted(obj, chart)}: {error.strip()}")


def with_log(message: str, log: str) -> str:
    """Word the event of a failure: what the action has done before it stands beneath."""
    return f"{message}\n\nLast Helm logs:\n\n{log}" if log else message


def awaiting_tests(release: ReleaseSnapshot) -> Said:
    """A release is yet to be tested."""
    message = f"Helm release {_subject(release)} is awaiting tests"
    return Said(type=TEST_SUCCESS, status="Unknown", reason="AwaitingTests", message=message)


def tests_succeeded(release: ReleaseSnapshot) -> Said:
    """All tests of a release went well."""
    count = len(release.test_hooks or {})
    hooks = f"{count} test {'hook' if count == 1 else 'hooks'} completed successfully" if count else "no test hooks"
    return _true(TEST_SUCCESS, "TestSucceeded", f"Helm test succeeded for release {_subject(release)}: {hooks}")


def tests_failed(release: ReleaseSnapshot, error: str) -> Said:
    """A test of a release failed."""
    return _failed(TEST_SUCCESS, "TestFailed", f"Helm test failed for release {_subject(release)}: {error.strip()}")


def rolled_back(to: ReleaseSnapshot) -> Said:
    """A failed upgrade was taken back."""
    message = f"Helm rollback to previous release {_subject(to)} succeeded"
    return _true(REMEDIATED, "RollbackSucceeded", message)


def rollback_failed(to: ReleaseSnapshot, error: str) -> Said:
    """A failed upgrade could not be taken back."""
    message = f"Helm rollback to previous release {_subject(to)} failed: {error.strip()}"
    return _failed(REMEDIATED, "RollbackFailed", message)


def removed(release: ReleaseSnapshot) -> Said:
    """A failed release was uninstalled."""
    message = f"Helm uninstall remediation for release {_subject(release)} succeeded"
    return _true(REMEDIATED, UNINSTALL_SUCCEEDED, message)


def removal_failed(release: ReleaseSnapshot, error: str) -> Said:
    """A failed release could not be uninstalled."""
    message = f"Helm uninstall remediation for release {_subject(release)} failed: {error.strip()}"
    return _failed(REMEDIATED, UNINSTALL_FAILED, message)


def uninstalled(release: ReleaseSnapshot) -> Said:
    """The release was uninstalled with its object, or because it is to be another one."""
    return _gone(f"Helm uninstall succeeded for release {_subject(release)}")


def was_not_found(release: ReleaseSnapshot) -> Said:
    """The release to uninstall was not there."""
    return _gone(f"Release {_full(release)} was not found, assuming it is uninstalled")


def was_uninstalled(release: ReleaseSnapshot) -> Said:
    """The release to uninstall had been uninstalled before, and its history was kept."""
    return _gone(f"Release {_full(release)} was already uninstalled")


def uninstall_failed(release: ReleaseSnapshot, error: str) -> Said:
    """The release could not be uninstalled."""
    message = f"Helm uninstall failed for release {_subject(release)}: {error.strip()}"
    return _failed(RELEASED, UNINSTALL_FAILED, message)


def unlocked(release: ReleaseSnapshot, status: str) -> Said:
    """A release that nobody works on any more was marked as failed; `status` is what it was before."""
    message = f"Unlocked Helm release {_subject(release)} in {status} state"
    return Said(type=RELEASED, status="False", reason=PENDING_RELEASE, message=message)


def unlock_failed(release: ReleaseSnapshot, status: str, error: str) -> Said:
    """A release that nobody works on any more could not be marked as failed."""
    message = f"Unlock of Helm release {_subject(release)} in {status} state failed: {error.strip()}"
    return _failed(RELEASED, PENDING_RELEASE, message)


def drifted(release: ReleaseSnapshot, differences: Sequence[str]) -> Said:
    """The cluster differs from the release; one line for each object."""
    message = "\n".join(
        [f"Cluster state of release {_full(release)} has drifted from the desired state:", *differences]
    )
    return Said(type=DRIFTED, status="True", reason="DriftDetected", message=message, severity="Warning")


def no_drift() -> Said:
    """The cluster is what the release says."""
    message = "No drift detected against the cluster state"
    return Said(type=DRIFTED, status="False", reason="NoDriftDetected", message=message)


def corrected(release: ReleaseSnapshot, changes: Sequence[str]) -> str:
    """Return the message of the event DriftCorrected; one line for each object."""
    return "\n".join([f"Cluster state of release {_full(release)} has been corrected:", *changes])


def correction_failed(release: ReleaseSnapshot, errors: Sequence[str], changes: Sequence[str]) -> str:
    """Return the message of the event DriftCorrectionFailed; `changes` are what could be corrected."""
    partially = "partially " if changes else ""
    lines = [f"Failed to {partially}correct cluster state of release {_full(release)}:", *errors]
    if changes:
        lines += ["", "Successful corrections:", *changes]
    return "\n".join(lines)


def running(action: str, timeout: Duration) -> Said:
    """An action begins; of a release action Ready says so too, as Unknown."""
    return _true(RECONCILING, PROGRESSING, f"Running '{action}' action with timeout of {timeout}")


def retrying(after: Duration) -> Said:
    """The last action failed and is tried again as it is."""
    return _true(RECONCILING, PROGRESSING_WITH_RETRY, f"retrying after {after}")


def going_on(conditions: Conditions) -> Said:
    """The last action failed and the next run follows at once: what Ready says."""
    ready = conditions.get(READY)
    return _true(RECONCILING, PROGRESSING_WITH_RETRY, ready.message if ready else "")


def exhausted(message: str) -> Said:
    """It failed as often as it may."""
    return _true(STALLED, "RetriesExceeded", message)


def missing_target(message: str) -> Said:
    """There is nothing to roll back to."""
    return _true(STALLED, "MissingRollbackTarget", message)


def state_unknown(error: str) -> Said:
    """What is stored does not tell what the release is."""
    return _failed(READY, "StateError", f"Could not determine release state: {error}")


def health_check_canceled(by: str) -> Said:
    """Waiting was given up for another run; `by` is `Kind/namespace/name`."""
    message = f"New reconciliation triggered by {by}"
    return Said(type=READY, status="False", reason="HealthCheckCanceled", message=message)


def canceled_event(by: str) -> str:
    """Return the message of the event HealthCheckCanceled."""
    return f"Health checks canceled due to new reconciliation triggered by {by}"


def metadata(revision: str, config_digest: str, *, app_version: str = "", oci_digest: str = "") -> dict[str, str]:
    """Return what the events of an action carry: the chart's version, and the values' digest to tell attempts apart."""
    given = {"revision": revision, "token": config_digest, "app-version": app_version, "oci-digest": oci_digest}
    return {f"{GROUP}/{key}": value for key, value in given.items() if value}


def metadata_of(release: ReleaseSnapshot) -> Mapping[str, str]:
    """Return what the events about a release carry."""
    return metadata(
        release.chart_version,
        release.config_digest,
        app_version=release.app_version,
        oci_digest=release.oci_digest,
    )


def _full(release: ReleaseSnapshot) -> str:
    return f"{release.namespace}/{release.name}.v{release.version}"


def _subject(release: ReleaseSnapshot) -> str:
    return f"{_full(release)} with chart {release.chart_name}@{release.chart_version}"


def _wanted(obj: HelmRelease, chart: str) -> str:
    return f"{naming.release_namespace(obj)}/{naming.release_name(obj)} with chart {chart}"


def _true(type_: str, reason: str, message: str) -> Said:
    return Said(type=type_, status="True", reason=reason, message=message)


def _failed(type_: str, reason: str, message: str) -> Said:
    return Said(type=type_, status="False", reason=reason, message=message, severity="Warning")


def _gone(message: str) -> Said:
    return Said(type=RELEASED, status="False", reason=UNINSTALL_SUCCEEDED, message=message)
