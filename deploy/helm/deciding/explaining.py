"""Why the last action was taken, and what comes next, in words for people. Pure.

What is next is decided by the same functions as in a run. Why something was done is told by the history: a release is
made anew because its chart or its values are others, because the last one failed, or because somebody asked for it.
"""

from collections.abc import Sequence

import msgspec

from deploy.helm import history
from deploy.helm.deciding import attempt as attempts
from deploy.helm.deciding import decide
from deploy.helm.deciding.decide import Decision, Exhausted, MissingTarget, Nothing
from deploy.helm.deciding.state import Wanted, determine
from deploy.helm.release import Release
from gotk.api.helm import HelmRelease, ReleaseSnapshot

_UNCHANGED = "chart and values were as before: something else of the spec had changed, or it was asked for by force"


def last(obj: HelmRelease) -> str:
    """Return what was done last, when and why; nothing where nothing was."""
    found = obj.status.history
    current = history.latest(found)
    if current is None:
        return ""
    before = found[1] if len(found) > 1 else None
    made = f"{current.name}.v{current.version} with chart {current.chart_name}@{current.chart_version}"
    done = f"{current.action or 'found'}: {made}, {current.status}, at {current.last_deployed}"
    return f"{done}: {_why(obj, current, before)}"


def _why(obj: HelmRelease, current: ReleaseSnapshot, before: ReleaseSnapshot | None) -> str:
    match current.action:
        case "install":
            return "there was no release"
        case "rollback" | "uninstall-remediation":
            failed = (each for each in obj.status.conditions if each.type in {"TestSuccess", "Released"})
            return next((each.message for each in failed if each.status == "False"), "the release before it failed")
        case "upgrade" if before is not None:
            return "; ".join(_differences(current, before)) or _UNCHANGED
    return "what was there before is no longer in the history"


def _differences(current: ReleaseSnapshot, before: ReleaseSnapshot) -> list[str]:
    found = []
    if before.status == "failed":
        found.append(f"v{before.version} had failed")
    if before.chart_version != current.chart_version or before.chart_name != current.chart_name:
        found.append(f"the chart was {before.chart_name}@{before.chart_version}")
    if before.config_digest != current.config_digest:
        found.append("the values have changed")
    return found


def decision(obj: HelmRelease, wanted: Wanted, stored: Sequence[Release]) -> Decision:
    """Return what a run would do now, were the cluster as the release says. Raises UnknownState."""
    status = obj.status
    if attempts.forgives(obj, status, wanted):
        status = msgspec.structs.replace(status, failures=0, install_failures=0, upgrade_failures=0)
    state = determine(obj, status, last=stored[-1] if stored else None, wanted=wanted)
    return decide.decide(obj, status, state, stored=stored, forced=attempts.force_requested(obj, obj.status))


def following(obj: HelmRelease, made: Decision) -> str:
    """Return a decision in words, and what would change it."""
    if isinstance(made, Exhausted | MissingTarget):
        return (
            f"nothing: {made.message}; a change of spec, chart or values begins anew, and so does "
            f"`image-automation reconcile helmrelease {obj.metadata.name} -n {obj.metadata.namespace} --reset`"
        )
    if isinstance(made, Nothing):
        mode = obj.spec.drift_detection.mode
        drift = {"warn": ", drift is told of", "enabled": ", drift is corrected"}.get(mode, "")
        return f"nothing: {made.because}; looked at again every {obj.spec.interval}{drift}"
    return f"{made.name}: {made.because}"
