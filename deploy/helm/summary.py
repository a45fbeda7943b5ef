"""What all conditions of a release come to: Ready, and which of them a release that is in sync has left behind. Pure.

Answers to `summarize` of helm-controller's action reconcilers and to what its atomic release does once there is nothing
left to do.
"""

from collections.abc import Sequence

from deploy.helm import wording
from deploy.helm.wording import DRIFTED, RELEASED, REMEDIATED, TEST_SUCCESS
from gotk.api.helm import HelmRelease, ReleaseSnapshot
from gotk.runtime.conditions import READY, STALLED, Conditions

_AGAIN = {wording.INSTALL_FAILED: wording.installed, wording.UPGRADE_FAILED: wording.upgraded}


def summarize(conditions: Conditions, obj: HelmRelease) -> None:
    """Make Ready of what was released, tested and remediated.

    What was said of the newest generation counts, and of that a remediation before tests before the release; tests only
    where they are run and their failures matter. A release that had to be remediated is not ready.
    """
    if not obj.spec.test.enable:
        conditions.delete(TEST_SUCCESS)
    types = [REMEDIATED, RELEASED] if obj.spec.test.ignore_failures else [REMEDIATED, TEST_SUCCESS, RELEASED]
    present = [found for type_ in types if (found := conditions.get(type_)) is not None]
    if not present:
        return
    first = max(present, key=lambda each: each.observed_generation)  # of equal ones the first
    status = "False" if first.type == REMEDIATED else first.status
    if status == "True":
        conditions.delete(STALLED)
        conditions.mark_true(READY, first.reason, first.message)
    elif status == "False":
        conditions.mark_false(READY, first.reason, first.message)
    else:
        conditions.mark_unknown(READY, first.reason, first.message)


def begin_action(conditions: Conditions) -> None:
    """Forget how an older release was tested and remediated: another one is about to be made."""
    conditions.delete(TEST_SUCCESS, REMEDIATED)


def settle(
    conditions: Conditions, obj: HelmRelease, release: ReleaseSnapshot | None, *, drift: Sequence[str] = ()
) -> None:
    """Say of a release that is in sync that it is; `drift` is what of the cluster differs and is to be left alone.

    What an earlier run said of a failure is over: a rollback that led to what is wanted now, a failed action whose
    release has become well since. A condition that says the same as before stays as it is, with its time.
    """
    if release is not None:
        forget_remediation(conditions, release)
        released = conditions.get(RELEASED)
        again = _AGAIN.get(released.reason) if released else None
        if again is not None:
            again(release).mark(conditions)
    if obj.spec.drift_detection.mode == "disabled":
        conditions.delete(DRIFTED)
    elif drift and release is not None:
        wording.drifted(release, drift).mark(conditions)
    else:
        wording.no_drift().mark(conditions)
    summarize(conditions, obj)


def forget_remediation(conditions: Conditions, release: ReleaseSnapshot) -> None:
    """Say of a release that a rollback led to, and that is what is wanted now, that it was upgraded to."""
    if conditions.is_true(REMEDIATED):
        conditions.delete(REMEDIATED)
        wording.upgraded(release).mark(conditions)
