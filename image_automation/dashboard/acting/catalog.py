"""Every act, by its word: to which objects it belongs, where it fits, what it asks for, and what it means.

What one comes to is told in an Event on the object, with the reason that stands here.
"""

from typing import Final

from gotk.api import extensions
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.meta import Object
from gotk.api.notification import Alert
from image_automation import acts, report
from image_automation.dashboard import states
from image_automation.dashboard.acting import running
from image_automation.dashboard.acting.act import Act, Field
from image_automation.steering import moments


def _is_running(obj: Object) -> bool:
    return not acts.is_suspended(obj)


def _is_run(obj: Object) -> bool:
    return _is_running(obj) and not states.is_static(obj)


def _has_chosen(obj: Object) -> bool:
    return isinstance(obj, ImagePolicy) and obj.status.latest_ref is not None


def _is_pinned(obj: Object) -> bool:
    return extensions.PIN in obj.metadata.annotations


def _is_frozen(obj: Object) -> bool:
    return extensions.FREEZE in obj.metadata.annotations


def _holds(obj: Object) -> bool:
    return bool(report.read(obj.metadata.annotations).commits)


def _has_pushed(obj: Object) -> bool:
    pushed = isinstance(obj, ImageUpdateAutomation) and bool(obj.status.last_push_commit)
    return pushed and _is_running(obj) and extensions.ROLLBACK not in obj.metadata.annotations


def _always(_: Object) -> bool:
    return True


_TAG: Final = Field("tag", "Tag", required=True)
_CHOSEN: Final = Field("tag", "Tag", "Without it the one that is chosen when this is sent.")
_WHY: Final = Field("reason", "Reason", "Why, for the record.")
_POLICIES: Final = (ImagePolicy,)
_AUTOMATIONS: Final = (ImageUpdateAutomation,)

ACTS: Final = {
    act.word: act
    for act in (
        Act(word="reconcile", label="Reconcile", reason="ReconcileRequested", fits=_is_run, run=running.reconcile),
        Act(word="suspend", label="Suspend", reason="Suspended", fits=_is_running, run=running.suspend),
        Act(word="resume", label="Resume", reason="Resumed", fits=acts.is_suspended, run=running.resume),
        Act(
            word="approve",
            label="Approve",
            reason="Approved",
            kinds=_POLICIES,
            fits=_has_chosen,
            run=running.decides("approve", "approved"),
            means="Your yes to this version. A later word of yours on the same version takes the place of an "
            "earlier one.",
            fields=(_CHOSEN, _WHY),
        ),
        Act(
            word="reject",
            label="Reject",
            reason="Rejected",
            kinds=_POLICIES,
            fits=_has_chosen,
            run=running.decides("reject", "rejected"),
            means="This version is not written; a newer one may be. Approving it takes the rejection back.",
            fields=(_CHOSEN, _WHY),
        ),
        Act(
            word="allow",
            label="Allow",
            reason="Allowed",
            kinds=_POLICIES,
            fits=_always,
            run=running.decides("allow", "let past what makes others wait"),
            means="The version goes past freezes, windows and the minimum age, for a fix that cannot wait. It is "
            "an approval as well, but does not stand for those of others, and lets nothing past a rejection.",
            fields=(_TAG, Field("reason", "Reason", "Why it cannot wait, for the record.", required=True)),
        ),
        Act(
            word="pin",
            label="Pin",
            reason="Pinned",
            kinds=_POLICIES,
            fits=_always,
            run=running.pin,
            means="The policy chooses this tag and no other, also where it is an older one. It still refuses what "
            "its filter, range and minimum age refuse.",
            fields=(
                _TAG,
                Field("until", "Until", f"Without it the pin stands until it is taken away. {moments.FORMS}."),
                Field("reason", "Reason", "Why, for whoever reads the status."),
            ),
        ),
        Act(
            word="unpin",
            label="Unpin",
            reason="Unpinned",
            kinds=_POLICIES,
            fits=_is_pinned,
            run=running.unpin,
            means="The policy chooses as its spec says again.",
        ),
        Act(
            word="freeze",
            label="Freeze",
            reason="Frozen",
            kinds=_AUTOMATIONS,
            fits=_always,
            run=running.freeze,
            means="The automation writes nothing; scanning and choosing go on. What somebody lets past it with Allow "
            "is written all the same. A later freeze takes the place of an earlier one.",
            fields=(
                Field("until", "Until", f"Without it the freeze stands until it is taken away. {moments.FORMS}."),
                Field("reason", "Reason", "Why, for whoever waits for an update.", required=True),
            ),
        ),
        Act(
            word="unfreeze",
            label="Unfreeze",
            reason="Unfrozen",
            kinds=_AUTOMATIONS,
            fits=_is_frozen,
            run=running.unfreeze,
            means="The automation writes again, with its next run, which is now; unless its Namespace or the whole "
            "installation is frozen as well.",
        ),
        Act(
            word="unhold",
            label="Release",
            reason="Released",
            kinds=_AUTOMATIONS,
            fits=_holds,
            run=running.unhold,
            means="What the automation holds back because somebody took it back may come again, with its next run, "
            "which is now.",
            fields=(
                Field("place", "File, folder or pattern", "Such as apps/*.yaml; without it everything that is held."),
            ),
        ),
        Act(
            word="rollback",
            label="Roll back",
            reason="RollbackRequested",
            kinds=_AUTOMATIONS,
            fits=_has_pushed,
            run=running.rollback,
            means="The automation gives these places back what they held before its last edit there, as one commit "
            "of its own, and holds the version that they leave. What others have changed since stays.",
            fields=(
                Field("place", "File, folder or pattern", "Without it, and without a policy, all of the last commit."),
                Field("policy", "Policy", "Only what follows this ImagePolicy."),
                Field("to", "Commit", "What they held as of this commit, one of the last 50."),
                Field("reason", "Reason", "Why, for the commit and whoever reads the status."),
                Field("during_freeze", "Also while it is frozen", is_switch=True),
            ),
        ),
        Act(
            word="test",
            label="Send a test",
            reason="Tested",
            kinds=(Alert,),
            fits=_is_running,
            run=running.test,
            means="A message in your name goes to the Alert's Provider now, and to nobody else.",
        ),
    )
}
