"""What the objects of a cluster say of what they deploy: statuses as the controllers write them, facts out."""

from typing import Any

import pytest

from gotk.api import scheme
from gotk.api.helm import HelmRelease
from gotk.api.kustomize import Kustomization
from gotk.runtime.reconciler import Key
from image_automation.recovering import deployments
from image_automation.recovering.deployments import Deployment

SOURCE = Key("flux-system", "fleet")
OLD, NEW = "0" * 40, "1" * 40
#: 2026-01-01T12:00:00Z
NOON = 1_767_268_800


def ready(status: str, reason: str, *, generation: int = 1) -> dict[str, Any]:
    return {
        "type": "Ready", "status": status, "reason": reason, "message": "told", "observedGeneration": generation,
        "lastTransitionTime": "2026-01-01T12:00:00Z",
    }  # fmt: skip


def line(revision: str, status: str) -> dict[str, Any]:
    return {
        "digest": f"sha256:{status}",
        "firstReconciled": "2026-01-01T12:00:00Z", "lastReconciled": "2026-01-01T12:00:00Z",
        "lastReconciledDuration": "1s", "lastReconciledStatus": status, "totalReconciliations": 1,
        "metadata": {"revision": f"main@sha1:{revision}"},
    }  # fmt: skip


def kustomization(*conditions: dict[str, Any], history: tuple[dict[str, Any], ...] = (), **spec: Any) -> Kustomization:
    status = {
        "conditions": list(conditions), "history": list(history), "lastAttemptedRevision": f"main@sha1:{NEW}",
        "lastAppliedRevision": f"main@sha1:{OLD}",
    }  # fmt: skip
    reference = {"kind": "GitRepository", "name": "fleet"}
    return scheme.convert(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "apps", "namespace": "flux-system", "generation": 1},
            "spec": {"path": "./apps/prod", "interval": "1m", "prune": True, "sourceRef": reference, **spec},
            "status": status,
        },
        Kustomization,
    )


def found(obj: Kustomization) -> Deployment:
    return deployments.of(SOURCE, [obj], [])[0]


def test_a_failed_kustomization_says_what_it_tried_and_what_was_good() -> None:
    assert found(kustomization(ready("False", "HealthCheckFailed"))) == Deployment(
        kind="Kustomization", key=Key("flux-system", "apps"), standing="failed", reason="HealthCheckFailed",
        message="told",
        since=NOON, ours=True, folder="apps/prod", tried=NEW, good=OLD, blames=True,
    )  # fmt: skip


STANDING = {
    "busy": kustomization(ready("Unknown", "Progressing")),
    "busy before it is looked at": kustomization(),
    "busy with another generation": kustomization(ready("False", "HealthCheckFailed", generation=7)),
    "ready": kustomization(ready("True", "ReconciliationSucceeded")),
    "follows": kustomization(ready("False", "DependencyNotReady")),
    "failed": kustomization(ready("False", "ArtifactFailed")),
}


@pytest.mark.parametrize(("said", "obj"), STANDING.items(), ids=STANDING)
def test_how_it_stands(said: str, obj: Kustomization) -> None:
    assert found(obj).standing == said.partition(" ")[0]


def test_only_what_is_deployed_can_be_blamed_for_some_failures() -> None:
    reasons = ("BuildFailed", "ReconciliationFailed", "HealthCheckFailed", "ArtifactFailed", "PruneFailed")
    blamed = [reason for reason in reasons if found(kustomization(ready("False", reason))).blames]
    assert blamed == ["BuildFailed", "ReconciliationFailed", "HealthCheckFailed"]


GOOD, BAD = "ReconciliationSucceeded", "HealthCheckFailed"
HISTORIES = {
    "nothing is known": ((), False),
    "the one before was good": ((line(NEW, BAD), line(OLD, GOOD)), False),
    "the one before was bad": ((line(NEW, BAD), line(OLD, BAD), line("2" * 40, GOOD)), True),
    "it failed in two ways": ((line(NEW, BAD), line(NEW, "ReconciliationFailed"), line(OLD, GOOD)), False),
    "a build that fails is no line": ((line(OLD, GOOD), line("2" * 40, BAD)), False),
}


@pytest.mark.parametrize(("history", "failing"), HISTORIES.values(), ids=HISTORIES)
def test_whether_it_was_failing_before(history: tuple[dict[str, Any], ...], failing: bool) -> None:
    assert found(kustomization(ready("False", BAD), history=history)).was_failing == failing


def test_another_source_is_not_ours_and_what_is_suspended_is_left_out() -> None:
    elsewhere = {"kind": "GitRepository", "name": "fleet", "namespace": "other"}
    assert not found(kustomization(sourceRef=elsewhere)).ours
    assert not found(kustomization(sourceRef={"kind": "OCIRepository", "name": "fleet"})).ours
    assert deployments.of(SOURCE, [kustomization(suspend=True)], []) == ()


def release(*history: tuple[int, str, str], reason: str = "UpgradeFailed", **labels: str) -> HelmRelease:
    lines = [
        {
            "digest": "sha256:1", "name": "shop", "namespace": "apps", "version": version, "status": status,
            "chartName": "shop", "chartVersion": "1", "configDigest": "sha256:2",
            "firstDeployed": "2026-01-01T12:00:00Z",
            "lastDeployed": f"2026-01-01T12:{version:02}:00Z",
            **({"testHooks": {"t": {"phase": "Failed"}}} if tests else {}),
        }
        for version, status, tests in history
    ]  # fmt: skip
    marks = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
    return scheme.convert(
        {
            "apiVersion": "helm.toolkit.fluxcd.io/v2",
            "kind": "HelmRelease",
            "metadata": {"name": "shop", "namespace": "apps", "generation": 1, "labels": labels or marks},
            "spec": {"interval": "1m", "chartRef": {"kind": "OCIRepository", "name": "shop"}},
            "status": {"conditions": [ready("False", reason)], "history": lines},
        },
        HelmRelease,
    )


RELEASES = {
    "an upgrade failed": (((2, "failed", ""), (1, "superseded", "")), NOON + 60),
    "it was rolled back": (((3, "deployed", ""), (2, "failed", ""), (1, "superseded", "")), NOON + 60),
    "its tests failed": (((2, "deployed", "failed"), (1, "superseded", "")), NOON + 60),
    "the first one failed": (((1, "failed", ""),), 0),
    "none is known": ((), 0),
}


@pytest.mark.parametrize(("history", "good"), RELEASES.values(), ids=RELEASES)
def test_when_a_release_was_last_well(history: tuple[tuple[int, str, str], ...], good: int) -> None:
    _, made = deployments.of(SOURCE, [kustomization()], [release(*history)])
    assert (made.good_at, made.ours, made.tried, made.blames) == (good, True, NEW, True)


def test_a_release_that_no_kustomization_of_ours_applies_is_not_ours() -> None:
    _, made = deployments.of(SOURCE, [kustomization()], [release(app="shop")])
    assert not made.ours
