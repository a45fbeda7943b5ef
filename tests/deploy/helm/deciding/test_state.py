"""The state of a release, row for row of Flux's table."""

from typing import Any

import pytest

from deploy.helm import digests
from deploy.helm.deciding.state import State, UnknownState, Wanted, determine
from deploy.helm.release import Release
from gotk.api.helm import HelmReleaseStatus, ReleaseSnapshot, TestHookStatus
from tests.deploy.helm.objects import helm_release
from tests.deploy.helm.releases import release, snapshot

VALUES = digests.config({"replicas": 2})
WANTED = Wanted(chart_name="web", chart_version="1.0.0", config_digest=VALUES)
TESTS = {"test": {"enable": True}}
FAILED = {"smoke": TestHookStatus(phase="Failed")}
PASSED = {"smoke": TestHookStatus(phase="Succeeded")}


def status(*history: ReleaseSnapshot, action: str = "install", **fields: Any) -> HelmReleaseStatus:
    return HelmReleaseStatus(
        **{"history": history, "observed_generation": 1, "last_attempted_release_action": action} | fields  # type: ignore[arg-type]
    )


def state(
    spec: dict[str, Any] | None = None,
    *,
    last: Release | None = None,
    seen: HelmReleaseStatus | None = None,
    wanted: Wanted = WANTED,
    drift: tuple[str, ...] = (),
) -> State:
    if seen is None:
        seen = status(snapshot(last)) if last else status()
    return determine(helm_release(spec), seen, last=last, wanted=wanted, drift=drift)


def test_a_release_that_is_as_wanted_is_in_sync() -> None:
    assert state(last=release()) == State("in-sync")


def test_what_is_not_stored_is_absent() -> None:
    assert state() == State("absent", "no release in storage for object")
    assert state(seen=status(snapshot(release()))).kind == "absent"


@pytest.mark.parametrize("stored", ["pending-install", "pending-upgrade", "pending-rollback", "uninstalling"])
def test_what_somebody_works_on_is_locked_whatever_else_is_known(stored: str) -> None:
    expected = State("locked", f"release with status '{stored}'")
    assert state(last=release(2, stored)) == state(last=release(2, stored), seen=status()) == expected


def test_what_was_uninstalled_is_absent_whoever_did_it() -> None:
    expected = State("absent", "found uninstalled release in storage")
    gone = release(status="uninstalled")
    assert state(last=gone, seen=status()) == state(last=gone) == expected
    assert state(last=gone, seen=status(snapshot(release()))) == expected


def test_a_release_that_was_there_before_the_object_is_unmanaged() -> None:
    assert state(last=release(), seen=status()) == State("unmanaged", "found existing release in storage")


@pytest.mark.parametrize("last", [release(2), release(1, "failed"), release(1, manifest="other")])
def test_a_release_that_somebody_else_wrote_is_unmanaged(last: Release) -> None:
    expected = State("unmanaged", "release not observed to be made for object")
    assert state(last=last, seen=status(snapshot(release(1)))) == expected


def test_a_failed_release_is_failed_even_if_it_is_outdated() -> None:
    assert state(last=release(status="failed"), wanted=Wanted(chart_name="x", chart_version="2", config_digest="")) == (
        State("failed")
    )


@pytest.mark.parametrize("stored", ["superseded", "unknown"])
def test_a_status_that_says_nothing_is_an_error(stored: str) -> None:
    with pytest.raises(UnknownState, match=f"unable to determine state for release with status '{stored}'"):
        state(last=release(status=stored))


def wanted(**fields: str) -> Wanted:
    return Wanted(**({"chart_name": "web", "chart_version": "1.0.0", "config_digest": VALUES} | fields))


OUTDATED: list[tuple[str, Wanted, dict[str, Any], str]] = [
    ("another version", wanted(chart_version="1.0.1"), {}, "release chart changed"),
    ("another chart", wanted(chart_name="api"), {}, "release chart changed"),
    ("another digest of the chart", wanted(chart_version="1.0.0+0cc9a8446c95"), {}, "release chart changed"),
    ("other values", wanted(config_digest=digests.config({})), {}, "release config values changed"),
    (
        "other post-renderers",
        wanted(post_renderers_digest="sha256:b"),
        {"observed_generation": 0, "observed_post_renderers_digest": "sha256:a"},
        "postrenderers digest has changed",
    ),
    (
        "no post-renderers any more",
        wanted(),
        {"observed_generation": 0, "observed_post_renderers_digest": "sha256:a"},
        "postrenderers digest has changed",
    ),
    (
        "other metadata",
        wanted(common_metadata_digest="sha256:b"),
        {"observed_generation": 0},
        "common metadata digest has changed",
    ),
]


@pytest.mark.parametrize(("wish", "fields", "reason"), [row[1:] for row in OUTDATED], ids=[row[0] for row in OUTDATED])
def test_what_is_not_as_wanted_is_out_of_sync(wish: Wanted, fields: dict[str, Any], reason: str) -> None:
    seen = status(snapshot(release()), **fields)
    assert state(last=release(), seen=seen, wanted=wish) == State("out-of-sync", reason)


def test_post_renderers_and_metadata_are_compared_for_a_new_generation_only() -> None:
    wish = wanted(post_renderers_digest="sha256:b", common_metadata_digest="sha256:b")
    assert state(last=release(), wanted=wish) == State("in-sync")


def test_how_it_is_installed_or_upgraded_is_no_reason_to_upgrade() -> None:
    assert state({"install": {"timeout": "1m"}, "upgrade": {"force": True}}, last=release()) == State("in-sync")


TESTED: list[tuple[str, dict[str, Any], dict[str, TestHookStatus] | None, State]] = [
    ("tests are off", {}, None, State("in-sync")),
    ("not tested yet", TESTS, None, State("untested")),
    ("not all tested", TESTS, {"a": TestHookStatus()}, State("untested")),
    ("no tests in the chart", TESTS, {}, State("in-sync")),
    ("passed", TESTS, PASSED, State("in-sync")),
    ("failed", TESTS, FAILED, State("failed", "release has test in failed phase")),
    ("failed, ignored", {"test": {"enable": True, "ignoreFailures": True}}, FAILED, State("in-sync")),
    (
        "failed, ignored by install",
        TESTS | {"install": {"remediation": {"ignoreTestFailures": True}}},
        FAILED,
        State("in-sync"),
    ),
    (
        "failed, ignored but not by install",
        {"test": {"enable": True, "ignoreFailures": True}, "install": {"remediation": {"ignoreTestFailures": False}}},
        FAILED,
        State("failed", "release has test in failed phase"),
    ),
    ("tests are off again", {}, FAILED, State("in-sync")),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "hooks", "expected"), [row[1:] for row in TESTED], ids=[row[0] for row in TESTED])
def test_tests_count_as_the_object_says(
    spec: dict[str, Any], hooks: dict[str, TestHookStatus] | None, expected: State
) -> None:
    assert state(spec, last=release(), seen=status(snapshot(release(), test_hooks=hooks))) == expected


def test_a_failed_test_without_a_known_action_is_passed_over() -> None:
    seen = status(snapshot(release(), test_hooks=FAILED), action="")
    assert state(TESTS, last=release(), seen=seen) == State("in-sync")


DRIFT = ("Deployment/apps/web changed (0 additions, 1 changes, 0 removals)", "Service/apps/web removed")


@pytest.mark.parametrize(("mode", "kind"), [("enabled", "drifted"), ("warn", "drifted"), ("disabled", "in-sync")])
def test_drift_counts_where_it_is_looked_for(mode: str, kind: str) -> None:
    found = state({"driftDetection": {"mode": mode}}, last=release(), drift=DRIFT)
    assert (found.kind, found.reason) == (kind, ", ".join(DRIFT) if kind == "drifted" else "")


def test_drift_of_an_outdated_release_does_not_count() -> None:
    wish = wanted(chart_version="2.0.0")
    assert (
        state({"driftDetection": {"mode": "enabled"}}, last=release(), wanted=wish, drift=DRIFT).kind == "out-of-sync"
    )
