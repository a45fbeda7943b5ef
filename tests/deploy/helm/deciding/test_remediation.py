"""How failures are met, with the defaults that nobody writes."""

from typing import Any

import pytest

from deploy.helm.deciding import remediation
from gotk.api.helm import HelmReleaseStatus
from gotk.duration import Duration
from tests.deploy.helm.objects import helm_release

NEVER = HelmReleaseStatus(install_failures=0, upgrade_failures=0)


def test_what_is_not_said_is_one_attempt_and_no_remediation() -> None:
    install = remediation.of_install(helm_release(), NEVER)
    upgrade = remediation.of_upgrade(helm_release(), NEVER)
    assert (install.retries, install.remediate_last_failure, install.strategy) == (0, False, "uninstall")
    assert (upgrade.retries, upgrade.remediate_last_failure, upgrade.strategy) == (0, False, "rollback")


@pytest.mark.parametrize(
    ("given", "last"),
    [({"retries": 1}, True), ({"retries": -1}, False), ({"retries": 1, "remediateLastFailure": False}, False)],
)
def test_upgrades_that_are_tried_again_remediate_the_last_failure_too(given: dict[str, Any], last: bool) -> None:
    obj = helm_release({"install": {"remediation": {"retries": 3}}, "upgrade": {"remediation": given}})
    assert remediation.of_upgrade(obj, NEVER).remediate_last_failure is last
    assert remediation.of_install(obj, NEVER).remediate_last_failure is False


@pytest.mark.parametrize(
    ("retries", "failures", "exhausted"),
    [(0, 0, False), (0, 1, True), (3, 3, False), (3, 4, True), (-1, 1000, False)],
)
def test_three_retries_are_four_attempts(retries: int, failures: int, exhausted: bool) -> None:
    given = {"remediation": {"retries": retries}}
    obj = helm_release({"install": given, "upgrade": given})
    assert remediation.of_install(obj, HelmReleaseStatus(install_failures=failures)).exhausted is exhausted
    assert remediation.of_upgrade(obj, HelmReleaseStatus(upgrade_failures=failures)).exhausted is exhausted


@pytest.mark.parametrize(("test", "own", "ignores"), [(True, None, True), (True, False, False), (False, True, True)])
def test_each_action_may_ignore_failed_tests_by_itself(test: bool, own: bool | None, ignores: bool) -> None:
    given = {"remediation": {} if own is None else {"ignoreTestFailures": own}}
    obj = helm_release({"test": {"ignoreFailures": test}, "install": given, "upgrade": given})
    for action in ("install", "upgrade"):
        assert remediation.ignores_tests(obj, HelmReleaseStatus(last_attempted_release_action=action)) is ignores
    assert remediation.ignores_tests(obj, HelmReleaseStatus()) is test


def test_the_last_action_says_how_its_failure_is_met() -> None:
    obj = helm_release({"upgrade": {"remediation": {"strategy": "uninstall"}}})
    of = {action: HelmReleaseStatus(last_attempted_release_action=action) for action in ("install", "upgrade", "")}
    assert remediation.active(obj, of["install"]) == remediation.of_install(obj, of["install"])
    assert remediation.active(obj, of["upgrade"]) == remediation.of_upgrade(obj, of["upgrade"])
    assert remediation.active(obj, of[""]) is None
    assert remediation.of_upgrade(obj, NEVER).starts_over
    assert not remediation.of_install(obj, NEVER).starts_over


RETRIES: list[tuple[dict[str, Any], bool, str | None]] = [
    ({}, False, None),
    ({}, True, "5m"),
    ({"strategy": {"name": "RetryOnFailure"}}, False, "5m"),
    ({"strategy": {"name": "RetryOnFailure", "retryInterval": "90s"}}, False, "90s"),
    ({"strategy": {"name": "RemediateOnFailure"}}, True, None),
]


@pytest.mark.parametrize(("given", "gate", "interval"), RETRIES)
@pytest.mark.parametrize("action", ["install", "upgrade"])
def test_an_action_is_tried_again_as_it_is_where_its_strategy_says_so(
    action: str,
    given: dict[str, Any],
    gate: bool,
    interval: str | None,
) -> None:
    status = HelmReleaseStatus(last_attempted_release_action=action)
    found = remediation.retry_interval(helm_release({action: given}), status, default_to_retry=gate)
    assert found == (None if interval is None else Duration.parse(interval))


def test_nothing_is_tried_again_before_the_first_action() -> None:
    assert remediation.retry_interval(helm_release(), HelmReleaseStatus(), default_to_retry=True) is None
