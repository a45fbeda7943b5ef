"""What a HelmRelease needs before anything is rendered."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.helm.policy import Policy
from deploy.helm.prerequisites import Prerequisites
from gotk.api.helm import HelmRelease
from gotk.cel.evaluator import Evaluator
from gotk.runtime.clock import SystemClock
from gotk.runtime.errors import ReconcileError, Retry, Stalled, Waiting
from tests.deploy.helm.objects import Objects, helm_release
from tests.deploy.helm.sources import chart_holder

OCI = {"chart": None, "chartRef": {"kind": "OCIRepository", "name": "web"}}
EXTERNAL = {"chart": None, "chartRef": {"kind": "ExternalArtifact", "name": "web"}}
READY = {"type": "Ready", "status": "True", "reason": "r", "message": "", "lastTransitionTime": ""}


class Cache:
    """Objects as the watch has them."""

    def __init__(self, *held: Any) -> None:
        self._held = held

    def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        return next((each for each in self.list(kind, namespace) if each.metadata.name == name), None)

    def list(self, kind: type[Any], namespace: str | None = None) -> list[Any]:
        return [each for each in self._held if type(each) is kind and namespace in {None, each.metadata.namespace}]


@pytest.fixture
async def cel() -> AsyncIterator[Evaluator]:
    async with Evaluator(clock=SystemClock()) as cel:
        yield cel


def prerequisites(cel: Evaluator, *held: Any, live: tuple[Any, ...] = (), **given: bool) -> Prerequisites:
    usual = dict.fromkeys(
        ("no_cross_namespace_refs", "additive_expressions", "cancel_health_checks", "direct_source_fetch",
         "external_artifacts", "helm_3_defaults"), False,
    )  # fmt: skip
    policy = Policy(requeue_dependency=30.0, digest_algorithm="sha256", **(usual | given))
    return Prerequisites(objects=Cache(*held), client=Objects((*held, *live)), expressions=cel, policy=policy)


async def refusal(before: Prerequisites, obj: HelmRelease) -> ReconcileError:
    with pytest.raises(ReconcileError) as caught:
        await before.source(obj)
    return caught.value


async def test_a_chart_is_taken_from_what_the_template_made_or_the_reference_names(cel: Evaluator) -> None:
    before = prerequisites(
        cel, chart_holder(name="apps-web", revision="1"), chart_holder("OCIRepository", revision="2")
    )
    kind, artifact = await before.source(helm_release())
    assert (kind, artifact.revision) == ("HelmChart", "1")
    kind, artifact = await before.source(helm_release(OCI))
    assert (kind, artifact.revision) == ("OCIRepository", "2")


NOT_READY: list[tuple[str, dict[str, Any], str]] = [
    ("has no artifact yet", {"revision": ""}, "does not have an artifact"),
    ("was not looked at yet", {"observed": 0}, "latest generation of object has not been reconciled"),
    ("failed in its new generation", {"observed": 0, "Ready": "False: no such tag"}, "no such tag"),
    ("is stalled", {"Stalled": "True: bad address", "Ready": "False: bad address"}, "bad address"),
]


@pytest.mark.parametrize(("given", "why"), [row[1:] for row in NOT_READY], ids=[row[0] for row in NOT_READY])
async def test_a_source_is_waited_for_that(given: dict[str, Any], why: str, cel: Evaluator) -> None:
    error = await refusal(prerequisites(cel, chart_holder("OCIRepository", **given)), helm_release(OCI))
    assert isinstance(error, Waiting)
    assert (error.reason, error.after) == ("SourceNotReady", 30.0)
    assert error.message == f"OCIRepository 'apps/web' is not ready: {why}"


async def test_a_source_that_fails_now_still_gives_the_chart_of_before(cel: Evaluator) -> None:
    before = prerequisites(cel, chart_holder("OCIRepository", Ready="False: registry is down"))
    assert (await before.source(helm_release(OCI)))[1].revision == "1.0.0"


async def test_a_source_that_is_not_there_is_told_and_tried_again(cel: Evaluator) -> None:
    error = await refusal(prerequisites(cel), helm_release(OCI))
    assert isinstance(error, Retry)
    what = 'could not get Source object: ocirepositories.source.toolkit.fluxcd.io "web" not found'
    assert (error.reason, error.message) == ("ArtifactFailed", what)


async def test_a_source_may_be_read_from_the_api_instead_of_the_watch(cel: Evaluator) -> None:
    live = (chart_holder("OCIRepository"),)
    assert isinstance(await refusal(prerequisites(cel, live=live), helm_release(OCI)), Retry)
    before = prerequisites(cel, live=live, direct_source_fetch=True)
    assert (await before.source(helm_release(OCI)))[0] == "OCIRepository"


async def test_artifacts_of_other_controllers_need_the_gate(cel: Evaluator) -> None:
    artifact = chart_holder("ExternalArtifact")
    error = await refusal(prerequisites(cel, artifact), helm_release(EXTERNAL))
    assert isinstance(error, Stalled)
    why = "can't access 'ExternalArtifact/apps/web', ExternalArtifact feature gate is disabled"
    assert (error.reason, error.message) == ("AccessDenied", why)
    before = prerequisites(cel, artifact, external_artifacts=True)
    assert (await before.source(helm_release(EXTERNAL)))[0] == "ExternalArtifact"


async def test_a_source_of_another_namespace_may_be_forbidden(cel: Evaluator) -> None:
    abroad = {"chart": None, "chartRef": {"kind": "OCIRepository", "name": "web", "namespace": "charts"}}
    source = chart_holder("OCIRepository", namespace="charts")
    assert (await prerequisites(cel, source).source(helm_release(abroad)))[1].revision == "1.0.0"
    error = await refusal(prerequisites(cel, source, no_cross_namespace_refs=True), helm_release(abroad))
    assert isinstance(error, Stalled)
    why = "cross-namespace references are not allowed: cannot access OCIRepository charts/web"
    assert (error.reason, error.message) == ("AccessDenied", why)


@pytest.mark.parametrize("spec", [{"chart": None}, {"chartRef": {"kind": "HelmChart", "name": "web"}}])
async def test_a_release_of_no_chart_or_two_stalls(spec: dict[str, Any], cel: Evaluator) -> None:
    error = await refusal(prerequisites(cel), helm_release(spec))
    assert isinstance(error, Stalled)
    assert error.message == "invalid Chart reference: either chart or chartRef must be set"


def after(**more: str) -> HelmRelease:
    return helm_release({"dependsOn": [{"name": "db", **more}]})


def dependency(version: str = "1.0.0", *, observed: int = 1, ready: bool = True) -> HelmRelease:
    status = {
        "observedGeneration": observed, "conditions": [READY] if ready else [], "lastAttemptedRevision": version
    }  # fmt: skip
    return helm_release(status=status, name="db")


NEWER = "dep.status.lastAttemptedRevision == '2.0.0'"
UNMET: list[tuple[str, HelmRelease, tuple[HelmRelease, ...], dict[str, bool], str]] = [
    ("is not there", after(), (), {}, "unable to get 'apps/db' dependency: HelmRelease \"db\" not found"),
    ("is not ready", after(), (dependency(ready=False),), {}, "dependency 'apps/db' is not ready"),
    ("is ready of an older one", after(), (dependency(observed=0),), {}, "dependency 'apps/db' is not ready"),
    (
        "does not do as the expression says",
        after(readyExpr=NEWER),
        (dependency(),),
        {},
        "dependency 'apps/db' is not ready according to readyExpr eval",
    ),
    (
        "does, but is not ready, where both count",
        after(readyExpr=NEWER),
        (dependency("2.0.0", ready=False),),
        {"additive_expressions": True},
        "dependency 'apps/db' is not ready",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("obj", "held", "given", "why"), [row[1:] for row in UNMET], ids=[row[0] for row in UNMET])
async def test_a_release_waits_for_one_that(
    obj: HelmRelease, held: tuple[HelmRelease, ...], given: dict[str, bool], why: str, cel: Evaluator
) -> None:
    with pytest.raises(Waiting) as caught:
        await prerequisites(cel, *held, **given).check_dependencies(obj)
    assert (caught.value.reason, caught.value.message, caught.value.after) == ("DependencyNotReady", why, 30.0)


async def test_a_release_goes_on_after_one_that_is_ready_or_does_as_the_expression_says(cel: Evaluator) -> None:
    await prerequisites(cel, dependency()).check_dependencies(after())
    await prerequisites(cel, dependency("2.0.0", ready=False)).check_dependencies(after(readyExpr=NEWER))
    await prerequisites(cel).check_dependencies(helm_release())


async def test_an_expression_that_is_none_stalls_the_release(cel: Evaluator) -> None:
    with pytest.raises(Stalled) as caught:
        await prerequisites(cel, dependency()).check_dependencies(after(readyExpr="dep.status =="))
    assert caught.value.reason == "InvalidCELExpression"
    assert caught.value.message.startswith(
        "Reconciliation failed terminally due to configuration error: failed to evaluate dependency db: "
    )
