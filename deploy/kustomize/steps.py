"""The steps after a build: apply the objects, keep the inventory, prune, check health, write history.

Answers to the second half of kustomize-controller's reconcile. A failed apply changes no inventory and prunes
nothing; the inventory is stored before anything is deleted, with what is to be: who is cut off leaves that to the next.
"""

import asyncio
from collections.abc import Sequence

from deploy.cluster import apply, changes, inventory, ports, prune, redaction, wait
from deploy.cluster.changes import Change
from deploy.cluster.comparing import ignored
from deploy.cluster.inventory import Item, ObjectID
from deploy.cluster.trial import ApplyError, Wishes
from deploy.kustomize import history, owner
from deploy.kustomize.attempt import Attempt, KustomizationRun, steady_lag
from deploy.kustomize.building.assembly import Assembled
from deploy.kustomize.policy import Policy
from gotk.api.kustomize import GROUP, Kustomization, KustomizationSpec, NamespacedObjectKindReference, Snapshot
from gotk.api.meta import Artifact
from gotk.duration import Duration
from gotk.kube.errors import APIError
from gotk.runtime import conditions
from gotk.runtime.clock import Clock
from gotk.runtime.errors import Retry, Waiting

_HEALTHY = "Healthy"
#: What becomes well only where something runs it.
_WORKLOADS = frozenset(
    {("", "Pod"), ("", "PersistentVolumeClaim"), ("batch", "Job")}
    | {("apps", kind) for kind in ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")}
)


class Steps:
    """Brings clusters to the objects of builds."""

    def __init__(self, *, clock: Clock, policy: Policy) -> None:
        self._policy = policy
        self._clock = clock
        self._waiter = wait.Waiter(clock=clock, fail_fast=policy.fail_fast)
        self._applier = apply.Applier(clock=clock, waiter=self._waiter, manner=policy.manner)

    async def run(self, attempt: Attempt, assembled: Assembled, cluster: ports.Cluster) -> None:
        """Apply, prune and check; the history knows the build by its digest. Raises Retry with the step's reason.

        No message carries a value that a Secret gave to a variable.
        """
        redactor = redaction.Redactor(assembled.hidden)
        try:
            applied = await self._apply(attempt, assembled, cluster)
            await self._prune(attempt, applied, cluster)
            await self._check_health(attempt, assembled, applied, cluster, redactor)
        except Retry as error:
            self.record(attempt, assembled.digest, error.reason)
            raise Retry(error.reason, redactor.hide(error.message), after=error.after) from None
        self.record(attempt, assembled.digest)

    async def are_idle(self, attempt: Attempt, made_of: str, cluster: ports.Cluster) -> bool:
        """Tell whether all steps would do nothing with a build, which is known without a look at any object."""
        if _awaits_health(attempt.obj.spec):
            return False
        wishes = _wishes(attempt.obj.spec, made_of, lag=attempt.lag)
        return await self._applier.is_at_rest(cluster=cluster, owner=owner.of(attempt.obj), wishes=wishes)

    def rests(self, obj: Kustomization, made_of: str, cluster: ports.Cluster) -> bool:
        """Tell the same of a steady run without asking anybody."""
        if _awaits_health(obj.spec):
            return False
        wishes = _wishes(obj.spec, made_of, lag=steady_lag(obj.spec))
        return self._applier.rests(cluster=cluster, owner=owner.of(obj), wishes=wishes)

    async def _apply(self, attempt: Attempt, assembled: Assembled, cluster: ports.Cluster) -> list[Change]:
        await attempt.progress("Detecting drift")
        try:
            async with asyncio.timeout(attempt.timeout.seconds):
                wishes = _wishes(attempt.obj.spec, assembled.name, lag=attempt.lag)
                applied = await self._applier.apply(
                    assembled, cluster=cluster, owner=owner.of(attempt.obj), wishes=wishes
                )
        except TimeoutError:
            message = f"apply did not finish within {attempt.timeout}"
            raise Retry("ReconciliationFailed", message, after=attempt.retry_after) from None
        except ignored.InvalidRuleError as error:
            raise Retry("ReconciliationFailed", str(error), after=attempt.retry_after) from error
        except ApplyError as error:
            told = changes.lines(error.changes)
            message = f"{error}\n{told}\n" if told else f"{error}\n"
            raise Retry("ReconciliationFailed", message, after=attempt.retry_after) from error
        if told := changes.lines(applied):
            attempt.run.event("Normal", conditions.PROGRESSING, told, attempt.metadata)
        return applied

    async def _prune(self, attempt: Attempt, applied: Sequence[Change], cluster: ports.Cluster) -> None:
        """Store the new inventory with what only the old one holds, then delete that, and leave it out.

        Where nothing is deleted and no health awaited, the end of the run is next, and stores it with the rest.
        """
        run = attempt.run
        before = run.status.inventory
        items = [change.item for change in applied]
        kept = inventory.write(items)
        if kept == before:
            return
        stale = inventory.stale(inventory.read(before), items)
        deletes = attempt.obj.spec.prune and bool(stale)
        run.update(inventory=inventory.write([*items, *stale]) if deletes else kept)
        if deletes or _awaits_health(attempt.obj.spec):
            await run.save()
        if not deletes:
            return
        pruned = await prune.prune(stale, cluster=cluster, owner=owner.of(attempt.obj))
        if told := changes.lines(pruned.changes, skipped=True):
            run.event("Normal", conditions.PROGRESSING, told, attempt.metadata)
        run.update(inventory=inventory.write([*items, *pruned.failed]))
        if pruned.error:
            raise Retry("PruneFailed", pruned.error, after=attempt.retry_after)

    async def _check_health(
        self,
        attempt: Attempt,
        assembled: Assembled,
        applied: Sequence[Change],
        cluster: ports.Cluster,
        redactor: redaction.Redactor,
    ) -> None:
        run, spec = attempt.run, attempt.obj.spec
        if not _awaits_health(spec):
            run.conditions.delete(_HEALTHY)
            return
        was_healthy = run.conditions.is_true(_HEALTHY)
        if not attempt.steady:
            message = attempt.doing("Running health checks")
            run.conditions.mark_unknown(_HEALTHY, conditions.PROGRESSING, message)
        await attempt.progress("Running health checks")
        items = _awaited(attempt, applied) if spec.wait else await _named(attempt, cluster)
        began = self._clock.monotonic()
        try:
            await self._waiter.until_current(
                items,
                cluster=cluster,
                timeout=attempt.timeout.seconds,
                missing_ok=wait.self_cleaning(assembled.manifests),
                rules=attempt.checks,
                stop=run.woken.event if self._policy.cancel_health_checks else None,
            )
        except wait.Stopped:
            raise self._canceled(run, attempt) from None
        except wait.WaitError as error:
            run.conditions.mark_false(_HEALTHY, "HealthCheckFailed", redactor.hide(str(error)))
            message = f"health check failed after {self._since(began)}: {error}{self._advice(items)}"
            raise Retry("HealthCheckFailed", message, after=attempt.retry_after) from error
        message = f"Health check passed in {self._since(began)}"
        if was_healthy and attempt.steady:
            return
        run.conditions.mark_true(_HEALTHY, conditions.SUCCEEDED, message)
        if not was_healthy or changes.lines(applied):
            run.event("Normal", conditions.PROGRESSING, message, attempt.metadata)

    def _canceled(self, run: KustomizationRun, attempt: Attempt) -> Waiting:
        """Say that what has woken the Kustomization ends its health check; it is taken up again at once."""
        told = f"Health checks canceled due to new reconciliation triggered by {run.woken.by}"
        run.event("Normal", "HealthCheckCanceled", told, attempt.metadata)
        return Waiting("HealthCheckCanceled", f"New reconciliation triggered by {run.woken.by}", after=0.0)

    def _advice(self, awaited: Sequence[Item]) -> str:
        """Say what to do where a workload was awaited that nothing runs."""
        waits_for_workload = any((item.id.group, item.id.kind) in _WORKLOADS for item in awaited)
        advice = self._policy.workload_advice
        return f"; {advice}" if advice and waits_for_workload else ""

    def record(self, attempt: Attempt, digest: str, status: str = history.SUCCEEDED) -> None:
        """Put a run into the history, which knows its build by the digest."""
        run = attempt.run
        taken = self._since(attempt.began)
        run.update(
            history=history.of_source(run.status.history, attempt.artifact, digest, status, now=run.now(), taken=taken)
        )

    def rested(self, obj: Kustomization, source: Artifact, digest: str, began: float) -> tuple[Snapshot, ...]:
        """Return the history with one more run in it that had nothing to do."""
        taken, now = self._since(began), self._clock.now()
        return history.of_source(obj.status.history, source, digest, history.SUCCEEDED, now=now, taken=taken)

    def _since(self, began: float) -> Duration:
        return Duration.of(round(self._clock.monotonic() - began, 6))


def _wishes(spec: KustomizationSpec, made_of: str, *, lag: float) -> Wishes:
    """Return how the objects of a build are applied. Raises InvalidRuleError."""
    return Wishes(force=spec.force, ignore=ignored.Rules(spec.ignore), lag=lag, made_of=made_of)


async def _named(attempt: Attempt, cluster: ports.Cluster) -> list[Item]:
    """Return the objects that `spec.healthChecks` names."""
    own = attempt.obj.metadata.namespace
    return [await _referred(reference, own, cluster) for reference in attempt.obj.spec.health_checks]


async def _referred(reference: NamespacedObjectKindReference, own: str, cluster: ports.Cluster) -> Item:
    api_version = reference.api_version or "apps/v1"
    try:
        namespaced = await cluster.is_namespaced(api_version, reference.kind)
    except APIError:  # the kind may come later: the wait tells
        namespaced = True
    namespace = (reference.namespace or own) if namespaced else ""
    group, _, version = api_version.rpartition("/")
    return Item(ObjectID(namespace, reference.name, group, reference.kind), version)


def _awaits_health(spec: KustomizationSpec) -> bool:
    return spec.wait or bool(spec.health_checks)


def _awaited(attempt: Attempt, applied: Sequence[Change]) -> list[Item]:
    """Return what `spec.wait` waits for: everything applied but what was skipped and the Kustomization itself."""
    meta = attempt.obj.metadata
    itself = ObjectID(meta.namespace, meta.name, GROUP, "Kustomization")
    return [change.item for change in applied if change.action != "skipped" and change.item.id != itself]
