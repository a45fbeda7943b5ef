"""Kustomization: a source's manifests, built and applied, what left them pruned, what they made awaited.

Answers to kustomize-controller: the order of the steps, the conditions, reasons and messages. Other than there, a run
in which nothing has changed writes no progress, and a dependency that becomes ready wakes its dependents at once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from deploy.cluster import changes, ports, wait
from deploy.cluster.expressions import INVALID_EXPRESSION, TERMINAL, Checks, Expressions, InvalidChecksError
from deploy.kustomize import dependencies, finalize, history, wakes
from deploy.kustomize.attempt import Attempt, KustomizationRun, event_metadata, origin, retry_after, timeout
from deploy.kustomize.building import assembly, build
from deploy.kustomize.claims import Claims
from deploy.kustomize.policy import Policy
from deploy.kustomize.prerequisites import Prerequisites
from deploy.kustomize.standing import Applied, Standing
from deploy.kustomize.steps import Steps
from deploy.kustomize.untouched import Untouched
from deploy.source import download
from gotk.api.kustomize import GROUP, Kustomization, KustomizationStatus
from gotk.api.meta import Artifact
from gotk.duration import Duration
from gotk.kube.ports import Getter
from gotk.runtime import conditions
from gotk.runtime.clock import Clock
from gotk.runtime.conditions import RECONCILING
from gotk.runtime.errors import ReconcileError, Retry, Stalled, Waiting
from gotk.runtime.reconciler import Noted, Outcome, Reader, Rested, Watch


class KustomizationReconciler:
    """Reconciles Kustomizations of any source that is served here."""

    kind = Kustomization
    controller = "kustomize-controller"
    rules = conditions.Rules(
        success_reason="ReconciliationSucceeded",
        unknown_while_running=True,
        observed_stalls=("InvalidCELExpression", conditions.UNSUPPORTED_FIELD, conditions.INVALID_OBJECT),
        interval_jitter=True,
    )
    unsupported: Sequence[str] = ()

    def __init__(
        self,
        *,
        objects: Reader,
        client: Getter,
        clusters: ports.Clusters,
        assembler: assembly.Assembler,
        expressions: Expressions,
        clock: Clock,
        policy: Policy,
    ) -> None:
        """Take what it works with; `client` reads the cluster of the objects, `clusters` are applied to."""
        claims = Claims(clock=clock)
        self._dependents = wakes.Dependents()
        self._clusters = clusters
        self._assembler = assembler
        self._expressions = expressions
        self._clock = clock
        self._steps = Steps(clock=clock, policy=policy)
        self._standing = Standing(assembler=assembler, clusters=clusters, steps=self._steps, claims=claims, clock=clock)
        self._before = Prerequisites(objects=objects, client=client, expressions=expressions, policy=policy)
        self._untouched = Untouched(
            objects=objects, before=self._before, assembler=assembler, standing=self._standing, clock=clock
        )
        sources = wakes.of_sources(self._untouched.sift, external=policy.external_artifacts)
        self.watches: Sequence[Watch[Any]] = (*sources, self._dependents.watch, claims.watch)

    def without_times(self, status: KustomizationStatus) -> KustomizationStatus:
        """Return a status but for what counts and times runs that changed nothing."""
        return msgspec.structs.replace(status, history=history.without_times(status.history))

    def without_revision(self, status: KustomizationStatus) -> KustomizationStatus:
        """Return a status but for the revision that was applied, and for what times runs."""
        return msgspec.structs.replace(
            status,
            last_applied_revision="",
            last_attempted_revision="",
            last_applied_origin_revision="",
            conditions=history.without_revision(status.conditions),
            history=history.without_times(status.history, revision=False),
        )

    def note(self, obj: Kustomization, now: datetime) -> Noted | None:
        """Take the source's revision for applied where it changes nothing of what was."""
        return self._untouched.note(obj, now)

    def is_awaited(self, obj: Kustomization) -> bool:
        """Tell whether another Kustomization depends on one."""
        return self._dependents.has(obj)

    async def reconcile(self, obj: Kustomization, run: KustomizationRun) -> Outcome:
        """Build the source's present revision and bring the cluster to it."""
        began = self._clock.monotonic()
        checks = self._checks(obj)
        try:
            source = await self._before.source(obj)
            await self._before.check_dependencies(obj, run, source)
        except Waiting:
            run.conditions.delete(RECONCILING)  # nothing has begun
            raise
        steady = obj.status.last_applied_revision == source.revision and dependencies.ready(obj) is not None
        attempt = Attempt(obj, run, source, began, steady, checks)
        try:
            if standing := await self._standing.of(attempt):
                return self._leave(attempt, standing)
            assembled = await self._assemble(attempt)
            async with self._clusters.of(obj) as cluster:
                await self._steps.run(attempt, assembled, cluster)
                self._standing.keep(attempt, assembled, cluster)
        except ports.ClusterError as error:
            failed = Retry("ReconciliationFailed", _unreachable(error), after=retry_after(obj.spec))
            failed.metadata = attempt.metadata
            raise failed from error
        except ReconcileError as error:
            error.metadata = attempt.metadata
            raise
        return self._done(attempt)

    def _leave(self, attempt: Attempt, standing: Applied) -> Outcome:
        """Say that what was applied stands, for a new revision or at the interval."""
        if standing.is_of(attempt.artifact):
            self._standing.rest(attempt.obj, standing)
            self._steps.record(attempt, standing.digest)
            return self._done(attempt)
        if self._standing.lets_others_go_first(attempt):
            return Outcome(message="", later=True)
        self._standing.move(attempt.obj, attempt.artifact)
        self._steps.record(attempt, standing.digest)
        attempt.run.update(last_attempted_revision=attempt.artifact.revision)
        return self._done(attempt, again=standing.due)

    def rest(self, obj: Kustomization) -> Rested | None:
        """Return how a run at the interval ends where nothing has moved, and nobody has to be asked for that."""
        began = self._clock.monotonic()
        if (source := self._before.known(obj)) is None or (standing := self._standing.known(obj, source)) is None:
            return None
        if obj.status.last_applied_origin_revision != origin(source):
            return None
        self._standing.rest(obj, standing)
        recorded = self._steps.rested(obj, source, standing.digest, began)
        outcome = self._outcome(source, began, obj.spec.interval, routine=True)
        return Rested(msgspec.structs.replace(obj.status, history=recorded), outcome)

    def _done(self, attempt: Attempt, *, again: float | None = None) -> Outcome:
        """Say that the revision is applied; the next run is after the interval, or due `again` before that."""
        attempt.run.update(last_applied_revision=attempt.artifact.revision, last_applied_origin_revision=attempt.origin)
        left = attempt.obj.spec.interval
        if again is not None:
            left = Duration.of(round(max(again - self._clock.monotonic(), 0.0)))
        return self._outcome(attempt.artifact, attempt.began, left, routine=attempt.steady or again is not None)

    def _outcome(self, source: Artifact, began: float, left: Duration, *, routine: bool) -> Outcome:
        taken = Duration.of(round(self._clock.monotonic() - began, 6))
        return Outcome(
            message=f"Applied revision: {source.revision}",
            requeue_after=left.seconds,
            changed=True,
            routine=routine,
            event=f"Reconciliation finished in {taken}, next run in {left}",
            metadata={**event_metadata(source), f"{GROUP}/commit_status": "update"},
        )

    async def finalize(self, obj: Kustomization, run: KustomizationRun) -> None:
        """Delete what was applied, as the deletion policy says."""
        if finalize.deletes(obj):
            await self._give_back(obj, run)
        self._clusters.forget(obj)

    async def _give_back(self, obj: Kustomization, run: KustomizationRun) -> None:
        try:
            if not await self._clusters.has_account(obj):
                run.event("Warning", _ready_reason(run), finalize.orphans(obj), finalize.metadata(obj))
                return
            async with self._clusters.of(obj) as cluster:
                await self._delete(obj, run, cluster)
        except ports.ClusterError as error:
            raise Retry("ReconciliationFailed", _unreachable(error)) from error

    async def _delete(self, obj: Kustomization, run: KustomizationRun, cluster: ports.Cluster) -> None:
        pruned = await finalize.delete_objects(obj, cluster=cluster)
        if pruned.error:
            run.event("Warning", "PruneFailed", "pruning for deleted resource failed", finalize.metadata(obj))
            raise Retry("PruneFailed", pruned.error)
        if told := changes.lines(pruned.changes, skipped=True):
            run.event("Normal", _ready_reason(run), told, finalize.metadata(obj))
        left = await finalize.wait_for_termination(
            obj,
            pruned.deleted,
            cluster=cluster,
            waiter=wait.Waiter(clock=self._clock),
            timeout=timeout(obj.spec).seconds,
        )
        if left:
            run.event("Warning", "PruneFailed", "failed to wait for resources termination", finalize.metadata(obj))

    def _checks(self, obj: Kustomization) -> Checks:
        """Read `spec.healthCheckExprs`. Raises Stalled."""
        try:
            return Checks(obj.spec.health_check_exprs, expressions=self._expressions, owner=obj.metadata.uid)
        except InvalidChecksError as error:
            raise Stalled(INVALID_EXPRESSION, f"{TERMINAL}: {error}") from error

    async def _assemble(self, attempt: Attempt) -> assembly.Assembled:
        """Fetch and build, unless that is at hand, and return the objects."""
        run, source, after = attempt.run, attempt.artifact, attempt.retry_after
        try:
            built = await self._assembler.build(attempt)
            run.update(last_attempted_revision=source.revision)
            return await self._assembler.objects(attempt.obj, built)
        except download.ArtifactMissing:
            raise self._before.waiting("ArtifactFailed", "Source is not ready, artifact not found") from None
        except (download.ArtifactError, build.PathMissing) as error:
            raise Retry("ArtifactFailed", str(error), after=after) from error
        except (build.BuildError, assembly.AssemblyError) as error:
            run.update(last_attempted_revision=source.revision)
            raise Retry("BuildFailed", str(error), after=after) from error


def _unreachable(error: ports.ClusterError) -> str:
    return f"failed to build kube client: {error}"


def _ready_reason(run: KustomizationRun) -> str:
    """Return the reason that an event beside the conditions carries, as in Flux: that of Ready."""
    ready = run.conditions.get(conditions.READY)
    return ready.reason if ready is not None else conditions.PROGRESSING
