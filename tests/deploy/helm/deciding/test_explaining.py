"""Why a release was last acted on, and what is next."""

from typing import Any

import msgspec
import pytest

from deploy.helm import digests
from deploy.helm.deciding import explaining
from deploy.helm.deciding.state import Wanted
from gotk.api.helm import HelmRelease, HelmReleaseStatus, ReleaseSnapshot
from gotk.api.meta import Condition
from tests.deploy.helm.objects import helm_release
from tests.deploy.helm.releases import release, snapshot

OLD, NEW = release(1, "superseded"), release(2)
UNCHANGED = "chart and values were as before: something else of the spec had changed, or it was asked for by force"
FAILED = Condition(
    type="Released",
    status="False",
    reason="UpgradeFailed",
    message="it crashes",
    last_transition_time="2026-01-01T00:00:00Z",
)


def given(
    *history: ReleaseSnapshot, spec: dict[str, Any] | None = None, meta: dict[str, Any] | None = None, **status: Any
) -> HelmRelease:
    said = {"observed_generation": 1, "last_attempted_generation": 1, "last_attempted_revision": "1.0.0"} | status
    found = HelmReleaseStatus(history=history, **said)
    return msgspec.structs.replace(helm_release(spec, **(meta or {})), status=found)


def wanted(version: str = "1.0.0", **config: Any) -> Wanted:
    return Wanted(chart_name="web", chart_version=version, config_digest=digests.config(config or {"replicas": 2}))


def following(obj: HelmRelease, wants: Wanted, *stored: Any) -> str:
    return explaining.following(obj, explaining.decision(obj, wants, stored))


def test_of_what_was_never_released_there_is_nothing_to_say() -> None:
    assert explaining.last(given()) == ""


@pytest.mark.parametrize(
    ("current", "before", "why"),
    [
        ({"action": "install"}, None, "there was no release"),
        ({"action": "upgrade", "chart_version": "1.1.0"}, {}, "the chart was web@1.0.0"),
        ({"action": "upgrade", "config_digest": "sha256:1"}, {}, "the values have changed"),
        ({"action": "upgrade"}, {"status": "failed"}, "v1 had failed"),
        ({"action": "upgrade"}, {}, UNCHANGED),
        ({"action": "upgrade"}, None, "what was there before is no longer in the history"),
        ({"action": "rollback"}, {}, "it crashes"),
    ],
)  # fmt: skip
def test_an_action_is_explained_by_what_was_other_before(
    current: dict[str, Any], before: dict[str, Any] | None, why: str
) -> None:
    older = [] if before is None else [msgspec.structs.replace(snapshot(OLD), **before)]
    obj = given(msgspec.structs.replace(snapshot(NEW), **current), *older, conditions=(FAILED,))
    said = explaining.last(obj)
    assert said.startswith(f"{current['action']}: web.v2 with chart web@")
    assert said.endswith(f", deployed, at 2026-01-02T10:00:00Z: {why}")


def test_what_is_next_is_what_a_run_would_decide() -> None:
    assert following(given(), wanted()) == "install: release not installed: no release in storage for object"
    obj = given(snapshot(NEW), last_attempted_config_digest=digests.config({"replicas": 2}))
    in_sync = "nothing: release in-sync with desired state; looked at again every 10m0s"
    assert following(obj, wanted(), NEW) == in_sync
    upgrade = "upgrade: release out-of-sync with desired state: "
    assert following(obj, wanted("1.1.0"), NEW) == f"{upgrade}release chart changed"
    assert following(obj, wanted(replicas=3), NEW) == f"{upgrade}release config values changed"
    corrects = given(snapshot(NEW), spec={"driftDetection": {"mode": "enabled"}})
    assert following(corrects, wanted(), NEW) == f"{in_sync}, drift is corrected"


def test_one_that_has_failed_too_often_says_what_helps() -> None:
    failed = release(2, "failed")
    status = {"last_attempted_release_action": "upgrade", "upgrade_failures": 1}
    said = following(given(snapshot(failed), **status), wanted(), failed)
    assert said.startswith(
        "nothing: Failed to upgrade after 1 attempt(s); a change of spec, chart or values begins anew"
    )
    assert said.endswith("`image-automation reconcile helmrelease web -n apps --reset`")
    other = given(snapshot(failed), meta={"generation": 2}, **status)
    assert following(other, wanted(), failed) == "upgrade: release conditions have changed since last failure"
