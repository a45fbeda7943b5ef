"""Unlocking: a revision that somebody worked on who is gone becomes one that failed.

Answers to the `unlock` action of helm-controller; a release whose uninstallation was cut off is unlocked as well.
"""

from deploy.helm.actions import recording
from deploy.helm.actions.plan import Means
from deploy.helm.release import PENDING, Release

#: The states that nobody leaves a release in.
STALE = PENDING | {"uninstalling"}


async def unlock(release: Release, means: Means) -> Release:
    """Store that a stale revision has failed, and return it; another one stays as it is. Raises ActionError."""
    status = release.info.status
    if status not in STALE:
        return release
    unlocked = recording.marked(release, "failed", f"Release unlocked from stale '{status}' state")
    await recording.update(unlocked, means, changed=False)
    return unlocked
