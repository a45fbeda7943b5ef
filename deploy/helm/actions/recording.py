"""The states that a release goes through in its storage, as helm writes them.

A revision is stored as pending before anything is done, and as deployed or failed after. One that stays pending is one
whose process was killed.
"""

from datetime import UTC, datetime

import msgspec
import structlog

from deploy.helm.actions.plan import ActionError, Means
from deploy.helm.actions.ports import StorageError
from deploy.helm.release import PENDING, HookExecution, Release, Status
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


class Record:
    """A revision that an action works on, with what is known of its hooks by now."""

    def __init__(self, release: Release, means: Means) -> None:
        self.release = release
        self._means = means

    def hook_is(self, index: int, run: HookExecution) -> None:
        """Take down how a hook runs."""
        hooks = list(self.release.hooks)
        hooks[index] = msgspec.structs.replace(hooks[index], last_run=run)
        self.release = msgspec.structs.replace(self.release, hooks=tuple(hooks))

    async def store(self) -> None:
        """Store what is known by now; where that fails, the end of the action stores it."""
        try:
            await self._means.storage.update(self.release)
        except FAILURES as error:
            _log.warning("a release could not be stored", release=self.release.full_name, error=str(error))

    async def fail(self, description: str) -> Release:
        """Store that the revision has failed; where that fails, it stays pending, and is unlocked later."""
        self.release = marked(self.release, "failed", description)
        await self.store()
        return self.release

    async def deploy(self, description: str) -> Release:
        """Store that the revision is the present one. Raises ActionError."""
        self.release = marked(self.release, "deployed", description)
        await update(self.release, self._means)
        return self.release


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


async def create(release: Release, means: Means, *, max_history: int = 0) -> Record:
    """Store a new revision, one of at most `max_history`. Raises ActionError."""
    try:
        await means.storage.trim(release.name, max_history)
        await means.storage.create(release)
    except FAILURES as error:
        raise ActionError(f"failed to store the release: {error}", stored=False) from error
    return Record(release, means)


async def update(release: Release, means: Means, *, changed: bool = True) -> None:
    """Store a revision again, after something was `changed` in the cluster or before. Raises ActionError."""
    try:
        await means.storage.update(release)
    except FAILURES as error:
        message = f"failed to store that release {release.full_name} is {release.info.status}: {error}"
        raise ActionError(message, stored=changed, release=release) from error


async def supersede(releases: list[Release], means: Means) -> None:
    """Store that these revisions, where deployed, are no longer the present one. Raises ActionError."""
    for each in releases:
        if each.info.status == "deployed":
            await update(marked(each, "superseded", each.info.description), means)


def refuse_pending(releases: list[Release]) -> None:
    """Refuse to work on a release that somebody else works on. Raises ActionError."""
    if releases and releases[-1].info.status in PENDING:
        raise ActionError("another operation (install/upgrade/rollback) is in progress", stored=False)
