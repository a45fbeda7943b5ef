"""Snapshots: what an object's status keeps of a release, so that a change by anybody else is noticed.

Answers to `Snapshot` of helm-controller's API and to its `VerifyReleaseObject`. That controller checks the digest of a
snapshot whose `apiVersion` is `v2` and of no other. Ours is another digest, so ours are marked with a version of our
own: a helm-controller that takes an object over goes on with its release instead of finding it changed. The other way
round, a snapshot that is not ours is compared by what else it holds.
"""

from collections.abc import Mapping, Sequence

import msgspec

from deploy.helm import digests
from deploy.helm.release import Release
from gotk.api.helm import ReleaseSnapshot, TestFilter, TestHookStatus
from gotk.digest import CANONICAL
from gotk.runtime.clock import parse_rfc3339, rfc3339

API_VERSION = "image-automation/v1"
#: Why a release is not (or no longer) the object's own.
NOT_OBSERVED = "release not observed to be made for object"

#: What the API is told where helm's record holds no time: it takes no snapshot without one.
_NEVER = "1970-01-01T00:00:00Z"
_TEST = "test"
_FAILED = "Failed"
_SUCCEEDED = "Succeeded"


def of(
    release: Release,
    *,
    config_digest: str,
    action: str,
    oci_digest: str = "",
    test_hooks: Mapping[str, TestHookStatus] | None = None,
    algorithm: str = CANONICAL,
) -> ReleaseSnapshot:
    """Take a snapshot of a release as it is stored; `test_hooks` is None as long as it has not been tested."""
    metadata = release.metadata
    return ReleaseSnapshot(
        api_version=API_VERSION,
        digest=digests.release(release, oci_digest, algorithm),
        name=release.name,
        namespace=release.namespace,
        version=release.version,
        status=release.info.status,
        action=action,
        chart_name=str(metadata.get("name", "")),
        chart_version=str(metadata.get("version", "")),
        app_version=str(metadata.get("appVersion") or ""),
        config_digest=config_digest,
        first_deployed=_seconds(release.info.first_deployed) or _NEVER,
        last_deployed=_seconds(release.info.last_deployed) or _NEVER,
        deleted=_seconds(release.info.deleted) or None,
        test_hooks=test_hooks,
        oci_digest=oci_digest,
    )


def again(snapshot: ReleaseSnapshot, release: Release) -> ReleaseSnapshot:
    """Take a snapshot of a release anew, with what only the old one knows of it."""
    return of(
        release,
        config_digest=snapshot.config_digest,
        action=snapshot.action,
        oci_digest=snapshot.oci_digest,
        test_hooks=snapshot.test_hooks,
        algorithm=digests.algorithm_of(snapshot.digest),
    )


def is_of(snapshot: ReleaseSnapshot, release: Release) -> bool:
    """Tell whether a snapshot was taken of this revision, however it is now."""
    return (snapshot.name, snapshot.namespace, snapshot.version) == (release.name, release.namespace, release.version)


def verify(snapshot: ReleaseSnapshot, release: Release) -> str:
    """Return why a release is not what its snapshot says, and nothing if it is."""
    if not is_of(snapshot, release):
        return NOT_OBSERVED
    if snapshot.api_version == API_VERSION:
        made_by = digests.algorithm_of(snapshot.digest)
        same = snapshot.digest == digests.release(release, snapshot.oci_digest, made_by)
    else:
        now = again(snapshot, release)
        seen = (snapshot.chart_name, snapshot.chart_version, _seconds(snapshot.last_deployed))
        same = seen == (now.chart_name, now.chart_version, now.last_deployed)
    return "" if same else NOT_OBSERVED


def tests_of(release: Release, filters: Sequence[TestFilter]) -> dict[str, TestHookStatus]:
    """Return how the tests of a release ended, of those that the filters choose."""
    excluded = {each.name for each in filters if each.exclude}
    included = {each.name for each in filters if not each.exclude}
    return {
        hook.name: TestHookStatus(
            last_started=_seconds(hook.last_run.started_at) or None,
            last_completed=_seconds(hook.last_run.completed_at) or None,
            phase=hook.last_run.phase,
        )
        for hook in release.hooks
        if _TEST in hook.events and hook.name not in excluded and (not included or hook.name in included)
    }


def tested(snapshot: ReleaseSnapshot) -> bool:
    """Tell whether a release has been tested: one test has failed, or all have succeeded, be it none."""
    if snapshot.test_hooks is None:
        return False
    return failed_test(snapshot) or all(hook.phase == _SUCCEEDED for hook in snapshot.test_hooks.values())


def failed_test(snapshot: ReleaseSnapshot) -> bool:
    """Tell whether a test of a release has failed."""
    return any(hook.phase == _FAILED for hook in (snapshot.test_hooks or {}).values())


def with_tests(snapshot: ReleaseSnapshot, hooks: Mapping[str, TestHookStatus]) -> ReleaseSnapshot:
    """Return a snapshot with how the tests ended."""
    return msgspec.structs.replace(snapshot, test_hooks=hooks)


def _seconds(time: str) -> str:
    """Return helm's time as the API writes times: in UTC, without fractions; nothing for what is no time."""
    try:
        at = parse_rfc3339(time)
    except (ValueError, OverflowError):
        return ""
    return rfc3339(at) if at.year > 1 else ""  # Go's zero
