"""The GitRepository: fetch what its reference names, store it as an artifact, say so.

Answers to source-controller's GitRepositoryReconciler: its order (storage, source, artifact), its conditions
(FetchFailed, ArtifactOutdated, ArtifactInStorage, StorageOperationFailed), messages and events. A commit that an
ImageUpdateAutomation pushed wakes its source at once, where Flux waits for the interval.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from deploy.source import publishing, revision
from deploy.source.checkouts import checkout, includes, verification
from deploy.source.checkouts.layers import Conflict, Layers
from deploy.source.checkouts.verification import VERIFIED, Verifier
from deploy.source.publishing import Publisher, Unchanged
from deploy.source.storage import Storage
from gotk.api.image import ImageUpdateAutomation
from gotk.api.meta import Artifact
from gotk.api.source import GitRepository, GitRepositoryStatus
from gotk.cloud.cache import Subject
from gotk.cloud.identity import GATE_DISABLED
from gotk.git import errors, reference
from gotk.git import url as urls
from gotk.git.auth import Credentials
from gotk.git.mirrors.mirror import Mirrors
from gotk.runtime.blocking import Limiter
from gotk.runtime.conditions import Rules
from gotk.runtime.errors import Retry, Stalled
from gotk.runtime.reconciler import Key, Outcome, Reader, Run, Watch
from gotk.sources.git_access import GitAccess, Refused, Step

FETCH_FAILED = "FetchFailed"

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
    rules = Rules(
        interval_jitter=True,
        positive=("ArtifactInStorage", "SourceVerified"),
        negative=("StorageOperationFailed", "FetchFailed", "IncludeUnavailable", "ArtifactOutdated"),
    )
    watches: Sequence[Watch[Any]] = (
        includes.WATCH,
        Watch(kind=ImageUpdateAutomation, changed=_pushed, requests=_source),
    )
    unsupported: Sequence[str] = ()

    def __init__(
        self,
        *,
        access: GitAccess,
        mirrors: Mirrors,
        objects: Reader,
        publisher: Publisher,
        storage: Storage,
        verifier: Verifier,
        blocking: Limiter,
        scratch: Path,
        allow_file: bool,
    ) -> None:
        """Take what it works with; included artifacts are unpacked in `scratch`.

        `allow_file` lets `file://` addresses in, for whoever may read this machine.
        """
        self._access = access
        self._mirrors = mirrors
        self._objects = objects
        self._publisher = publisher
        self._storage = storage
        self._verifier = verifier
        self._blocking = blocking
        self._scratch = scratch
        self._allow_file = allow_file

    async def reconcile(self, obj: GitRepository, run: Run[GitRepositoryStatus]) -> Outcome:
        """Fetch, and store what is new."""
        await self._publisher.check(run)
        if run.conditions.is_false(VERIFIED):
            run.conditions.delete(VERIFIED)
        url = self._url(obj, run)
        credentials = await self._credentials(obj, run)
        included = includes.artifacts(obj, run, self._objects)
        if includes.differ(run.status.included_artifacts, included):
            await includes.begin(run)
        after = obj.spec.interval.seconds
        current = run.status.artifact
        known = current.revision if current is not None and _is_made_so(obj, run.status, included) else ""
        found = await self._fetch(obj, run, url, credentials, known=known)
        unchanged = bool(known) and revision.same(known, found.revision)
        if not unchanged or _is_cloned(obj):
            await self._verifier.verify(obj, run, found)
        elif not verification.mode(obj):
            verification.forget(run)
        if current is not None and unchanged:
            return self._publisher.keep(run, current, _up_to_date(obj, current), after=after)
        async with includes.room(obj, self._scratch, self._blocking) as room:
            laid = await self._content(obj, run, found)
            if current is None or not revision.same(current.revision, found.revision):
                await self._publisher.begin(run, f"new upstream revision '{found.revision}'")
            if included:
                await self._blocking.run(includes.lay, laid, obj, run, included, storage=self._storage, room=room)
            release = checkout.release(found, laid, obj.spec.ignore, _observed(obj, included))
            return await self._publisher.publish(obj, run, release, after=after)

    async def finalize(self, obj: GitRepository, run: Run[GitRepositoryStatus]) -> None:
        """Delete every artifact of the object, and the mirrors that nobody uses any more. Raises Retry."""
        await self._publisher.remove_all(obj, run)
        await self._blocking.run(self._mirrors.sweep, now=run.now())
        self._access.forget(_subject(obj))

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
        self, obj: GitRepository, run: Run[GitRepositoryStatus], url: str, credentials: Credentials, *, known: str
    ) -> checkout.Checkout:
        wanted = reference.choose(obj.spec.ref, full_names=True)
        try:
            found = await self._blocking.run(
                checkout.fetch,
                *(self._mirrors, url, credentials, wanted),
                tenant=obj.metadata.namespace,
                timeout=obj.spec.timeout.seconds,
                known=known,
            )
        except errors.EmptyRepository as error:
            _fail(run, "EmptyGitRepository", error.message)
        except errors.Error as error:
            _fail(run, _GIT_FAILED, f"failed to checkout and determine revision: {error.message}")
        run.conditions.delete(FETCH_FAILED)
        return found

    async def _content(self, obj: GitRepository, run: Run[GitRepositoryStatus], found: checkout.Checkout) -> Layers:
        """Lay out what the artifact is to hold of the repository itself."""
        try:
            return await self._blocking.run(
                checkout.content,
                *(found, self._mirrors),
                tenant=obj.metadata.namespace,
                timeout=obj.spec.timeout.seconds,
                recurse=obj.spec.recurse_submodules,
                sparse=obj.spec.sparse_checkout,
            )
        except Conflict as error:
            _fail(run, _GIT_FAILED, f"failed to sparse checkout directories : {error}")
        except errors.Error as error:
            _fail(run, _GIT_FAILED, f"failed to checkout and determine revision: {error.message}")


def _observed(obj: GitRepository, included: Sequence[Artifact]) -> dict[str, Any]:
    """Return what the status keeps of the settings that an artifact was made with."""
    return {
        "included_artifacts": tuple(included),
        "observed_include": obj.spec.include,
        "observed_recurse_submodules": obj.spec.recurse_submodules,
        "observed_sparse_checkout": obj.spec.sparse_checkout,
    }


def _up_to_date(obj: GitRepository, current: Artifact) -> Unchanged:
    """Word a run that found the commit of the artifact."""
    event, stored = f"stored artifact for commit '{current.revision}'", checkout.stored(current.revision)
    if _is_cloned(obj):
        return publishing.up_to_date(current.revision, event, stored)
    trace = f"no changes since last reconciliation: observed revision '{current.revision}'"
    return Unchanged(event=event, trace=trace, trace_reason="GitOperationSucceeded", stored=stored)


def _is_cloned(obj: GitRepository) -> bool:
    """Tell whether Flux clones this reference every time, because no listing could tell of a change."""
    target = reference.choose(obj.spec.ref, full_names=True)
    return bool(target.commit or target.semver)


def _is_made_so(obj: GitRepository, status: GitRepositoryStatus, included: Sequence[Artifact]) -> bool:
    """Tell whether the artifact was made with these settings, and verified as far as they ask for."""
    made = (status.observed_ignore, status.observed_recurse_submodules, status.observed_sparse_checkout)
    wanted = (obj.spec.ignore, obj.spec.recurse_submodules, obj.spec.sparse_checkout)
    return made == wanted and includes.unchanged(obj, status, included) and not verification.is_due(obj, status)


def _subject(obj: GitRepository) -> Subject:
    return Subject("GitRepository", obj.metadata.namespace, obj.metadata.name)


def _fail(run: Run[GitRepositoryStatus], reason: str, message: str) -> NoReturn:
    run.conditions.mark_true(FETCH_FAILED, reason, message)
    raise Retry(reason, message)


def _stall(run: Run[GitRepositoryStatus], reason: str, message: str) -> NoReturn:
    run.conditions.mark_true(FETCH_FAILED, reason, message)
    raise Stalled(reason, message)
