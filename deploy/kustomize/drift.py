"""What would become of a cluster if a Kustomization's manifests were applied: found by dry runs, nothing is written.

Answers to `Diff` of `flux2/internal/build`. An object whose namespace or definition is among those that are to be
created counts as created, since no server can try it before. Values of Secrets are masked.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from deploy.cluster import controls, inventory, objects, ports, redaction
from deploy.cluster.comparing import differences, ignored, normal
from deploy.cluster.comparing.differences import Difference
from deploy.cluster.inventory import Item, ObjectID
from deploy.cluster.trial import USUAL, ApplyError, Trial, Trials, Wishes
from deploy.kustomize import owner, rendering
from gotk.api.kustomize import Kustomization
from gotk.bounded import Bounded
from gotk.kube import errors

_WIDTH = 8
_KEPT = ("name", "namespace", "labels", "annotations")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_HIDDEN, _BEFORE, _AFTER = "*****", "*** (before)", "*** (after)"


@dataclass(frozen=True, slots=True)
class Finding:
    """One object that would not stay as it is."""

    id: ObjectID
    action: Literal["created", "drifted", "deleted", "skipped"]
    differences: Sequence[Difference] = ()


@dataclass(slots=True)
class Findings:
    """What was found of one Kustomization, and which objects could not be tried, and why."""

    found: list[Finding] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def changes(self) -> bool:
        """Whether anything would change."""
        return any(each.action != "skipped" for each in self.found)


async def of(kustomization: Kustomization, manifests: Sequence[objects.Manifest], client: ports.Cluster) -> Findings:
    """Compare what a Kustomization would apply with the cluster, and its inventory with both."""
    for manifest in manifests:
        normal.normalise(manifest)
    findings = Findings()
    try:
        rules = ignored.Rules(kustomization.spec.ignore)
    except ignored.InvalidRuleError as error:
        findings.failed.append(str(error))
        return findings
    for tried in await _try(kustomization, manifests, client, rules):
        if isinstance(tried, str):
            findings.failed.append(tried)
        elif finding := _finding(tried, rules):
            findings.found.append(finding)
    if kustomization.spec.prune and not findings.failed:
        items = [inventory.item_of(manifest) for manifest in manifests]
        findings.found += await _pruned(kustomization, items, client)
    return findings


async def _try(
    kustomization: Kustomization, manifests: Sequence[objects.Manifest], client: ports.Cluster, rules: ignored.Rules
) -> list[Trial | str]:
    """Try every object, a few at a time; a text says why one could not be tried."""
    redactor = redaction.of_objects(manifests)
    trials = Trials(
        client,
        owner.of(kustomization),
        in_sync=Bounded(1),
        manner=USUAL,
        wishes=Wishes(force=kustomization.spec.force, ignore=rules),
        told=lambda error, obj: redaction.of_refusal(error.message, obj, redactor),
    )
    slots = asyncio.Semaphore(_WIDTH)

    async def attempt(obj: objects.Manifest) -> Trial | str:
        async with slots:
            try:
                return await trials.of(obj)
            except ApplyError as error:
                return Trial(obj, inventory.item_of(obj), "created") if _comes(obj, error, manifests) else str(error)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(attempt(manifest)) for manifest in manifests]
    return [task.result() for task in tasks]


def _comes(obj: objects.Manifest, error: ApplyError, manifests: Iterable[objects.Manifest]) -> bool:
    """Tell whether an object could not be tried because what it needs is to be applied before it."""
    cause = error.__cause__
    if isinstance(cause, errors.NoMatch):
        wanted = (objects.group_of(obj), obj["kind"])
        return any(_defines(manifest) == wanted for manifest in manifests)
    if not isinstance(cause, errors.NotFound):
        return False
    namespace = obj["metadata"].get("namespace")
    return any(manifest["kind"] == "Namespace" and manifest["metadata"]["name"] == namespace for manifest in manifests)


def _defines(manifest: objects.Manifest) -> tuple[str, str] | None:
    if manifest["kind"] != "CustomResourceDefinition":
        return None
    spec = manifest.get("spec") or {}
    return str(spec.get("group")), str((spec.get("names") or {}).get("kind"))


def _finding(trial: Trial, rules: ignored.Rules) -> Finding | None:
    which = trial.item.id
    if trial.action == "created":
        return Finding(which, "created")
    if trial.action == "skipped":
        return Finding(which, "skipped")
    if trial.action != "configured":
        return None
    live, applied = (rules.without(each, trial.applied) for each in (trial.live, trial.applied))
    found = differences.compare(*_masked(_shown(live), _shown(applied)))
    return Finding(which, "drifted", found) if found else None


def _shown(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object without what the server and its controllers write."""
    metadata = {key: obj["metadata"][key] for key in _KEPT if obj["metadata"].get(key)}
    if redaction.is_secret(obj) and "annotations" in metadata:
        metadata["annotations"] = {k: v for k, v in metadata["annotations"].items() if k != _LAST_APPLIED}
    return {**{key: value for key, value in obj.items() if key != "status"}, "metadata": metadata}


def _masked(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Hide the values of a Secret; what SOPS encrypted cannot be compared and counts as the same."""
    if not redaction.is_secret(after):
        return before, after
    old, new = before.get("data") or {}, after.get("data") or {}
    hidden: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for key in old.keys() | new.keys():
        differs = key in old and key in new and old[key] != new[key] and not rendering.masks(str(new[key]))
        hidden[0][key], hidden[1][key] = (_BEFORE, _AFTER) if differs else (_HIDDEN, _HIDDEN)
    pairs = ((before, old, hidden[0]), (after, new, hidden[1]))
    first, second = ({**obj, "data": {key: masks[key] for key in data}} for obj, data, masks in pairs)
    return first, second


async def _pruned(kustomization: Kustomization, items: Iterable[Item], client: ports.Cluster) -> list[Finding]:
    """Return what is in the inventory alone, as far as it is (still) there: what goes, and what stays nevertheless."""
    metadata = kustomization.metadata
    try:
        live = await client.get(Kustomization, metadata.namespace, metadata.name)
    except errors.NotFound:
        return []
    return await _leaving(inventory.stale(inventory.read(live.status.inventory), items), live, client)


async def _leaving(items: Iterable[Item], kustomization: Kustomization, client: ports.Cluster) -> list[Finding]:
    found, whose = [], owner.of(kustomization)
    for item in items:
        try:
            live = await client.get_object(item.api_version, item.id.kind, item.id.namespace, item.id.name)
        except errors.NotFound:
            continue
        stays = not whose.owns(live) or controls.kept(live, whose)
        found.append(Finding(item.id, "skipped" if stays else "deleted"))
    return found


async def cascade(which: ObjectID, client: ports.Cluster) -> Findings:
    """Return what goes when a Kustomization is deleted: what it applied, unless it leaves that behind."""
    kustomization = await client.get(Kustomization, which.namespace, which.name)
    policy = kustomization.spec.deletion_policy or "MirrorPrune"
    if policy == "Orphan" or (policy == "MirrorPrune" and not kustomization.spec.prune):
        return Findings()
    items = inventory.deletion_order(inventory.read(kustomization.status.inventory))
    return Findings(await _leaving(items, kustomization, client))
