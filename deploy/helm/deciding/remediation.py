"""How a failed install or upgrade is met: how often it is tried again, what is done in between, and at the end.

Answers to the `Remediation` and `Retry` of helm-controller's API, with their defaults, which the schema does not spell.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from gotk.api.helm import ActionStrategy, HelmRelease, HelmReleaseStatus
from gotk.duration import Duration

ReleaseAction: TypeAlias = Literal["install", "upgrade"]

_RETRY_INTERVAL = Duration(300_000_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remediation:
    """What an object says about failures of one action, and how many there were."""

    action: ReleaseAction
    retries: int
    failures: int
    ignore_test_failures: bool
    remediate_last_failure: bool
    strategy: Literal["rollback", "uninstall"]

    @property
    def exhausted(self) -> bool:
        """Whether it has failed more often than it may be tried again; below zero it may be so without an end."""
        return 0 <= self.retries < self.failures

    @property
    def starts_over(self) -> bool:
        """Whether the release is installed anew after a failed upgrade was remediated, however often it failed."""
        return self.action == "upgrade" and self.strategy == "uninstall"


def of_install(obj: HelmRelease, status: HelmReleaseStatus) -> Remediation:
    """Return how failed installs are met: the release is removed."""
    given, test = obj.spec.install.remediation, obj.spec.test
    return Remediation(
        action="install",
        retries=given.retries,
        failures=status.install_failures,
        ignore_test_failures=_or(given.ignore_test_failures, default=test.ignore_failures),
        remediate_last_failure=_or(given.remediate_last_failure, default=False),
        strategy="uninstall",
    )


def of_upgrade(obj: HelmRelease, status: HelmReleaseStatus) -> Remediation:
    """Return how failed upgrades are met: the last failure too is taken back where upgrades are tried again."""
    given, test = obj.spec.upgrade.remediation, obj.spec.test
    retries = given.retries if given else 0
    return Remediation(
        action="upgrade",
        retries=retries,
        failures=status.upgrade_failures,
        ignore_test_failures=_or(given.ignore_test_failures if given else None, default=test.ignore_failures),
        remediate_last_failure=_or(given.remediate_last_failure if given else None, default=retries > 0),
        strategy=given.strategy if given else "rollback",
    )


def active(obj: HelmRelease, status: HelmReleaseStatus) -> Remediation | None:
    """Return how failures of the last action are met; None where there was none."""
    match status.last_attempted_release_action:
        case "install":
            return of_install(obj, status)
        case "upgrade":
            return of_upgrade(obj, status)
    return None


def ignores_tests(obj: HelmRelease, status: HelmReleaseStatus) -> bool:
    """Tell whether a failed test leaves a release good."""
    remediation = active(obj, status)
    return remediation.ignore_test_failures if remediation else obj.spec.test.ignore_failures


def retry_interval(obj: HelmRelease, status: HelmReleaseStatus, *, default_to_retry: bool = False) -> Duration | None:
    """Return after how long the last action is tried again as it is; None where its failures are remediated.

    `default_to_retry` is the gate DefaultToRetryOnFailure: an object that names no strategy is tried again too.
    """
    match status.last_attempted_release_action:
        case "install":
            return _interval(obj.spec.install.strategy, default_to_retry=default_to_retry)
        case "upgrade":
            return _interval(obj.spec.upgrade.strategy, default_to_retry=default_to_retry)
    return None


def _interval(strategy: ActionStrategy | None, *, default_to_retry: bool) -> Duration | None:
    if strategy is None:
        return _RETRY_INTERVAL if default_to_retry else None
    if strategy.name != "RetryOnFailure":
        return None
    return _RETRY_INTERVAL if strategy.retry_interval is None else strategy.retry_interval


def _or(given: bool | None, *, default: bool) -> bool:
    return default if given is None else given
