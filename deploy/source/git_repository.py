"""The GitRepository: fetch what its reference names, store it as an artifact, say so.

Answers to source-controller's GitRepositoryReconciler: its order (storage, source, artifact), its conditions
(FetchFailed, ArtifactOutdated, ArtifactInStorage, StorageOperationFailed), messages and events. A commit that an
ImageUpdateAutomation pushed wakes its source at once, where Flux waits for the interval.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import msgspec

from deploy.source import checkout, revision
from deploy.source.storage import Storage
from gotk.api.image import ImageUpdateAutomation
from gotk.api.meta import Artifact
from gotk.api.source import GROUP, GitRepository, GitRepositoryStatus
from gotk.cloud.cache import Subject
from gotk.cloud.identity import GATE_DISABLED
from gotk.git import errors, reference
from gotk.git import url as urls
from gotk.git.auth import Credentials
from gotk.git.mirrors.mirror import Mirrors
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import rfc3339
from gotk.runtime.conditions import GIT_REPOSITORY_RULES, SUCCEEDED
from gotk.runtime.errors import Retry, Stalled
from gotk.runtime.reconciler import Key, Outcome, Reader, Run, Watch
from gotk.sources.git_access import GitAccess, Refused, Step

IN_STORAGE = "ArtifactInStorage"
OUTDATED = "ArtifactOutdated"
FETCH_FAILED = "FetchFailed"
STORAGE_FAILED = "StorageOperationFailed"

_KIND = "gitrepository"
_GIT_FAILED = "GitOperationFailed"
_NO_PROVIDER = "InvalidProviderConfiguration"


def _pushed(old: ImageUpdateAutomation | None, new: ImageUpdateAutomation | None) -> bool:
    return old is not None and new is not None and old.status.last_push_commit != new.status.last_push_commit


def _source(automation: ImageUpdateAutomation, _: Reader) -> Iterable[Key]:
    reference = automation.spec.source_ref
    yield Key(reference.namespace or automation.metadata.namespace, reference.name)


class GitRepositoryReconciler:
    """Keeps the artifact of every GitRepository up to date."""

    kind = GitRepository
    controller = "source-controller"
    rules = GIT_REPOSITORY_RULES
    watches: Sequence[Watch[Any]] = (Watch(kind=ImageUpdateAutomation, changed=_pushed, requests=_source),)
    unsupported: Sequence[str] = (
        "spec.verify",
        "spec.include",
        "spec.recurseSubmodules",
        "spec.sparseCheckout",
    )

    def __init__(
        self,
        *,
        access: GitAccess,
        mirrors: Mirrors,
        storage: Storage,
        blocking: Limiter,
        allow_file: bool,
    ) -> None:
        """Take what it works with; `allow_file` lets `file://` addresses in, for whoever may read this machine."""
        self._access = access
        self._mirrors = mirrors
        self._storage = storage
        self._blocking = blocking
        self._allow_file = allow_file

    async def reconcile(self, obj: GitRepository, run: Run[GitRepositoryStatus]) -> Outcome:
        """Fetch, and store what is new."""
        await self._check_storage(run)
        url = self._url(obj, run)
        credentials = await self._credentials(obj, run)
        found = await self._fetch(obj, run, url, credentials)
        after = obj.spec.interval.seconds
        current = run.status.artifact
        if current is not None and _unchanged(obj, run.status, found.revision):
            return self._nothing_new(obj, run, current, after)
        if current is None or not revision.same(current.revision, found.revision):
            message = f"new upstream revision '{found.revision}'"
            if current is not None:
                run.conditions.mark_true(OUTDATED, "NewRevision", message)
            await run.progress(f"building artifact: {message}", ready_unknown=True)
        return await self._store(obj, run, found, after)

    async def finalize(self, obj: GitRepository, run: Run[GitRepositoryStatus]) -> None:
        """Delete every artifact of the object, and the mirrors that nobody uses any more. Raises Retry."""
        try:
            await self._blocking.run(self._storage.remove_all, _directory(obj))
        except OSError as error:
            message = f"garbage collection for deleted resource failed: {error.strerror}"
            run.event("Warning", "GarbageCollectionFailed", message)
            raise Retry("GarbageCollectionFailed", message) from error
        await self._blocking.run(self._mirrors.sweep, now=run.now())
        self._access.forget(_subject(obj))
        run.event("Trace", "GarbageCollectionSucceeded", "garbage collected artifacts for deleted resource")

    async def _check_storage(self, run: Run[GitRepositoryStatus]) -> None:
        """Collect old artifacts, and make sure that the current one is still what it was."""
        lost = False
        if (current := run.status.artifact) is not None:
            removed = await self._blocking.run(self._storage.collect, current, now=run.now())
            if removed:
                run.event("Trace", "GarbageCollectionSucceeded", f"garbage collected {len(removed)} artifacts")
            lost = not await self._intact(current, run)
        if lost:
            run.update(artifact=None)
        if run.status.artifact is None:
            run.conditions.delete(IN_STORAGE)
            detail = ": disappeared from storage" if lost else ""
            await run.progress(f"building artifact{detail}", ready_unknown=True)
        elif current is not None:
            run.update(artifact=msgspec.structs.replace(current, url=self._storage.url(current.path)))

    async def _intact(self, artifact: Artifact, run: Run[GitRepositoryStatus]) -> bool:
        if self._storage.missing(artifact):
            return False
        if problem := await self._blocking.run(self._storage.verify, artifact):
            message = f"failed to verify integrity of artifact: {problem}"
            run.event("Warning", "ArtifactVerificationFailed", message)
            self._storage.remove(artifact)
            return False
        return True

    def _url(self, obj: GitRepository, run: Run[GitRepositoryStatus]) -> str:
        try:
            urls.parse(obj.spec.url, allow_file=self._allow_file)
        except errors.InvalidUrl as error:
            _stall(run, "URLInvalid", error.message)
        return obj.spec.url

    async def _credentials(self, obj: GitRepository, run: Run[GitRepositoryStatus]) -> Credentials:
        try:
            return await self._access.credentials(obj, _subject(obj))
        except Refused as error:
            match error.step:
                case Step.GATE:
                    _stall(run, GATE_DISABLED, error.message)
                case Step.PROVIDER:
                    _stall(run, _NO_PROVIDER, error.message)
                case Step.APP:
                    _fail(run, _NO_PROVIDER, error.message)
                case Step.SECRET:
                    name = obj.spec.secret_ref.name if obj.spec.secret_ref else ""
                    cause = f"failed to get secret '{obj.metadata.namespace}/{name}': {error.message}"
                    _fail(run, "AuthenticationFailed", cause)
                case Step.PROXY:
                    _fail(run, "AuthenticationFailed", f"failed to configure proxy options: {error.message}")
                case Step.AUTHENTICATION:
                    _fail(run, "AuthenticationFailed", f"failed to configure authentication options: {error.message}")

    async def _fetch(
        self, obj: GitRepository, run: Run[GitRepositoryStatus], url: str, credentials: Credentials
    ) -> checkout.Checkout:
        wanted = reference.choose(obj.spec.ref, full_names=True)
        try:
            found = await self._blocking.run(
                checkout.fetch,
                *(self._mirrors, url, credentials, wanted),
                tenant=obj.metadata.namespace,
                timeout=obj.spec.timeout.seconds,
            )
        except errors.EmptyRepository as error:
            _fail(run, "EmptyGitRepository", error.message)
        except errors.Error as error:
            _fail(run, _GIT_FAILED, f"failed to checkout and determine revision: {error.message}")
        run.conditions.delete(FETCH_FAILED)
        return found

    def _nothing_new(
        self, obj: GitRepository, run: Run[GitRepositoryStatus], current: Artifact, after: float
    ) -> Outcome:
        run.conditions.delete(OUTDATED, STORAGE_FAILED)
        message = f"stored artifact for revision '{current.revision}'"
        run.conditions.mark_true(IN_STORAGE, SUCCEEDED, message)
        target = reference.choose(obj.spec.ref, full_names=True)
        cloned = target.commit or target.semver  # Flux clones these every time: no listing could tell of a change
        trace = f"no changes since last reconciliation: observed revision '{current.revision}'"
        if cloned:
            trace = f"artifact up-to-date with remote revision: '{current.revision}'"
        return Outcome(
            message=message,
            requeue_after=after,
            event=f"stored artifact for commit '{current.revision}'",
            event_reason=SUCCEEDED,
            trace=trace,
            trace_reason="ArtifactUpToDate" if cloned else "GitOperationSucceeded",
            metadata=_metadata(current),
        )

    async def _store(
        self, obj: GitRepository, run: Run[GitRepositoryStatus], found: checkout.Checkout, after: float
    ) -> Outcome:
        path = f"{_directory(obj)}/{found.commit}.tar.gz"
        try:
            written, subject = await self._blocking.run(checkout.store, self._storage, path, found, obj.spec.ignore)
        except (OSError, errors.Error) as error:
            cause = error.strerror if isinstance(error, OSError) else error
            message = f"unable to archive artifact to storage: {cause}"
            run.conditions.mark_true(STORAGE_FAILED, "ArchiveOperationFailed", message)
            raise Retry("ArchiveOperationFailed", message) from error
        previous = run.status.artifact
        artifact = Artifact(
            digest=written.digest,
            path=path,
            url=self._storage.url(path),
            revision=found.revision,
            last_update_time=rfc3339(run.now()),
            size=written.size,
        )
        run.update(artifact=artifact, observed_ignore=obj.spec.ignore)
        run.conditions.delete(OUTDATED, STORAGE_FAILED)
        message = f"stored artifact for revision '{found.revision}'"
        run.conditions.mark_true(IN_STORAGE, SUCCEEDED, message)
        new = previous is None or previous.digest != artifact.digest
        return Outcome(
            message=message,
            requeue_after=after,
            changed=new,
            event=f"stored artifact for commit '{revision.short(subject)}'",
            event_reason="NewArtifact" if new else SUCCEEDED,
            trace=f"artifact up-to-date with remote revision: '{found.revision}'",
            trace_reason="ArtifactUpToDate",
            metadata=_metadata(artifact),
        )


def _unchanged(obj: GitRepository, status: GitRepositoryStatus, found: str) -> bool:
    """Tell whether the artifact is of this revision and was made with these settings."""
    if status.artifact is None or obj.spec.ignore != status.observed_ignore:
        return False
    return revision.same(status.artifact.revision, found)


def _subject(obj: GitRepository) -> Subject:
    return Subject("GitRepository", obj.metadata.namespace, obj.metadata.name)


def _directory(obj: GitRepository) -> str:
    return f"{_KIND}/{obj.metadata.namespace}/{obj.metadata.name}"


def _metadata(artifact: Artifact) -> dict[str, str]:
    return {f"{GROUP}/revision": artifact.revision, f"{GROUP}/digest": artifact.digest}


def _fail(run: Run[GitRepositoryStatus], reason: str, message: str) -> NoReturn:
    run.conditions.mark_true(FETCH_FAILED, reason, message)
    raise Retry(reason, message)


def _stall(run: Run[GitRepositoryStatus], reason: str, message: str) -> NoReturn:
    run.conditions.mark_true(FETCH_FAILED, reason, message)
    raise Stalled(reason, message)
