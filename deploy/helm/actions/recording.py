"""The states that a release goes through in its storage, as helm writes them.

A revision is stored as pending before anything is done, and as deployed or failed after. One that stays pending is one
whose process was killed.
"""

from datetime import UTC, datetime

import msgspec
import structlog

from deploy.helm.actions.plan import ActionError, Means
from deploy.helm.actions.ports import StorageError
from deploy.helm.release import PENDING, Release, Status
from gotk.kube.errors import APIError

_log = structlog.get_logger()
#: What goes wrong with a storage.
FAILURES = (APIError, StorageError)
#: What is stored of a revision whose wait was ended from outside.
CANCELED = "the health check was canceled by a new reconciliation"


def instant(moment: datetime) -> str:
    """Print a time as helm stores it: RFC 3339 with its fraction."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def marked(release: Release, status: Status, description: str) -> Release:
    """Return a release in another state."""
    info = msgspec.structs.replace(release.info, status=status, description=description)
    return msgspec.structs.replace(release, info=info)


def begun(release: Release, status: Status, description: str, *, now: datetime, first: str = "") -> Release:
    """Return a revision that somebody works on from now; `first` is when the release was first deployed."""
    at = instant(now)
    info = msgspec.structs.replace(
        release.info, status=status, description=description, first_deployed=first or at, last_deployed=at, deleted=""
    )
    return msgspec.structs.replace(release, info=info)


async def history(name: str, means: Means) -> list[Release]:
    """Return the stored revisions, the newest last. Raises ActionError."""
    try:
        return list(await means.storage.history(name))
    except FAILURES as error:
        raise ActionError(f"failed to read the history of the release: {error}", stored=False) from error


async def create(release: Release, means: Means, *, max_history: int = 0) -> None:
    """Store a new revision, and forget the oldest beyond `max_history`. Raises ActionError."""
    try:
        await means.storage.create(release)
        await means.storage.trim(release.name, max_history)
    except FAILURES as error:
        raise ActionError(f"failed to store the release: {error}", stored=False) from error


async def update(release: Release, means: Means) -> None:
    """Store a revision again. Raises ActionError."""
    try:
        await means.storage.update(release)
    except FAILURES as error:
        message = f"failed to store that release {release.full_name} is {release.info.status}: {error}"
        raise ActionError(message, stored=True, release=release) from error


async def fail(pending: Release, description: str, means: Means) -> Release:
    """Store that a revision has failed; where that cannot be stored, it stays pending, and is unlocked later."""
    failed = marked(pending, "failed", description)
    try:
        await means.storage.update(failed)
    except FAILURES as error:
        _log.warning("a failed release could not be stored", release=failed.full_name, error=str(error))
    return failed


async def supersede(releases: list[Release], means: Means) -> None:
    """Store that these revisions, where deployed, are no longer the present one. Raises ActionError."""
    for each in releases:
        if each.info.status == "deployed":
            await update(marked(each, "superseded", each.info.description), means)


def refuse_pending(releases: list[Release]) -> None:
    """Refuse to work on a release that somebody else works on. Raises ActionError."""
    if releases and releases[-1].info.status in PENDING:
        raise ActionError("another operation (install/upgrade/rollback) is in progress", stored=False)
