"""Whether it is still the same release, whether old failures count, and what annotations ask for."""

from typing import Any

import pytest

from deploy.helm.deciding import attempt
from deploy.helm.deciding.state import Wanted
from gotk.api.helm import HelmReleaseStatus
from tests.deploy.helm.objects import helm_release
from tests.deploy.helm.releases import release, snapshot

RELEASED = HelmReleaseStatus(storage_namespace="apps", history=(snapshot(release()),))

MOVES: list[tuple[str, dict[str, Any], str, str]] = [
    ("nothing", {}, "web", ""),
    ("the name of its record's namespace", {"storageNamespace": "apps"}, "web", ""),
    ("storage", {"storageNamespace": "other"}, "web", "storage namespace"),
    ("target", {"targetNamespace": "other", "releaseName": "web"}, "web", "release namespace"),
    ("name", {"releaseName": "site"}, "web", "release name"),
    ("chart", {}, "api", "chart name"),
    ("chart in place", {"upgrade": {"chartNameChangeStrategy": "InPlaceUpdate"}}, "api", ""),
]


@pytest.mark.parametrize(("spec", "chart", "what"), [row[1:] for row in MOVES], ids=[row[0] for row in MOVES])
def test_a_release_with_another_identity_has_moved(spec: dict[str, Any], chart: str, what: str) -> None:
    assert attempt.moved(helm_release(spec), RELEASED, chart) == what


def test_what_was_never_released_has_not_moved() -> None:
    obj = helm_release({"releaseName": "site"})
    assert attempt.moved(obj, HelmReleaseStatus(storage_namespace="apps"), "web") == ""
    assert attempt.moved(obj, HelmReleaseStatus(history=RELEASED.history), "web") == ""


def test_a_long_name_has_not_moved_for_being_shortened() -> None:
    obj = helm_release(name="w" * 60)
    named = snapshot(release(name=f"{'w' * 40}-{attempt.naming.release_name(obj)[-12:]}"))
    assert attempt.moved(obj, HelmReleaseStatus(storage_namespace="apps", history=(named,)), "web") == ""


ATTEMPTED = {
    "last_attempted_generation": 1,
    "last_attempted_revision": "1.0.0",
    "last_attempted_config_digest": "sha256:v",
}
RESET = {"reconcile.fluxcd.io/requestedAt": "now", "reconcile.fluxcd.io/resetAt": "now"}
FORGIVEN: list[tuple[dict[str, Any], dict[str, str], str]] = [
    ({}, {}, ""),
    ({"last_attempted_generation": 0}, {}, "generation differs from last attempt"),
    ({"last_attempted_revision": "0.9.0"}, {}, "chart version differs from last attempt"),
    ({"last_attempted_config_digest": "sha256:w"}, {}, "values differ from last attempt"),
    ({"last_attempted_config_digest": ""}, {}, ""),
    ({}, RESET, "reset requested through annotation"),
    ({"last_handled_reset_at": "now"}, RESET, ""),
]


@pytest.mark.parametrize(("fields", "annotations", "why"), FORGIVEN)
def test_failures_count_until_something_changes(fields: dict[str, Any], annotations: dict[str, str], why: str) -> None:
    wanted = Wanted(chart_name="web", chart_version="1.0.0", config_digest="sha256:v")
    obj = helm_release(annotations=annotations)
    assert attempt.forgives(obj, HelmReleaseStatus(**(ATTEMPTED | fields)), wanted) == why


REQUESTS: list[tuple[str, str | None, str | None, dict[str, str], bool]] = [
    ("asked for", "b", "b", {}, True),
    ("not asked for", "b", None, {}, False),
    ("without a request to reconcile", None, "b", {}, False),
    ("of an older request", "b", "a", {}, False),
    ("handled", "b", "b", {"force": "b"}, False),
    ("of a request that was handled", "b", "b", {"reconcile": "b"}, False),
    ("newer than what was handled", "b", "b", {"force": "a", "reconcile": "a"}, True),
]


@pytest.mark.parametrize(
    ("requested", "forced", "handled", "counts"), [row[1:] for row in REQUESTS], ids=[row[0] for row in REQUESTS]
)
def test_a_request_counts_once_and_with_its_reconciliation(
    requested: str | None,
    forced: str | None,
    handled: dict[str, str],
    counts: bool,
) -> None:
    given = {"requestedAt": requested, "forceAt": forced, "resetAt": forced}
    obj = helm_release(annotations={f"reconcile.fluxcd.io/{key}": value for key, value in given.items() if value})
    status = HelmReleaseStatus(
        last_handled_reconcile_at=handled.get("reconcile", ""),
        last_handled_force_at=handled.get("force", ""),
        last_handled_reset_at=handled.get("force", ""),
    )
    assert attempt.force_requested(obj, status) is counts
    assert attempt.reset_requested(obj, status) is counts
