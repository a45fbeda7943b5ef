"""Kustomization: a source's manifests, built and applied, what left them pruned, what they made awaited.

Answers to kustomize-controller: the order of the steps, the conditions, reasons and messages. Other than there, a run
in which nothing has changed writes no progress, and a dependency that becomes ready wakes its dependents at once.
"""

from collections.abc import Sequence
from typing import Any

from deploy.cluster import changes, ports, wait
from deploy.kustomize import dependencies, finalize, wakes
from deploy.kustomize.attempt import Attempt, KustomizationRun, retry_after, timeout
from deploy.kustomize.building import assembly, build
from deploy.kustomize.steps import Steps
from deploy.source import fetch
from gotk.api.kustomize import GROUP, Kustomization
from gotk.api.meta import Artifact
from gotk.api.source import GROUP as SOURCE_GROUP
from gotk.api.source import SOURCES, Source
from gotk.duration import Duration
from gotk.kube.errors import NotFound
from gotk.kube.ports import Getter
from gotk.runtime import conditions
from gotk.runtime.clock import Clock
from gotk.runtime.conditions import RECONCILING
from gotk.runtime.errors import ReconcileError, Retry, Stalled, Waiting
from gotk.runtime.reconciler import Outcome, Reader, Watch


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
    watches: Sequence[Watch[Any]] = wakes.WATCHES
    unsupported: Sequence[str] = (
        "spec.decryption",
        "spec.dependsOn[].readyExpr",
        "spec.healthCheckExprs",
        "spec.ignore",
    )

    def __init__(
        self,
        *,
        objects: Reader,
        client: Getter,
        clusters: ports.Clusters,
        assembler: assembly.Assembler,
        clock: Clock,
        requeue_dependency: float,
        no_cross_namespace_refs: bool,
        workload_advice: str,
    ) -> None:
        """Take what it works with; `client` reads the cluster of the objects, `clusters` are applied to.

        `workload_advice` is told with a health check that waited in vain, where nothing runs workloads.
        """
        self._objects = objects
        self._client = client
        self._clusters = clusters
        self._assembler = assembler
        self._clock = clock
        self._steps = Steps(clock=clock, workload_advice=workload_advice)
        self._requeue_dependency = requeue_dependency
        self._no_cross_namespace_refs = no_cross_namespace_refs

    async def reconcile(self, obj: Kustomization, run: KustomizationRun) -> Outcome:
        """Build the source's present revision and bring the cluster to it."""
        began = self._clock.monotonic()
        try:
            source = self._source(obj)
            await self._check_dependencies(obj, run, source)
        except Waiting:
            run.conditions.delete(RECONCILING)  # nothing has begun
            raise
        steady = obj.status.last_applied_revision == source.revision and dependencies.ready(obj) is not None
        attempt = Attempt(obj, run, source, began, steady)
        try:
            assembled = await self._assemble(attempt)
            async with self._clusters.of(obj) as cluster:
                await self._steps.run(attempt, assembled, cluster)
        except ports.ClusterError as error:
            failed = Retry("ReconciliationFailed", _unreachable(error), after=retry_after(obj.spec))
            failed.metadata = attempt.metadata
            raise failed from error
        except ReconcileError as error:
            error.metadata = attempt.metadata
            raise
        run.update(last_applied_revision=source.revision, last_applied_origin_revision=attempt.origin)
        taken = Duration.of(round(self._clock.monotonic() - began, 6))
        return Outcome(
            message=f"Applied revision: {source.revision}",
            requeue_after=obj.spec.interval.seconds,
            changed=True,
            event=f"Reconciliation finished in {taken}, next run in {obj.spec.interval}",
            metadata={**attempt.metadata, f"{GROUP}/commit_status": "update"},
        )

    async def finalize(self, obj: Kustomization, run: KustomizationRun) -> None:
        """Delete what was applied, as the deletion policy says."""
        if not finalize.deletes(obj):
            return
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

    def _source(self, obj: Kustomization) -> Artifact:
        """Return the artifact to build. Raises Stalled, Retry or Waiting where there is none."""
        reference, own = obj.spec.source_ref, obj.metadata.namespace
        namespace = reference.namespace or own
        subject = f"{reference.kind}/{namespace}/{reference.name}"
        kind = SOURCES.get(reference.kind)
        if kind is None:
            cause = f"is not supported, refer to a {' or '.join(SOURCES)}"
            raise Stalled("UnsupportedSourceKind", f"source '{subject}' {cause}")
        if self._no_cross_namespace_refs and namespace != own:
            raise Stalled("AccessDenied", f"can't access '{subject}', cross-namespace references have been blocked")
        source: Source | None = self._objects.get(kind, namespace, reference.name)
        if source is None:
            # No event, as in Flux: whoever applies both at once would be told of an error each time.
            message = f'{reference.kind}.{SOURCE_GROUP} "{reference.name}" not found'
            raise Waiting("ArtifactFailed", message, after=retry_after(obj.spec))
        if source.status.artifact is None:
            raise self._waiting("ArtifactFailed", "Source artifact not found")
        return source.status.artifact

    async def _check_dependencies(self, obj: Kustomization, run: KustomizationRun, source: Artifact) -> None:
        """Raise Waiting for the first Kustomization that must come first and has not."""
        for reference in obj.spec.depends_on:
            namespace, name = dependencies.key(reference, obj.metadata.namespace)
            try:
                dependency = await self._client.get(Kustomization, namespace, name)
                why = dependencies.unmet(obj, dependency, source.revision)
            except NotFound as error:
                why = f"dependency '{namespace}/{name}' not found: {error.message}"
            if why is not None:
                waiting = self._waiting("DependencyNotReady", "Dependencies do not meet ready condition")
                run.event("Normal", waiting.reason, waiting.message, {f"{GROUP}/revision": source.revision})
                raise Waiting(waiting.reason, why, after=waiting.after)

    def _waiting(self, reason: str, message: str) -> Waiting:
        delay = Duration.of(self._requeue_dependency)
        return Waiting(reason, f"{message}, retrying in {delay}", after=delay.seconds)

    async def _assemble(self, attempt: Attempt) -> assembly.Assembled:
        """Fetch and build, unless that is at hand, and return the objects."""
        run, source, after = attempt.run, attempt.artifact, attempt.retry_after
        try:
            built = await self._assembler.build(attempt)
            run.update(last_attempted_revision=source.revision)
            return await self._assembler.objects(attempt.obj, built)
        except fetch.ArtifactMissing:
            raise self._waiting("ArtifactFailed", "Source is not ready, artifact not found") from None
        except (fetch.ArtifactError, build.PathMissing) as error:
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
