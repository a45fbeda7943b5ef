"""Where a run over a release stops, and when the next one follows. Pure.

Answers to the loop of helm-controller's atomic release: no kind of step is taken twice in one run, a remediation ends
it, and what is left of retries says whether the next run follows at once, after a while, or only after a change.
"""

from dataclasses import dataclass
from typing import TypeAlias

from deploy.helm.deciding import decide, remediation
from gotk.api.helm import HelmRelease, HelmReleaseStatus
from gotk.duration import Duration


@dataclass(frozen=True, slots=True)
class Later:
    """Try again after this long: the strategy is to retry."""

    after: Duration


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Run again at once."""


@dataclass(frozen=True, slots=True)
class Never:
    """Stall with this message: failed as often as it may."""

    message: str


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing more to do before the interval."""


@dataclass(frozen=True, slots=True)
class Fails:
    """The error of the step is the run's: it is tried again, later each time."""


Stop: TypeAlias = Later | AtOnce | Never | Done | Fails


def before_a_second(
    obj: HelmRelease, status: HelmReleaseStatus, *, default_to_retry: bool = False
) -> Later | AtOnce | Done:
    """Return how a run ends whose next step would be the second of its kind."""
    if (after := remediation.retry_interval(obj, status, default_to_retry=default_to_retry)) is not None:
        return Later(after)
    met = remediation.active(obj, status)
    return AtOnce() if met is None or not met.exhausted else Done()


def after_remediation(
    obj: HelmRelease, status: HelmReleaseStatus, *, default_to_retry: bool = False
) -> Later | AtOnce | Never:
    """Return how a run ends that has remediated a failure."""
    if (after := remediation.retry_interval(obj, status, default_to_retry=default_to_retry)) is not None:
        return Later(after)
    met = remediation.active(obj, status)
    if met is None or not met.exhausted or met.starts_over:
        return AtOnce()
    return Never(decide.exhausted_message(obj, status, met))


def after_error(obj: HelmRelease, status: HelmReleaseStatus, *, default_to_retry: bool = False) -> Later | Fails:
    """Return how a run ends one of whose steps failed before it wrote anything to helm's storage."""
    after = remediation.retry_interval(obj, status, default_to_retry=default_to_retry)
    return Fails() if after is None else Later(after)
