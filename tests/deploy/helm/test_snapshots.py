"""Snapshots of releases: what is kept of them, and whether they are still what was seen."""

from typing import Any

import msgspec
import pytest

from deploy.helm import digests, snapshots
from deploy.helm.release import Info
from gotk.api.helm import ReleaseSnapshot, TestFilter, TestHookStatus
from tests.deploy.helm.releases import hook, release, snapshot


def test_a_snapshot_says_what_was_released() -> None:
    taken = snapshots.of(release(3), config_digest="sha256:v", action="upgrade", oci_digest="sha256:c")
    assert taken == ReleaseSnapshot(
        api_version="image-automation/v1",
        digest=digests.release(release(3), "sha256:c"),
        name="web",
        namespace="apps",
        version=3,
        status="deployed",
        action="upgrade",
        chart_name="web",
        chart_version="1.0.0",
        app_version="7",
        config_digest="sha256:v",
        first_deployed="2026-01-01T10:00:00Z",
        last_deployed="2026-01-02T10:00:00Z",
        oci_digest="sha256:c",
    )


@pytest.mark.parametrize("time", ["", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "yesterday"])
def test_a_snapshot_has_times_that_the_api_takes_whatever_the_record_says(time: str) -> None:
    info = Info(first_deployed=time, last_deployed=time, deleted=time, status="failed")
    taken = snapshot(release(info=info))
    assert (taken.first_deployed, taken.last_deployed, taken.deleted) == (*["1970-01-01T00:00:00Z"] * 2, None)


def test_a_release_is_what_its_snapshot_says_until_somebody_writes_it() -> None:
    taken = snapshot(release(2))
    assert snapshots.verify(taken, release(2)) == ""
    assert snapshots.verify(taken, release(2, manifest="")) == snapshots.NOT_OBSERVED
    assert snapshots.verify(taken, release(2, "failed")) == snapshots.NOT_OBSERVED
    assert snapshots.verify(taken, release(3)) == snapshots.NOT_OBSERVED


def test_tests_that_ran_since_are_no_change() -> None:
    taken = snapshot(release(hooks=(hook(),)))
    assert snapshots.verify(taken, release(hooks=(hook(phase="Failed"),))) == ""


@pytest.mark.parametrize("api_version", ["v2", ""])
def test_a_release_of_helm_controller_is_taken_over_as_it_is(api_version: str) -> None:
    fields = {"api_version": api_version, "digest": "sha256:of-go-structs"}
    theirs = msgspec.structs.replace(snapshot(release(2)), **fields)
    assert snapshots.verify(theirs, release(2)) == ""
    assert snapshots.verify(theirs, release(3)) == snapshots.NOT_OBSERVED
    other = release(2, chart={"metadata": {"name": "web", "version": "2.0.0"}})
    assert snapshots.verify(theirs, other) == snapshots.NOT_OBSERVED


def test_helm_controller_does_not_check_our_digests() -> None:
    assert snapshot(release()).api_version != "v2"


def test_a_snapshot_taken_again_keeps_what_the_release_does_not_tell() -> None:
    hooks = {"smoke": TestHookStatus(phase="Succeeded")}
    first = snapshot(release(1), action="install", oci_digest="sha256:c", test_hooks=hooks)
    then = snapshots.again(first, release(1, "superseded"))
    assert then == msgspec.structs.replace(first, status="superseded", digest=then.digest)
    assert then.digest != first.digest


FILTERS: list[tuple[list[dict[str, Any]], set[str]]] = [
    ([], {"smoke", "load"}),
    ([{"name": "smoke"}], {"smoke"}),
    ([{"name": "smoke", "exclude": True}], {"load"}),
    ([{"name": "smoke"}, {"name": "smoke", "exclude": True}], set()),
    ([{"name": "none"}], set()),
]


@pytest.mark.parametrize(("filters", "names"), FILTERS)
def test_filters_choose_tests(filters: list[dict[str, Any]], names: set[str]) -> None:
    made = release(hooks=(hook("smoke", phase="Succeeded"), hook("load"), hook("migrate", event="pre-upgrade")))
    assert set(snapshots.tests_of(made, [msgspec.convert(each, TestFilter) for each in filters])) == names


def test_a_test_tells_when_it_ran_and_how_it_ended() -> None:
    found = snapshots.tests_of(release(hooks=(hook("smoke", phase="Failed"), hook("load"))), ())
    ran = {"last_started": "2026-01-02T10:00:01Z", "last_completed": "2026-01-02T10:00:02Z"}
    assert found == {"smoke": TestHookStatus(phase="Failed", **ran), "load": TestHookStatus()}


TESTED = [
    ("never tested", None, False, False),
    ("a chart without tests", [], True, False),
    ("all succeeded", ["Succeeded", "Succeeded"], True, False),
    ("one has not run", ["Succeeded", ""], False, False),
    ("one failed before the rest ran", ["Failed", ""], True, True),
]


@pytest.mark.parametrize(("phases", "tested", "failed"), [row[1:] for row in TESTED], ids=[row[0] for row in TESTED])
def test_a_release_is_tested_once_one_test_failed_or_all_succeeded(
    phases: list[str] | None,
    tested: bool,
    failed: bool,
) -> None:
    hooks = None if phases is None else {str(n): TestHookStatus(phase=each) for n, each in enumerate(phases)}
    taken = snapshot(release(), test_hooks=hooks)
    assert (snapshots.tested(taken), snapshots.failed_test(taken)) == (tested, failed)
