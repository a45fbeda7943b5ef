"""What is known before a release is looked at: whether it is still the same release, whether old failures count. Pure.

Answers to `ReleaseTargetChanged` and `MustResetFailures` of helm-controller, and to Flux's annotations for one release
by force and one more try: they count where they say the same as the request to reconcile, and once.
"""

from deploy.helm import history, naming
from deploy.helm.deciding.state import Wanted
from gotk.api.helm import FORCE_AT, RESET_AT, HelmRelease, HelmReleaseStatus
from gotk.api.meta import REQUESTED_AT


def moved(obj: HelmRelease, status: HelmReleaseStatus, chart_name: str) -> str:
    """Return what of the release's identity has changed, so that the old one is to be uninstalled; nothing if none."""
    current = history.latest(status.history)
    if not status.storage_namespace or current is None:
        return ""
    if naming.storage_namespace(obj) != status.storage_namespace:
        return "storage namespace"
    if naming.release_namespace(obj) != current.namespace:
        return "release namespace"
    if naming.release_name(obj) != current.name:
        return "release name"
    reinstalls = obj.spec.upgrade.chart_name_change_strategy == "Reinstall"
    return "chart name" if reinstalls and chart_name != current.chart_name else ""


def forgives(obj: HelmRelease, status: HelmReleaseStatus, wanted: Wanted) -> str:
    """Return why failures so far count no more, and nothing if they do."""
    if status.last_attempted_generation != obj.metadata.generation:
        return "generation differs from last attempt"
    if status.last_attempted_revision != wanted.chart_version:
        return "chart version differs from last attempt"
    if status.last_attempted_config_digest and not wanted.is_made_with(status.last_attempted_config_digest):
        return "values differ from last attempt"
    return "reset requested through annotation" if reset_requested(obj, status) else ""


def force_requested(obj: HelmRelease, status: HelmReleaseStatus) -> bool:
    """Tell whether a release is asked for whatever its state; `status` is that from before this run."""
    return _requested(obj, status, FORCE_AT, status.last_handled_force_at)


def reset_requested(obj: HelmRelease, status: HelmReleaseStatus) -> bool:
    """Tell whether failures are to be forgotten; `status` is that from before this run."""
    return _requested(obj, status, RESET_AT, status.last_handled_reset_at)


def _requested(obj: HelmRelease, status: HelmReleaseStatus, annotation: str, handled: str) -> bool:
    annotations = obj.metadata.annotations
    asked, run = annotations.get(annotation), annotations.get(REQUESTED_AT)
    return asked is not None and asked == run and run != status.last_handled_reconcile_at and asked != handled
