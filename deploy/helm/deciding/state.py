"""The state of a release: what helm's storage and the object's history say of it, beside what is wanted. Pure.

Answers to `DetermineReleaseState` of helm-controller, but where that has no way out: a release that somebody has
uninstalled is absent even if the object's history says otherwise, and one whose uninstallation was cut off is locked as
one is whose upgrade was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from deploy.helm import digests, history, snapshots
from deploy.helm.deciding import remediation
from deploy.helm.release import PENDING, Release
from gotk.api.helm import HelmRelease, HelmReleaseStatus, ReleaseSnapshot
from gotk.digest import CANONICAL

Kind: TypeAlias = Literal[
    "absent", "locked", "unmanaged", "failed", "out-of-sync", "untested", "drifted", "in-sync"
]  # fmt: skip

CHART_CHANGED = "release chart changed"
CONFIG_CHANGED = "release config values changed"
POST_RENDERERS_CHANGED = "postrenderers digest has changed"
COMMON_METADATA_CHANGED = "common metadata digest has changed"

#: How many objects that have drifted a reason names.
_NAMED = 10
_LOCKED = PENDING | {"uninstalling"}


class UnknownState(ValueError):
    """What is stored has a status that says nothing of what to do."""


@dataclass(frozen=True, slots=True)
class State:
    """What a release is, and why it is said to be so."""

    kind: Kind
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the release is to be made of. `oci_digest` goes into snapshots; the chart's version tells it too.

    The digests are made by one `algorithm`, and with `values` those of older snapshots by another can be told.
    """

    chart_name: str
    chart_version: str
    config_digest: str
    post_renderers_digest: str = ""
    common_metadata_digest: str = ""
    oci_digest: str = ""
    algorithm: str = CANONICAL
    values: Mapping[str, Any] | None = field(default=None, repr=False)

    def is_made_with(self, config_digest: str) -> bool:
        """Tell whether a digest, by whatever algorithm, is that of the values."""
        if config_digest == self.config_digest:
            return True
        made_by = digests.algorithm_of(config_digest)
        return made_by != self.algorithm and config_digest == digests.config(self.values, made_by)


def determine(
    obj: HelmRelease,
    status: HelmReleaseStatus,
    *,
    last: Release | None,
    wanted: Wanted,
    drift: Sequence[str] = (),
) -> State:
    """Return the state of the release whose last stored revision is `last`. Raises UnknownState.

    `drift` is what of the cluster differs from the release, a line for each object. To look for it costs requests, and
    it only counts where the state is in-sync without: ask once without, and again with it.
    """
    if last is None:
        return State("absent", "no release in storage for object")
    if (state := _by_storage(last)) is not None:
        return state
    current = history.latest(status.history)
    if current is None:
        return State("unmanaged", "found existing release in storage")
    if said := snapshots.verify(current, last):
        return State("unmanaged", said)
    return _by_comparison(obj, status, current, last, wanted) or _by_drift(obj, drift)


def _by_storage(last: Release) -> State | None:
    stored = last.info.status
    if stored in _LOCKED:
        return State("locked", f"release with status '{stored}'")
    if stored == "uninstalled":
        return State("absent", "found uninstalled release in storage")
    return None


def _by_comparison(
    obj: HelmRelease, status: HelmReleaseStatus, current: ReleaseSnapshot, last: Release, wanted: Wanted
) -> State | None:
    stored = last.info.status
    if stored == "failed":
        return State("failed")
    if stored != "deployed":
        raise UnknownState(f"unable to determine state for release with status '{stored}'")
    if said := _out_of_sync(obj, status, current, last, wanted):
        return State("out-of-sync", said)
    if obj.spec.test.enable and not snapshots.tested(current):
        return State("untested")
    if obj.spec.test.enable and snapshots.failed_test(current) and _minds_tests(obj, status):
        return State("failed", "release has test in failed phase")
    return None


def _by_drift(obj: HelmRelease, drift: Sequence[str]) -> State:
    if drift and obj.spec.drift_detection.mode != "disabled":
        more = f" and {len(drift) - _NAMED} more" if len(drift) > _NAMED else ""
        return State("drifted", ", ".join(drift[:_NAMED]) + more)
    return State("in-sync")


def _out_of_sync(
    obj: HelmRelease, status: HelmReleaseStatus, current: ReleaseSnapshot, last: Release, wanted: Wanted
) -> str:
    chart = (last.metadata.get("name"), last.metadata.get("version"))
    if chart != (wanted.chart_name, wanted.chart_version):
        return CHART_CHANGED
    if not wanted.is_made_with(current.config_digest):
        return CONFIG_CHANGED
    fresh = status.observed_generation != obj.metadata.generation  # else what stands in the spec alone is as it was
    if fresh and status.observed_post_renderers_digest != wanted.post_renderers_digest:
        return POST_RENDERERS_CHANGED
    if fresh and status.observed_common_metadata_digest != wanted.common_metadata_digest:
        return COMMON_METADATA_CHANGED
    return ""


def _minds_tests(obj: HelmRelease, status: HelmReleaseStatus) -> bool:
    active = remediation.active(obj, status)
    return active is not None and not active.ignore_test_failures
