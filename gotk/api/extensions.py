"""The names that we add to Flux's API: annotations that ask for more than Flux does, and conditions of our own.

All of them are optional. An object without such an annotation behaves as in Flux, and nothing in Flux reads them. Some,
`REPORT`, `LOSS` and `JOURNEY`, are written by us: what a run found, as a record. They are annotations because the
schemas of Flux's own definitions prune status fields that they do not know.
"""

from collections.abc import Mapping

PREFIX = "image-automation.dev/"

#: On an ImageRepository: after how many scans in a row without a tag it is believed to be gone; 1 is what Flux does.
BELIEVE_LOSS_AFTER = PREFIX + "believe-loss-after"
#: On an ImageRepository, written by us: the name of a loss of tags that is not believed yet.
LOSS = PREFIX + "loss"
#: On an ImageRepository: the loss of tags that the user accepts, by the name that `LOSS` gives it.
ACCEPT_LOSS = PREFIX + "accept-loss"
#: On an ImageRepository: REPOSITORY/CHART, whose versions in the index of a HelmRepository stand for a registry's tags.
HELM_CHART = PREFIX + "helm-chart"
#: On an ImagePolicy: how long ago a tag must have been seen first, by our own clock, such as `72h`.
MINIMUM_AGE = PREFIX + "minimum-age"
#: On an ImagePolicy: whether tags that were there at the first scan are `old` (the default) or `new`.
FIRST_SCAN_TAGS = PREFIX + "first-scan-tags"

#: On an ImagePolicy: the one tag that it may choose, until when, who wants it and why, as JSON.
PIN = PREFIX + "pin"

#: On an ImageUpdateAutomation: commits whose taking back of an update is forgiven, COMMIT or COMMIT:PATH, with blanks.
UNHOLD = PREFIX + "unhold"
#: On an ImageUpdateAutomation: which places to roll back, who wants it and why, as JSON; taken away once it is done.
ROLLBACK = PREFIX + "rollback"
#: On an ImageUpdateAutomation: `revert` takes an update back when what deploys it fails because of it.
ON_FAILURE = PREFIX + "on-failure"

#: On an ImageUpdateAutomation or an ImagePolicy: when changes may be written: a list of `allow` and `deny`.
WINDOWS = PREFIX + "windows"
#: On an ImageUpdateAutomation, an ImagePolicy or a Namespace: nothing is written for a while: reason, until, by.
FREEZE = PREFIX + "freeze"
#: On the Namespace that the service runs in: the same for everything that it writes.
FREEZE_INSTALLATION = PREFIX + "freeze-installation"

#: On an ImageUpdateAutomation or an ImagePolicy: how many people must approve a version before it is written.
APPROVALS = PREFIX + "approvals"
#: On an ImagePolicy: what people decided about versions: approved, rejected, allowed past what makes others wait.
DECISIONS = PREFIX + "decisions"
#: On an ImagePolicy: the name of those whose images move together, all or none.
GROUP = PREFIX + "group"

#: On an ImageUpdateAutomation, written by us: what the last run pushed, holds back and ignores, as JSON.
REPORT = PREFIX + "report"
#: On an ImageUpdateAutomation: whether a push branch of its own is made anew (`rebuild`, the default) or stacked up on.
PUSH_BRANCH = PREFIX + "push-branch"
#: On an ImageUpdateAutomation: that updates become pull requests, and how, as a YAML mapping.
PULL_REQUEST = PREFIX + "pull-request"
#: On an ImageUpdateAutomation: that the forge makes the commits, and signs them: `true`, or where the forge is.
FORGE_COMMITS = PREFIX + "forge-commits"
#: On an ImageUpdateAutomation: patterns of text files that are looked into besides YAML, such as `Dockerfile, *.tf`.
TEXT_FILES = PREFIX + "text-files"

#: On an Alert: what it is told of beyond Flux's events, `pending` or `reached`, with commas.
TELL = PREFIX + "tell"
#: On an Alert: when it is told of what is pending, five fields of cron and a time zone.
TELL_AT = PREFIX + "tell-at"
#: On an ImagePolicy, written by us while an Alert asks for it: how far the version that it chose has come, as JSON.
JOURNEY = PREFIX + "journey"

#: On a Receiver: `true` lets a call that names a repository and its tag wake only the ImageRepositories of that one.
NARROW = PREFIX + "narrow"
#: On an ImageRepository: tags that a webhook said were pushed, with commas; each counts once its HEAD is answered.
PUSHED = PREFIX + "pushed"

#: Condition of an ImageRepository: its last tag list is doubtful, and tags that it lacks are kept.
TAGS_HELD = PREFIX + "TagsHeld"
#: Condition of an ImageRepository: it has not been scanned for three intervals.
SCAN_OVERDUE = PREFIX + "ScanOverdue"
#: Condition of an ImageUpdateAutomation: False while a marker has no effect or a file is left alone.
MARKERS_RESOLVED = PREFIX + "MarkersResolved"
#: Condition of an ImageUpdateAutomation: True while an update is held because somebody took it back.
UPDATES_HELD = PREFIX + "UpdatesHeld"
#: Condition of an ImageUpdateAutomation: True while an update waits for a gate, such as the end of a freeze.
UPDATES_WAITING = PREFIX + "UpdatesWaiting"
#: Condition of an ImageUpdateAutomation: True while it is frozen, whether something waits or not.
FROZEN = PREFIX + "Frozen"
#: Condition of an ImageUpdateAutomation: True while what deploys an update of it fails, and the owner opted in.
UPDATE_FAILED = PREFIX + "UpdateFailed"


def annotations(all_: Mapping[str, str]) -> dict[str, str]:
    """Return those of an object's annotations by which its owner asks something of us."""
    ours = {REPORT, LOSS, JOURNEY}
    return {name: value for name, value in all_.items() if name.startswith(PREFIX) and name not in ours}
