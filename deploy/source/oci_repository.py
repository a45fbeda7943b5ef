"""The OCIRepository: pull what its reference names, store a layer of it as an artifact, say so.

Answers to source-controller's OCIRepositoryReconciler: its order (storage, credentials, reference, digest, signature,
layer, artifact), its conditions, messages and events. Where the digest is the one that is stored nothing is pulled:
such a run costs the registry one HEAD request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, NoReturn

from deploy.source import publishing
from deploy.source.oci import layer, reference
from deploy.source.oci.layer import Copied, Extracted, LayerError, Layers
from deploy.source.oci.reference import NoTag, Target
from deploy.source.publishing import Publisher, Release, Stored, Unchanged
from deploy.source.tarball import Written
from gotk.api.meta import Artifact
from gotk.api.source import OCIRepository, OCIRepositoryStatus
from gotk.cloud.cache import Subject
from gotk.cloud.identity import GATE_DISABLED
from gotk.oci import errors, manifest
from gotk.oci.access import Access
from gotk.oci.client import RegistryClient
from gotk.oci.name import InvalidName, Repository
from gotk.oci.pulling import Pulled
from gotk.runtime.conditions import SUCCEEDED, Rules
from gotk.runtime.errors import Retry, Stalled
from gotk.runtime.reconciler import Outcome, Run, Watch
from gotk.sources import registry_access
from gotk.sources.registry_access import Refused, RegistryAccess, Step
from gotk.sources.verification import Failed, Unsupported, Verification

FETCH_FAILED = "FetchFailed"
VERIFIED = "SourceVerified"

_UNVERIFIED = "VerificationError"
_AUTHENTICATION = "AuthenticationFailed"
_PULL = "OCIArtifactPullFailed"
_LAYER = "OCIArtifactLayerOperationFailed"
#: More would not fit into an object of a cluster.
_MOST_METADATA = 256 << 10

OCIRun = Run[OCIRepositoryStatus]


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one run pulls, and how it gets there."""

    obj: OCIRepository
    run: OCIRun
    repository: Repository
    reach: Access


class OCIRepositoryReconciler:
    """Keeps the artifact of every OCIRepository up to date."""

    kind = OCIRepository
    controller = "source-controller"
    rules = Rules(
        interval_jitter=True,
        positive=("ArtifactInStorage", "SourceVerified"),
        negative=("StorageOperationFailed", "FetchFailed", "ArtifactOutdated"),
    )
    watches: Sequence[Watch[Any]] = ()
    unsupported: Sequence[str] = ()

    def __init__(
        self,
        *,
        access: RegistryAccess,
        registry: RegistryClient,
        verification: Verification,
        layers: Layers,
        publisher: Publisher,
    ) -> None:
        self._verification = verification
        self._access = access
        self._registry = registry
        self._layers = layers
        self._publisher = publisher

    async def reconcile(self, obj: OCIRepository, run: OCIRun) -> Outcome:
        """Ask what is upstream, and store what is new."""
        await self._publisher.check(run)
        turn = await self._turn(obj, run)
        target = await self._resolved(turn)
        after = obj.spec.interval.seconds
        current = run.status.artifact
        is_new = current is None or current.revision != target.revision
        if is_new:
            message = f"new revision '{target.revision}' for '{target.reference(turn.repository)}'"
            await self._publisher.begin(run, message)
        await self._verify(turn, target, is_new=is_new)
        if current is not None and not is_new and _same_settings(obj, run.status):
            run.conditions.delete(FETCH_FAILED)
            return self._publisher.keep(run, current, _up_to_date(obj, current), after=after)
        return await self._store(turn, target, after=after)

    async def finalize(self, obj: OCIRepository, run: OCIRun) -> None:
        """Delete every artifact of the object. Raises Retry."""
        await self._publisher.remove_all(obj, run)
        self._access.forget(_subject(obj))

    async def _turn(self, obj: OCIRepository, run: OCIRun) -> _Turn:
        url = obj.spec.url
        try:
            repository = reference.parse(url)
        except InvalidName as error:
            _stall(run, "URLInvalid", f"URL validation failed for '{url}': {error}")
        try:
            reach = await self._access.access(_wanted(obj, repository))
        except Refused as error:
            if error.step is Step.GATE:
                _stall(run, GATE_DISABLED, error.message)
            _fail(run, _AUTHENTICATION, _refused(obj, error))
        return _Turn(obj, run, repository, reach)

    async def _resolved(self, turn: _Turn) -> Target:
        """Return what is upstream, with its digest."""
        spec, run = turn.obj.spec, turn.run
        target = reference.fixed(spec.ref)
        try:
            if target is None and spec.ref is not None:
                listed = await self._registry.list_tags(turn.repository, turn.reach)
                target = reference.latest(spec.ref, listed.tags, media_type=reference.layer_type(turn.obj))
        except (errors.RegistryError, NoTag) as error:
            message = f"failed to determine the artifact tag for '{spec.url}': {error}"
            self._explain(turn, error, "ReadOperationFailed", message)
        assert target is not None
        failed = "failed to determine artifact digest"
        if target.digest:
            if not manifest.is_digest(target.digest):
                _fail(run, _PULL, f"{failed}: spec.ref.digest '{target.digest}' is no digest such as 'sha256:<hash>'")
            return target
        try:
            return replace(target, digest=await self._registry.digest(turn.repository, target.tag, turn.reach))
        except errors.RegistryError as error:
            self._explain(turn, error, _PULL, f"{failed}: {error}")

    async def _verify(self, turn: _Turn, target: Target, *, is_new: bool) -> None:
        """Check the signatures of what is new, after a change of the spec, and again after a failure."""
        obj, run = turn.obj, turn.run
        if obj.spec.verify is None:
            run.conditions.delete(VERIFIED)
            return
        before = run.conditions.get(VERIFIED)
        observed = before is not None and before.observed_generation == obj.metadata.generation
        if observed and not is_new and run.conditions.is_true(VERIFIED):
            return
        try:
            namespace = obj.metadata.namespace
            await self._verification.verify(obj.spec.verify, namespace, turn.repository, target.digest, turn.reach)
        except Unsupported as error:
            run.conditions.mark_false(VERIFIED, _UNVERIFIED, str(error))
            raise Stalled(_UNVERIFIED, str(error)) from error
        except Failed as error:
            run.conditions.mark_false(VERIFIED, _UNVERIFIED, error.message)
            raise Retry(_UNVERIFIED, error.message) from error
        run.conditions.mark_true(VERIFIED, SUCCEEDED, f"verified signature of revision {target.revision}")

    async def _store(self, turn: _Turn, target: Target, *, after: float) -> Outcome:
        obj, run = turn.obj, turn.run
        pulled = await self._pulled(turn, target)
        selector = obj.spec.layer_selector
        copy = selector is not None and selector.operation == "copy"
        try:
            chosen = layer.choose(pulled.manifest, reference.layer_type(obj))
            async with self._layers.pulled(turn.repository, chosen, turn.reach, copy=copy) as files:
                release = _release(obj, target, files, pulled.manifest.annotations)
                outcome = await self._publisher.publish(obj, run, release, after=after)
        except LayerError as error:
            _fail(run, _LAYER, str(error))
        run.conditions.delete(FETCH_FAILED)
        return outcome

    async def _pulled(self, turn: _Turn, target: Target) -> Pulled:
        try:
            pulled = await self._registry.image(turn.repository, target.digest, turn.reach)
        except errors.RegistryError as error:
            message = f"failed to pull artifact from '{turn.obj.spec.url}': {error}"
            self._explain(turn, error, _PULL, message)
        size = sum(len(name) + len(text) for name, text in pulled.manifest.annotations.items())
        if size > _MOST_METADATA:
            about = f"its annotations are of {size} characters, more than the limit of {_MOST_METADATA}"
            _fail(turn.run, _LAYER, f"failed to parse artifact manifest: {about}")
        return pulled

    def _explain(self, turn: _Turn, error: Exception, reason: str, message: str) -> NoReturn:
        """Fail, as one of credentials where the cloud gave none."""
        if isinstance(error, errors.LoginFailed):
            provider = turn.obj.spec.provider
            _fail(turn.run, _AUTHENTICATION, f"failed to get credential from {provider}: {error}")
        after = error.retry_after if isinstance(error, errors.RegistryError) else None
        _fail(turn.run, reason, message, after=after)


def _release(obj: OCIRepository, target: Target, files: Extracted | Copied, annotations: Mapping[str, str]) -> Release:
    def write(file: BinaryIO) -> Written:
        return files.write(file, obj.spec.ignore)

    return Release(
        file=f"{target.digest}.tar.gz",
        revision=target.revision,
        write=write,
        event=lambda: _event(obj, target.revision, annotations),
        stored=_stored(target.revision),
        observed={"observed_ignore": obj.spec.ignore, "observed_layer_selector": obj.spec.layer_selector},
        metadata=dict(annotations) or None,
        latest="latest.tar.gz",
    )


def _up_to_date(obj: OCIRepository, current: Artifact) -> Unchanged:
    event = _event(obj, current.revision, current.metadata or {})
    return publishing.up_to_date(current.revision, event, _stored(current.revision))


def _event(obj: OCIRepository, revision: str, annotations: Mapping[str, str]) -> str:
    message = f"stored artifact with revision '{revision}' from '{obj.spec.url}'"
    source, origin = manifest.origin(annotations)
    return f"{message}, origin source '{source}', origin revision '{origin}'" if source and origin else message


def _stored(revision: str) -> Stored:
    return Stored(f"stored artifact for digest '{revision}'")


def _same_settings(obj: OCIRepository, status: OCIRepositoryStatus) -> bool:
    """Tell whether an artifact would be made with the settings that the stored one was made with."""
    ours = (obj.spec.ignore, obj.spec.layer_selector)
    return ours == (status.observed_ignore, status.observed_layer_selector)


def _wanted(obj: OCIRepository, repository: Repository) -> registry_access.Wanted:
    spec = obj.spec
    return registry_access.Wanted(
        repository=repository,
        subject=_subject(obj),
        timeout=spec.timeout.seconds,
        provider=spec.provider,
        secret_ref=spec.secret_ref,
        service_account_name=spec.service_account_name,
        cert_secret_ref=spec.cert_secret_ref,
        proxy_secret_ref=spec.proxy_secret_ref,
        insecure=spec.insecure,
        unverified=spec.insecure,
        secrets_first=True,
    )


def _refused(obj: OCIRepository, error: Refused) -> str:
    """Word at which step the credentials were refused, as source-controller does."""
    match error.step:
        case Step.SECRET:
            name = obj.spec.secret_ref.name if obj.spec.secret_ref else ""
            return f"failed to get credential: failed to get secret '{obj.metadata.namespace}/{name}': {error.message}"
        case Step.PROXY:
            return f"failed to get proxy address: {error.message}"
        case Step.PROVIDER:
            return f"failed to get credential from {obj.spec.provider}: {error.message}"
        case Step.CERTIFICATES | Step.TLS:
            return f"failed to generate transport for '{obj.spec.url}': {error.message}"
        case _:
            return f"failed to get credential: {error.message}"


def _subject(obj: OCIRepository) -> Subject:
    return Subject("OCIRepository", obj.metadata.namespace, obj.metadata.name)


def _fail(run: OCIRun, reason: str, message: str, *, after: float | None = None) -> NoReturn:
    run.conditions.mark_true(FETCH_FAILED, reason, message)
    raise Retry(reason, message, after=after or None)


def _stall(run: OCIRun, reason: str, message: str) -> NoReturn:
    run.conditions.mark_true(FETCH_FAILED, reason, message)
    raise Stalled(reason, message)
