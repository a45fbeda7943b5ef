"""HelmRelease: a chart with values, rendered by helm, applied, tested, watched, and taken back where it fails.

Answers to helm-controller: the order of the steps, the conditions, reasons and messages. Other than there, a run in
which nothing has changed writes no progress and starts no process, and a dependency that becomes ready wakes its
dependents at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.cluster import ports
from deploy.cluster.expressions import INVALID_EXPRESSION, TERMINAL, Checks, Expressions, InvalidChecksError
from deploy.helm import defaults, digests, naming, prerequisites, wakes, wording
from deploy.helm.attempt import Attempt, HelmReleaseRun
from deploy.helm.charts import Charts
from deploy.helm.deciding import attempt as attempts
from deploy.helm.deciding.state import Wanted
from deploy.helm.policy import Policy
from deploy.helm.prerequisites import Prerequisites
from deploy.helm.releases import Releases
from deploy.helm.rendering.chart import Chart
from deploy.helm.template import Templates
from deploy.helm.values import compose
from deploy.source import download
from gotk.api.helm import FORCE_AT, RESET_AT, HelmRelease
from gotk.kube.ports import Getter
from gotk.runtime import conditions
from gotk.runtime.conditions import READY
from gotk.runtime.errors import ReconcileError, Retry, Stalled, Waiting
from gotk.runtime.reconciler import Outcome, Watch


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What a release is made of, before anybody asks its cluster."""

    chart: Chart
    values: Mapping[str, Any] = field(repr=False)
    hidden: tuple[str, ...] = field(repr=False)
    checks: Checks


class HelmReleaseReconciler:
    """Reconciles HelmReleases."""

    kind = HelmRelease
    controller = "helm-controller"
    rules = conditions.Rules(
        success_reason="ReconciliationSucceeded", interval_jitter=True, progress=wording.PREREQUISITES
    )
    watches: Sequence[Watch[Any]] = wakes.WATCHES
    unsupported: Sequence[str] = ()

    def __init__(
        self,
        *,
        prerequisites: Prerequisites,
        templates: Templates,
        client: Getter,
        clusters: ports.Clusters,
        charts: Charts,
        releases: Releases,
        expressions: Expressions,
        policy: Policy,
    ) -> None:
        """Take what it works with; `client` reads the cluster of the objects, `clusters` are released to."""
        self._before = prerequisites
        self._templates = templates
        self._client = client
        self._clusters = clusters
        self._charts = charts
        self._releases = releases
        self._expressions = expressions
        self._policy = policy

    async def reconcile(self, obj: HelmRelease, run: HelmReleaseRun) -> Outcome:
        """Bring the release to what the object wants."""
        prerequisites.check_name(obj)
        if self._policy.helm_3_defaults:
            obj = defaults.as_with_helm_3(obj)
        if obj.spec.rollback.recreate:
            run.log.warning("spec.rollback.recreate has no effect: Helm restarts no pods for a rollback any more")
        forced = attempts.force_requested(obj, run.status)
        inputs = await self._inputs(obj, run)
        wanted = _wanted(obj, inputs, self._policy.digest_algorithm)
        forgives = attempts.forgives(obj, run.status, wanted)
        _note(obj, run, wanted, forgives=bool(forgives))
        try:
            async with self._clusters.of(obj) as cluster:
                attempt = Attempt(
                    obj=obj,
                    run=run,
                    chart=inputs.chart,
                    values=inputs.values,
                    hidden=inputs.hidden,
                    wanted=wanted,
                    checks=inputs.checks,
                    cluster=cluster,
                    forced=forced,
                    cancels=self._policy.cancel_health_checks,
                )
                return await self._release(attempt)
        except ports.ClusterError as error:
            raise Retry("RESTClientError", f"could not build REST client: {error}") from error

    async def _inputs(self, obj: HelmRelease, run: HelmReleaseRun) -> _Inputs:
        """Gather what the release is made of. Raises Stalled, Retry and Waiting."""
        checks = self._checks(obj)
        await self._templates.reconcile(obj, run)
        try:
            await self._before.check_dependencies(obj)
        except Waiting as error:
            run.event("Normal", error.reason, error.message)
            error.told = True
            raise
        kind, artifact = await self._before.source(obj)
        try:
            composed = await compose.trace(obj, client=self._client)
        except compose.ValuesError as error:
            raise Retry("ValuesError", str(error)) from error
        try:
            chart = await self._charts.load(kind, artifact)
        except download.ArtifactMissing:
            after = self._policy.requeue_dependency
            told = f"Source not ready: artifact not found. Retrying in {after:g}s"
            raise Retry("ArtifactFailed", told, after=after) from None
        except download.ArtifactError as error:
            raise Retry("ArtifactFailed", f"Could not load chart: {error}") from error
        return _Inputs(chart, composed.values, composed.hidden, checks)

    async def _release(self, attempt: Attempt) -> Outcome:
        """Act until the release is what it is to be. Raises what the end of the run is where it is not."""
        obj, run = attempt.obj, attempt.run
        if moved := attempts.moved(obj, run.status, attempt.wanted.chart_name):
            run.log.info("release target configuration changed: uninstalling the current release", what=moved)
            await self._releases.leave(obj, run, attempt.cluster)
            raise Waiting(conditions.PROGRESSING, f"release target configuration changed ({moved})", after=0.0)
        run.update(storage_namespace=naming.storage_namespace(obj))
        try:
            await self._releases.bring(attempt)
        except ReconcileError as error:
            error.metadata = attempt.metadata
            raise
        ready = run.conditions.get(READY)
        return Outcome(
            message=ready.message if ready is not None else "",
            reason=ready.reason if ready is not None else None,
            requeue_after=obj.spec.interval.seconds,
            told=True,
            metadata=attempt.metadata,
        )

    async def finalize(self, obj: HelmRelease, run: HelmReleaseRun) -> None:
        """Uninstall the release, and delete the HelmChart that was made for it; a suspended object leaves both."""
        if not obj.spec.suspend:
            await self._give_back(obj, run)
            await self._templates.delete(run)
        self._clusters.forget(obj)

    async def _give_back(self, obj: HelmRelease, run: HelmReleaseRun) -> None:
        if not run.status.storage_namespace or not run.status.history:
            return
        try:
            if not await self._clusters.has_account(obj):
                return
            async with self._clusters.of(obj) as cluster:
                await self._releases.leave(obj, run, cluster)
        except ports.ClusterMissing as error:  # nobody can go there any more: the object must not stay for that
            run.log.warning("a release stays where it is, for nothing leads to its cluster", error=str(error))
        except ports.ClusterError as error:
            raise Retry("RESTClientError", f"could not build REST client: {error}") from error

    def _checks(self, obj: HelmRelease) -> Checks:
        """Read `spec.healthCheckExprs`. Raises Stalled."""
        try:
            return Checks(obj.spec.health_check_exprs, expressions=self._expressions, owner=obj.metadata.uid)
        except InvalidChecksError as error:
            raise Stalled(INVALID_EXPRESSION, f"{TERMINAL}: {error}") from error


def _wanted(obj: HelmRelease, inputs: _Inputs, algorithm: str) -> Wanted:
    return Wanted(
        chart_name=inputs.chart.metadata.name,
        chart_version=inputs.chart.metadata.version,
        config_digest=digests.config(inputs.values, algorithm),
        post_renderers_digest=digests.post_renderers(obj, algorithm),
        common_metadata_digest=digests.common_metadata(obj, algorithm),
        oci_digest=inputs.chart.digest,
        algorithm=algorithm,
        values=inputs.values,
    )


def _note(obj: HelmRelease, run: HelmReleaseRun, wanted: Wanted, *, forgives: bool) -> None:
    """Note in the status what is attempted, and which wishes of annotations were seen."""
    annotations = obj.metadata.annotations
    if forgives:
        run.update(failures=0, install_failures=0, upgrade_failures=0)
    run.update(
        last_attempted_generation=obj.metadata.generation,
        last_attempted_revision=wanted.chart_version,
        last_attempted_revision_digest=wanted.oci_digest,
        last_attempted_config_digest=wanted.config_digest,
        last_handled_force_at=annotations.get(FORCE_AT, run.status.last_handled_force_at),
        last_handled_reset_at=annotations.get(RESET_AT, run.status.last_handled_reset_at),
    )
