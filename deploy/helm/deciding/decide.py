"""The next step for a release, given its state. Pure: `decide(object, status, state) -> Decision`.

Answers to `actionForState` of helm-controller's atomic release, row for row. A decision says what to do, what is left
of the history before that, and why; who carries it out asks nothing more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeAlias

from deploy.helm import history, snapshots
from deploy.helm.deciding import remediation
from deploy.helm.deciding.remediation import Remediation
from deploy.helm.deciding.state import State
from deploy.helm.history import History
from deploy.helm.release import Release
from gotk.api.helm import HelmRelease, HelmReleaseStatus, ReleaseSnapshot
from gotk.duration import Duration

#: Steps of one kind are taken once in a run at most.
Kind: TypeAlias = Literal["release", "test", "remediate", "unlock", "drift"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What every decision says: the history to go on with, and why this was decided, for the log and for `explain`."""

    history: History
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing(Step):
    """The release is as it is wanted, or has drifted and is to be left so."""

    drifted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Install(Step):
    """Install the release; its history begins anew."""

    kind: ClassVar[Kind] = "release"
    name: ClassVar[str] = "install"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade(Step):
    """Upgrade the release. `reset_history` says that it was not this object's, or no longer was."""

    kind: ClassVar[Kind] = "release"
    name: ClassVar[str] = "upgrade"
    reset_history: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Test(Step):
    """Run the chart's tests."""

    __test__ = False
    kind: ClassVar[Kind] = "test"
    name: ClassVar[str] = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback(Step):
    """Take the failed upgrade back, to the release of this snapshot."""

    kind: ClassVar[Kind] = "remediate"
    name: ClassVar[str] = "rollback"
    to: ReleaseSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class UninstallRemediation(Step):
    """Remove the failed release."""

    kind: ClassVar[Kind] = "remediate"
    name: ClassVar[str] = "uninstall"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlock(Step):
    """Mark the release as failed: who was at work on it is gone."""

    kind: ClassVar[Kind] = "unlock"
    name: ClassVar[str] = "unlock"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectDrift(Step):
    """Make the cluster what the release says."""

    kind: ClassVar[Kind] = "drift"
    name: ClassVar[str] = "correct cluster drift"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhausted(Step):
    """It has failed as often as it may; the object stalls with this message."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingTarget(Step):
    """There is nothing to roll back to; the object stalls with this message."""

    message: str


Action: TypeAlias = Install | Upgrade | Test | Rollback | UninstallRemediation | Unlock | CorrectDrift
Decision: TypeAlias = Action | Nothing | Exhausted | MissingTarget

_FORCED = "force requested through annotation"
_SAID: Mapping[str, str] = {
    "in-sync": "release in-sync with desired state",
    "locked": "release locked",
    "absent": "release not installed",
    "unmanaged": "release not managed by controller",
    "out-of-sync": "release out-of-sync with desired state",
    "untested": "release has not been tested",
    "drifted": "detected changes in cluster state",
    "failed": "release is in a failed state",
}
_NO_TARGET = "Failed to perform remediation: missing target release for rollback: cannot remediate failed release"


def decide(
    obj: HelmRelease,
    status: HelmReleaseStatus,
    state: State,
    *,
    stored: Sequence[Release],
    forced: bool = False,
    default_to_retry: bool = False,
) -> Decision:
    """Return what to do next. `stored` are the revisions in helm's storage, one of which a rollback may go to.

    `forced` is a release asked for by annotation, `default_to_retry` the gate DefaultToRetryOnFailure.
    """
    kept = status.history
    because = _because(_SAID[state.kind], state.reason)
    retries = remediation.retry_interval(obj, status, default_to_retry=default_to_retry) is not None
    decision: Decision
    match state.kind:
        case "in-sync":
            decision = _in_sync(obj, status, forced=forced, retries=retries)
        case "locked":
            decision = Unlock(history=kept, because=because)
        case "absent":
            install, met = Install(history=(), because=because), remediation.of_install(obj, status)
            decision = _unless_exhausted(obj, status, install, met, forced=forced)
        case "unmanaged":
            decision = Upgrade(history=(), because=because, reset_history=True)
        case "out-of-sync":
            upgrade, met = Upgrade(history=kept, because=because), remediation.of_upgrade(obj, status)
            decision = _unless_exhausted(obj, status, upgrade, met, forced=forced)
        case "untested":
            decision = Test(history=kept, because=because)
        case "drifted" if obj.spec.drift_detection.mode == "enabled":
            decision = CorrectDrift(history=kept, because=because)
        case "drifted":
            decision = Nothing(history=kept, because=because, drifted=True)
        case "failed" if retries:
            decision = Upgrade(history=history.newest(kept), because="retrying upgrade for failed release")
        case "failed":
            decision = _failed(obj, status, because, stored, forced=forced)
    return decision


def timeout(action: Action, obj: HelmRelease) -> Duration:
    """Return how long an action may take."""
    spec = obj.spec
    match action:
        case Install():
            given = spec.install.timeout
        case Upgrade():
            given = spec.upgrade.timeout
        case Test():
            given = spec.test.timeout
        case Rollback():
            given = spec.rollback.timeout
        case UninstallRemediation():
            given = spec.uninstall.timeout
        case _:
            given = None
    return spec.timeout if given is None else given


def exhausted_message(obj: HelmRelease, status: HelmReleaseStatus, of: Remediation) -> str:
    """Return what an object says that has failed as often as it may: of its last action, else of the one at hand."""
    of = remediation.active(obj, status) or of
    return f"Failed to {of.action} after {of.failures} attempt(s)"


def _in_sync(obj: HelmRelease, status: HelmReleaseStatus, *, forced: bool, retries: bool) -> Decision:
    if retries:
        kept = history.newest(status.history)
    else:
        kept = history.truncated(status.history, ignore_tests=remediation.ignores_tests(obj, status))
    if forced:
        return Upgrade(history=kept, because=_because("forcing upgrade for in-sync release", _FORCED))
    return Nothing(history=kept, because=_SAID["in-sync"])


def _unless_exhausted(
    obj: HelmRelease, status: HelmReleaseStatus, step: Install | Upgrade, of: Remediation, *, forced: bool
) -> Decision:
    if not of.exhausted:
        return step
    if forced:
        return replace(step, because=_because(f"forcing {step.name} while out of retries", _FORCED))
    return Exhausted(history=status.history, because=step.because, message=exhausted_message(obj, status, of))


def _failed(
    obj: HelmRelease, status: HelmReleaseStatus, because: str, stored: Sequence[Release], *, forced: bool
) -> Decision:
    met = remediation.active(obj, status)
    if met is None:
        return Upgrade(history=status.history, because=_because(because, "no active remediation strategy"))
    if met.failures <= 0:
        return Upgrade(history=status.history, because="release conditions have changed since last failure")
    if forced:
        return Upgrade(history=status.history, because=_because("forcing upgrade for failed release", _FORCED))
    if met.exhausted and not met.remediate_last_failure:
        return Exhausted(history=status.history, because=because, message=exhausted_message(obj, status, met))
    kept = history.truncated(status.history, ignore_tests=met.ignore_test_failures)
    if met.strategy == "uninstall":
        return UninstallRemediation(history=kept, because=because)
    return _back(kept, because, stored, history.previous(kept, ignore_tests=met.ignore_test_failures))


def _back(kept: History, because: str, stored: Sequence[Release], target: ReleaseSnapshot | None) -> Decision:
    """Roll back to a release that is still what it was; to upgrade is what is left where it is not."""
    if target is None:
        return MissingTarget(history=kept, because=because, message=_NO_TARGET)
    if said := _unusable(target, stored):
        because = _because("unable to verify previous release in storage to roll back to", said)
        return Upgrade(history=kept, because=because)
    return Rollback(history=kept, because=because, to=target)


def _unusable(target: ReleaseSnapshot, stored: Sequence[Release]) -> str:
    release = next((each for each in stored if snapshots.is_of(target, each)), None)
    return "release disappeared from storage" if release is None else snapshots.verify(target, release)


def _because(what: str, reason: str) -> str:
    return f"{what}: {reason}" if reason else what
