"""Publishing: what every source does with an artifact once it knows what is upstream.

Answers to the parts that source-controller's reconcilers share: the storage is checked first (old artifacts collected,
the current one proven), a new artifact is archived and recorded, and where nothing is new that is said. A new source
brings only what fetches it and the words of its events.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from msgspec import structs

from deploy.source.storage import Storage
from deploy.source.tarball import Written
from gotk.api.meta import Artifact, Object
from gotk.api.source import GROUP
from gotk.digest import CANONICAL
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import rfc3339
from gotk.runtime.conditions import SUCCEEDED
from gotk.runtime.errors import Retry
from gotk.runtime.reconciler import Outcome, Run

FETCH_FAILED = "FetchFailed"
IN_STORAGE = "ArtifactInStorage"
OUTDATED = "ArtifactOutdated"
STORAGE_FAILED = "StorageOperationFailed"
UP_TO_DATE = "ArtifactUpToDate"


class ArchiveError(Exception):
    """What is upstream could not be made an archive; the message ends the run."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What ArtifactInStorage and Ready say of an artifact that is there."""

    message: str
    reason: str = SUCCEEDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What is upstream now, for the storage to keep. `write` and `event` block, and raise OSError and ArchiveError."""

    #: The file's name beside the object's other artifacts.
    file: str
    revision: str
    write: Callable[[BinaryIO], Written]
    #: What the event of a new artifact says.
    event: Callable[[], str]
    #: What is said of the artifact in the object's conditions.
    stored: Stored
    #: The fields of the status that tell with which settings it was made.
    observed: Mapping[str, Any] = field(default_factory=dict)
    #: What upstream says of it.
    metadata: Mapping[str, str] | None = None
    #: The reason of its event, where the digest is new and where it is not.
    event_reasons: tuple[str, str] = ("NewArtifact", SUCCEEDED)
    #: The name that leads to the newest artifact and becomes `status.url`; none for a kind that has no such field.
    latest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """What a run says that found nothing new upstream: to whoever was not ready, and to the trace."""

    event: str
    trace: str
    trace_reason: str
    stored: Stored


def stored(revision: str) -> Stored:
    """Word that an artifact is there of which no more is to be said than its revision."""
    return Stored(f"stored artifact: revision '{revision}'")


def up_to_date(revision: str, event: str, said: Stored) -> Unchanged:
    """Word a run that found the revision upstream that is stored."""
    return Unchanged(event=event, trace=_up_to_date(revision), trace_reason=UP_TO_DATE, stored=said)


def _up_to_date(revision: str) -> str:
    return f"artifact up-to-date with remote revision: '{revision}'"


class Publisher:
    """Keeps the artifacts of source objects in the storage, and in their status."""

    def __init__(self, *, storage: Storage, blocking: Limiter) -> None:
        self._storage = storage
        self._blocking = blocking

    async def check(self, run: Run[Any]) -> None:
        """Collect old artifacts, and make sure that the current one is still what it was."""
        lost = False
        if (current := run.status.artifact) is not None:
            removed = await self._blocking.run(self._storage.collect, current, now=run.now())
            if removed:
                run.event("Trace", "GarbageCollectionSucceeded", f"garbage collected {len(removed)} artifacts")
            lost = not await self._intact(current, run)
        if lost:
            run.update(artifact=None, **({"url": ""} if "url" in run.status.__struct_fields__ else {}))
        if run.status.artifact is None:
            run.conditions.delete(IN_STORAGE)
            detail = ": disappeared from storage" if lost else ""
            await run.progress(f"building artifact{detail}", ready_unknown=True)
        elif current is not None:
            run.update(artifact=structs.replace(current, url=self._storage.url(current.path)))
            if getattr(run.status, "url", ""):
                latest = PurePosixPath(run.status.url).name
                run.update(url=self._storage.url(_beside(current, latest)))

    async def _intact(self, artifact: Artifact, run: Run[Any]) -> bool:
        if self._storage.missing(artifact):
            return False
        if problem := await self._blocking.run(self._storage.verify, artifact):
            message = f"failed to verify integrity of artifact: {problem}"
            run.event("Warning", "ArtifactVerificationFailed", message)
            self._storage.remove(artifact)
            return False
        return True

    async def begin(self, run: Run[Any], message: str, *, reason: str = "NewRevision") -> None:
        """Say that an artifact is being made, because of what `message` tells is new."""
        if run.status.artifact is not None:
            run.conditions.mark_true(OUTDATED, reason, message)
        await run.progress(f"building artifact: {message}", ready_unknown=True)

    def keep(self, run: Run[Any], current: Artifact, said: Unchanged, *, after: float) -> Outcome:
        """End a run that found nothing new upstream."""
        return Outcome(
            message=_mark_stored(run, said.stored),
            reason=said.stored.reason,
            requeue_after=after,
            event=said.event,
            event_reason=said.stored.reason,
            trace=said.trace,
            trace_reason=said.trace_reason,
            metadata=_metadata(current),
        )

    async def publish(self, obj: Object, run: Run[Any], release: Release, *, after: float) -> Outcome:
        """Store a release as the object's artifact. Raises Retry."""
        path = f"{_directory(obj)}/{release.file}"
        written, event = await self._write(run, path, release)
        artifact = Artifact(
            digest=written.digest,
            path=path,
            url=self._storage.url(path),
            revision=release.revision,
            last_update_time=rfc3339(run.now()),
            size=written.size,
            metadata=release.metadata,
        )
        previous = run.status.artifact
        run.update(artifact=artifact, **release.observed)
        if release.latest:
            self._lead_to(run, artifact, release.latest)
        new = previous is None or previous.digest != artifact.digest
        return Outcome(
            message=_mark_stored(run, release.stored),
            reason=release.stored.reason,
            requeue_after=after,
            changed=new,
            event=event,
            event_reason=release.event_reasons[0 if new else 1],
            trace=_up_to_date(artifact.revision),
            trace_reason=UP_TO_DATE,
            metadata=_metadata(artifact),
        )

    def _lead_to(self, run: Run[Any], artifact: Artifact, latest: str) -> None:
        """Let the object's own address lead to its newest artifact; an older one goes on being right enough."""
        path = _beside(artifact, latest)
        try:
            self._storage.link(path, artifact)
        except OSError as error:
            message = f"failed to update status URL symlink: {error.strerror}"
            run.event("Trace", "SymlinkUpdateFailed", message)
            return
        run.update(url=self._storage.url(path))

    async def _write(self, run: Run[Any], path: str, release: Release) -> tuple[Written, str]:
        def write() -> tuple[Written, str]:
            written = self._storage.write(path, release.write)
            if self._storage.algorithm != CANONICAL:
                written = replace(written, digest=self._storage.digest(path))
            return written, release.event()

        try:
            return await self._blocking.run(write)
        except (OSError, ArchiveError) as error:
            cause = error.strerror if isinstance(error, OSError) else error
            message = f"unable to archive artifact to storage: {cause}"
            run.conditions.mark_true(STORAGE_FAILED, "ArchiveOperationFailed", message)
            raise Retry("ArchiveOperationFailed", message) from error

    async def remove_all(self, obj: Object, run: Run[Any]) -> None:
        """Delete every artifact of an object that goes. Raises Retry."""
        try:
            await self._blocking.run(self._storage.remove_all, _directory(obj))
        except OSError as error:
            message = f"garbage collection for deleted resource failed: {error.strerror}"
            run.event("Warning", "GarbageCollectionFailed", message)
            raise Retry("GarbageCollectionFailed", message) from error
        run.event("Trace", "GarbageCollectionSucceeded", "garbage collected artifacts for deleted resource")


def _mark_stored(run: Run[Any], stored: Stored) -> str:
    run.conditions.delete(OUTDATED, STORAGE_FAILED)
    run.conditions.mark_true(IN_STORAGE, stored.reason, stored.message)
    return stored.message


def _directory(obj: Object) -> str:
    return f"{obj.kind.lower()}/{obj.metadata.namespace}/{obj.metadata.name}"


def _beside(artifact: Artifact, name: str) -> str:
    """Return the path of a name beside an artifact's file, which a chart's name may have put into a folder."""
    return f"{PurePosixPath(artifact.path).parent}/{name}"


def _metadata(artifact: Artifact) -> dict[str, str]:
    return {f"{GROUP}/revision": artifact.revision, f"{GROUP}/digest": artifact.digest}
