"""Where a run stops, and when the next one follows."""

from typing import Any

import pytest

from deploy.helm.deciding import stopping
from deploy.helm.deciding.stopping import AtOnce, Done, Fails, Later, Never, Stop
from gotk.api.helm import HelmReleaseStatus
from gotk.duration import Duration
from tests.deploy.helm.objects import helm_release

RETRY = {"upgrade": {"strategy": {"name": "RetryOnFailure", "retryInterval": "1m"}}}
ONCE = {"upgrade": {"remediation": {"retries": 1}}}
OVER = {"upgrade": {"remediation": {"retries": 1, "strategy": "uninstall"}}}
LATER = Later(Duration.parse("1m"))
NEVER = Never("Failed to upgrade after 2 attempt(s)")
ENDS: list[tuple[str, dict[str, Any], str, int, Stop, Stop, Stop]] = [
    ("the strategy is to retry", RETRY, "upgrade", 9, LATER, LATER, LATER),
    ("it may be tried again", ONCE, "upgrade", 1, AtOnce(), AtOnce(), Fails()),
    ("it may not be tried again", ONCE, "upgrade", 2, Done(), NEVER, Fails()),
    ("it begins anew whatever happened", OVER, "upgrade", 2, Done(), AtOnce(), Fails()),
    ("nothing was tried before", {}, "", 0, AtOnce(), AtOnce(), Fails()),
]


@pytest.mark.parametrize(
    ("spec", "action", "failures", "second", "remediated", "error"),
    [row[1:] for row in ENDS],
    ids=[row[0] for row in ENDS],
)
def test_a_run_ends(
    spec: dict[str, Any], action: str, failures: int, second: Stop, remediated: Stop, error: Stop
) -> None:
    obj = helm_release(spec)
    status = HelmReleaseStatus(last_attempted_release_action=action, upgrade_failures=failures)
    assert stopping.before_a_second(obj, status) == second
    assert stopping.after_remediation(obj, status) == remediated
    assert stopping.after_error(obj, status) == error


def test_a_gate_makes_every_failure_one_to_retry() -> None:
    status = HelmReleaseStatus(last_attempted_release_action="install")
    later = Later(Duration.parse("5m"))
    for end in (stopping.before_a_second, stopping.after_remediation, stopping.after_error):
        assert end(helm_release(), status, default_to_retry=True) == later
