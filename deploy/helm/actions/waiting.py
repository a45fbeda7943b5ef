"""Waiting until the objects of a release are well.

Answers to the `poller` and `legacy` strategies of helm-controller: paused Deployments are not awaited, and Jobs are
awaited to their end only where that is asked for. `legacy` is Helm 3's wait: it knows workloads and a few kinds beside
them, takes every other object for well, and no failure ends it early.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from deploy.cluster import inventory, wait
from deploy.cluster.health import CURRENT, Health
from deploy.cluster.objects import Manifest, group_of
from deploy.helm.actions.plan import Means, Plan
from gotk.duration import Duration

_JOB = ("batch", "Job")
_DEPLOYMENT = ("apps", "Deployment")
#: What Helm 3 looks at.
_KNOWN_OF_OLD = frozenset(
    {("", kind) for kind in ("Pod", "PersistentVolumeClaim", "ReplicationController", "Service")}
    | {("apps", kind) for kind in ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")}
    | {_JOB, ("apiextensions.k8s.io", "CustomResourceDefinition")}
)


async def until_well(manifests: Sequence[Manifest], *, plan: Plan, means: Means, jobs: bool) -> None:
    """Wait until the objects are well; with `jobs`, until Jobs are done. Raises WaitError and Stopped."""
    strategy = plan.obj.spec.wait_strategy
    legacy = strategy is not None and strategy.name == "legacy"
    waiter = wait.Waiter(clock=means.clock, fail_fast=not legacy)
    awaited = [manifest for manifest in manifests if not _paused(manifest)]
    means.note(f"waiting for {len(awaited)} object(s), for {Duration.of(plan.timeout)} at most")
    await waiter.until_current(
        [inventory.item_of(manifest) for manifest in awaited],
        cluster=means.cluster,
        timeout=plan.timeout,
        missing_ok=wait.self_cleaning(awaited),
        rules=_Rules(wait.NO_RULES if legacy else plan.checks, jobs=jobs, legacy=legacy),
        stop=plan.stop,
    )


class _Rules:
    """The health that the object's own checks tell, and where Jobs and other kinds are taken for well."""

    def __init__(self, checks: wait.Rules, *, jobs: bool, legacy: bool) -> None:
        self._checks = checks
        self._jobs = jobs
        self._legacy = legacy

    async def health(self, obj: Mapping[str, Any]) -> Health | None:
        """Return how an object is doing, None where nothing is said of its kind here."""
        told = await self._checks.health(obj)
        if told is not None:
            return told
        kind = (group_of(obj), str(obj.get("kind")))
        if kind == _JOB and not self._jobs and _started(obj):
            return CURRENT
        return CURRENT if self._legacy and kind not in _KNOWN_OF_OLD else None


def _started(job: Mapping[str, Any]) -> bool:
    """Tell whether a Job runs, and has not failed."""
    status = job.get("status")
    if not isinstance(status, Mapping):
        return False
    ended = [
        each for each in status.get("conditions") or () if isinstance(each, Mapping) and each.get("status") == "True"
    ]
    return bool(status.get("startTime")) and not any(each.get("type") == "Failed" for each in ended)


def _paused(manifest: Manifest) -> bool:
    spec = manifest.get("spec")
    kind = (group_of(manifest), str(manifest["kind"]))
    return kind == _DEPLOYMENT and isinstance(spec, dict) and spec.get("paused") is True
