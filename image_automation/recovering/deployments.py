"""What deploys what we write, as facts: Kustomizations and HelmReleases as the cluster shows them. Pure.

Flux keeps no link from a failure to the commit that brought it. There are three ways back to it: a Kustomization's path
and the revisions that it tried and applied last; of a HelmRelease its name in our files, and the Kustomization that
applied it.
"""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from gotk.api.helm import HelmRelease, ReleaseSnapshot
from gotk.api.kustomize import Kustomization
from gotk.api.meta import Condition, Object
from gotk.api.source import GitRepository
from gotk.runtime import conditions
from gotk.runtime.reconciler import Key

#: Why a Kustomization is not ready that may be the doing of what it applies.
_KUSTOMIZATION: Final = frozenset({"BuildFailed", "ReconciliationFailed", "HealthCheckFailed"})
#: The same of a HelmRelease. What was taken back, or uninstalled, after a failure has failed.
_RELEASE: Final = frozenset(
    {"InstallFailed", "UpgradeFailed", "TestFailed", "RollbackSucceeded", "RollbackFailed", "UninstallSucceeded",
     "UninstallFailed", "RetriesExceeded"}
)  # fmt: skip
#: What waits for another one fails with it, and says nothing by itself.
_FOLLOWS: Final = frozenset({"DependencyNotReady"})
_SUCCEEDED: Final = "ReconciliationSucceeded"
_GOOD: Final = frozenset({"deployed", "superseded"})
_LABEL: Final = "kustomize.toolkit.fluxcd.io/"

Standing = Literal["ready", "failed", "busy", "follows"]


@dataclass(frozen=True, slots=True)
class Reads:
    """What a build reads of a commit: paths, wherever they lie, and the folders whose every entry counts."""

    paths: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()

    def __contains__(self, path: str) -> bool:
        return path in self.paths or (posixpath.dirname(path) or ".") in self.folders


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A Kustomization or HelmRelease.

    `standing` is `busy` while it is not known how it ends, and `follows` where it waits for another one. `ours` says
    that it deploys from the automation's repository: what lies in `folder`, or the release named `key`. `tried` and
    `good` are commits: the one it failed or is ready with, and the last it was ready with. Of a release, whose
    revisions are not commits, `good_at` says when it was last well, in seconds. `since` is when it came to stand so.
    Of one that failed it is known what its build `reads` beside its folder, unless it does not get as far as that.
    """

    kind: Literal["Kustomization", "HelmRelease"]
    key: Key
    standing: Standing
    reason: str = ""
    message: str = ""
    since: int = 0
    ours: bool = False
    folder: str = ""
    reads: Reads | None = None
    tried: str = ""
    good: str = ""
    good_at: int = 0
    was_failing: bool = False
    #: Whether the failure is of a kind that what is deployed can cause.
    blames: bool = False

    @property
    def name(self) -> str:
        """Its kind and name."""
        return f"{self.kind} {self.key}"

    def deploys(self, path: str) -> bool:
        """Tell whether a file is among what a Kustomization builds."""
        if not self.ours or self.kind != "Kustomization":
            return False
        return is_below(path, self.folder) or (self.reads is not None and path in self.reads)


def is_below(path: str, folder: str) -> bool:
    """Tell whether a file lies in a folder of the repository."""
    return folder in {"", "."} or path == folder or path.startswith(f"{folder}/")


def of(source: Key, kustomizations: Iterable[Kustomization], releases: Iterable[HelmRelease]) -> tuple[Deployment, ...]:
    """Return what deploys, as seen from an automation with this GitRepository; what is suspended is left out."""
    listed = [each for each in kustomizations if not each.spec.suspend]
    built = {Key(each.metadata.namespace, each.metadata.name): _kustomization(each, source) for each in listed}
    made = (_release(each, built) for each in releases if not each.spec.suspend)
    return (*built.values(), *made)


def _kustomization(obj: Kustomization, source: Key) -> Deployment:
    reference, own, status = obj.spec.source_ref, obj.metadata.namespace, obj.status
    ready = _ready(obj.status.conditions)
    tried = status.last_attempted_revision
    before = (each for each in status.history if each.metadata.get("revision") != tried)
    previous = next((each.last_reconciled_status for each in before), _SUCCEEDED)
    return Deployment(
        kind="Kustomization",
        key=Key(own, obj.metadata.name),
        standing=_standing(obj, ready),
        reason=ready.reason if ready else "",
        message=ready.message if ready else "",
        since=_seconds(ready.last_transition_time) if ready else 0,
        ours=reference.kind == GitRepository.__name__ and Key(reference.namespace or own, reference.name) == source,
        folder=posixpath.normpath(f"/{obj.spec.path}").lstrip("/"),
        tried=_commit(tried),
        good=_commit(status.last_applied_revision),
        was_failing=previous != _SUCCEEDED,
        blames=ready is not None and ready.reason in _KUSTOMIZATION,
    )


def _release(obj: HelmRelease, built: Mapping[Key, Deployment]) -> Deployment:
    labels, status = obj.metadata.labels, obj.status
    parent = built.get(Key(labels.get(f"{_LABEL}namespace", ""), labels.get(f"{_LABEL}name", "")))
    ready = _ready(status.conditions)
    return Deployment(
        kind="HelmRelease",
        key=Key(obj.metadata.namespace, obj.metadata.name),
        standing=_standing(obj, ready),
        reason=ready.reason if ready else "",
        message=ready.message if ready else "",
        since=_seconds(ready.last_transition_time) if ready else 0,
        ours=parent is not None and parent.ours,
        tried=parent.tried if parent else "",
        good_at=_last_good(status.history),
        blames=ready is not None and ready.reason in _RELEASE,
    )


def _last_good(history: Iterable[ReleaseSnapshot]) -> int:
    """Return when the last release was made that went well before one failed; none is zero."""
    releases = sorted(history, key=lambda each: each.version, reverse=True)
    failed = next((index for index, each in enumerate(releases) if not _went_well(each)), -1)
    good = next((each for each in releases[failed + 1 :] if _went_well(each)), None)
    return _seconds(good.last_deployed) if good else 0


def _went_well(release: ReleaseSnapshot) -> bool:
    tests = (release.test_hooks or {}).values()
    return release.status in _GOOD and not any(each.phase == "Failed" for each in tests)


def _standing(obj: Object, ready: Condition | None) -> Standing:
    if ready is None or ready.status == "Unknown" or ready.observed_generation not in {0, obj.metadata.generation}:
        return "busy"
    if ready.status == "True":
        return "ready"
    return "follows" if ready.reason in _FOLLOWS else "failed"


def _ready(found: Iterable[Condition]) -> Condition | None:
    return next((each for each in found if each.type == conditions.READY), None)


def _commit(revision: str) -> str:
    """Return the commit of a revision such as `main@sha1:...`."""
    return revision.rpartition(":")[2]


def _seconds(time: str) -> int:
    try:
        return int(datetime.fromisoformat(time).timestamp())
    except ValueError:
        return 0
