"""How the cluster differs from a release, and bringing it back.

Answers to `Diff` and `ApplyDiff` of helm-controller: what is in the manifest counts, and what others have added does
not; a hook is no part of the release. Corrected is by apply, so that what is ignored keeps its value and its owner.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from deploy.cluster import inventory
from deploy.cluster.changes import Change
from deploy.cluster.comparing import ignored, steps
from deploy.cluster.inventory import Item
from deploy.cluster.objects import Manifest
from deploy.cluster.owner import Owner
from deploy.cluster.trial import ApplyError, Trial, Wishes
from deploy.helm.actions import objects
from deploy.helm.actions.plan import Means, owner_of
from deploy.helm.release import Release
from gotk.api.helm import HelmRelease
from gotk.duration import Duration
from gotk.kube.errors import APIError

_log = structlog.get_logger()
_CONTROL = "driftDetection"


class DriftError(Exception):
    """Nobody can tell whether the cluster has drifted. The message is for people."""


@dataclass(frozen=True, slots=True)
class Difference:
    """An object that is not as the release has it, or one that was left out."""

    item: Item
    what: str
    manifest: Manifest = field(repr=False)

    def __str__(self) -> str:
        return f"{self.item.id.subject} {self.what}"


@dataclass(frozen=True, slots=True)
class Drift:
    """What differs, in the order of the manifest, and the objects that were left out of the comparison."""

    differences: Sequence[Difference] = ()
    excluded: Sequence[Item] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """What differs, one object a line, and what was left out; empty where nothing differs."""
        left_out = (f"{item.id.subject} excluded" for item in self.excluded)
        return (*map(str, self.differences), *left_out) if self.differences else ()

    def __str__(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class Correction:
    """What a correction has changed, and why it has not changed everything that differs; empty where it has."""

    changes: Sequence[Change] = ()
    error: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """What was changed, one object a line: `Deployment/apps/web configured`."""
        return tuple(str(change) for change in self.changes if change.action not in {"unchanged", "skipped"})


async def detect(obj: HelmRelease, release: Release, means: Means) -> Drift:
    """Hold the cluster against a release. Raises DriftError, unless something is known to differ."""
    owner = owner_of(obj)
    try:
        rules = ignored.Rules(obj.spec.drift_detection.ignore)
        manifests = await objects.of(release, cluster=means.cluster, owner=owner)
    except ignored.InvalidRuleError as error:
        raise DriftError(str(error)) from error
    except (objects.ObjectsError, APIError) as error:
        raise DriftError(f"unable to determine cluster state: {error}") from error
    compared = [each for each in manifests if not _left_out(each, owner, rules)]
    tried = await means.applier.compare(compared, cluster=means.cluster, owner=owner, wishes=Wishes(ignore=rules))
    trials = [(manifest, each) for manifest, each in zip(compared, tried, strict=True) if isinstance(each, Trial)]
    excluded = [inventory.item_of(each) for each in manifests if _left_out(each, owner, rules)]
    excluded += [trial.item for _, trial in trials if _is_off(trial.live or trial.state, owner)]
    found = [difference for each in trials if (difference := _difference(*each, owner, rules))]
    if errors := [str(each) for each in tried if isinstance(each, ApplyError)]:
        if not found:
            raise DriftError(f"unable to determine cluster state: {'; '.join(errors)}")
        _log.warning("some objects could not be compared", release=release.full_name, errors=errors)
    return Drift(found, excluded)


async def correct(obj: HelmRelease, drift: Drift, means: Means) -> Correction:
    """Bring what differs back to what the release says."""
    seconds = obj.spec.timeout.seconds
    manifests = [each.manifest for each in drift.differences]
    wishes = Wishes(ignore=ignored.Rules(obj.spec.drift_detection.ignore))
    try:
        async with asyncio.timeout(seconds):
            made = await means.applier.apply(manifests, cluster=means.cluster, owner=owner_of(obj), wishes=wishes)
    except TimeoutError:
        return Correction(error=f"it did not finish within {Duration.of(seconds)}")
    except ApplyError as error:
        return Correction(error.changes, str(error))
    return Correction(made)


def _left_out(manifest: Manifest, owner: Owner, rules: ignored.Rules) -> bool:
    return _is_off(manifest, owner) or rules.leaves_out(manifest)


def _is_off(obj: Mapping[str, Any], owner: Owner) -> bool:
    return owner.asks(obj, _CONTROL) == "disabled"


def _difference(manifest: Manifest, trial: Trial, owner: Owner, rules: ignored.Rules) -> Difference | None:
    if trial.action == "created":
        return Difference(trial.item, "removed", manifest)
    if trial.action != "configured" or _is_off(trial.live, owner):
        return None
    found = steps.between(rules.without(trial.live, trial.applied), rules.without(trial.applied, trial.applied))
    if not found:
        return None
    counts = [sum(step.op == op for step in found) for op in ("add", "replace", "remove")]
    what = "changed ({} additions, {} changes, {} removals)".format(*counts)
    return Difference(trial.item, what, manifest)
