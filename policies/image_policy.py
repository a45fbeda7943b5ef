"""ImagePolicy: chooses one tag of an ImageRepository and writes it down.

Answers to the ImagePolicy controller of Flux's image-reflector-controller; reasons and messages are its. It runs when
the policy changes, when its ImageRepository comes or goes, and when a scan finds other tags; by the clock only with
`digestReflectionPolicy: Always`. A failure keeps the last good `status.latestRef`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from gotk.api import core, image
from gotk.api.image import ImagePolicy, ImagePolicyStatus, ImageRef, ImageRepository
from gotk.duration import Duration
from gotk.kube import errors as kube_errors
from gotk.runtime import conditions, errors
from gotk.runtime.blocking import Limiter
from gotk.runtime.reconciler import Key, Outcome, Reader, Run, Watch
from policies import access, choose, digest
from policies.ports import DigestResolver, ImageNames, ObjectGetter, TagStore

FAILURE = "Failure"
ACCESS_DENIED = "AccessDenied"
DEPENDENCY_NOT_READY = "DependencyNotReady"

_INTERVAL_MISSING = "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'"
_GATE_OFF = (
    "to use spec.serviceAccountName in the ImageRepository for provider authentication please enable "
    "the ObjectLevelWorkloadIdentity feature gate in the controller"
)
_DEFAULT_INTERVAL = 600.0
#: More tags than this are not chosen from on the event loop; a pattern costs several times as much as the choice.
_MANY, _MANY_FILTERED = 5000, 1000


@dataclass(frozen=True, slots=True)
class _Known:
    """A choice that holds for as long as the scan's revision and the policy are the same."""

    name: str
    revision: str
    policy: image.ImagePolicySpec
    tag: str


class ImagePolicyReconciler:
    """Brings `status.latestRef` of every ImagePolicy up to date."""

    kind = ImagePolicy
    controller = "image-reflector-controller"
    rules = conditions.IMAGE_RULES
    unsupported: Sequence[str] = ()

    def __init__(
        self,
        *,
        objects: Reader,
        client: ObjectGetter,
        tags: TagStore,
        digests: DigestResolver,
        image_names: ImageNames,
        limiter: Limiter,
        no_cross_namespace_refs: bool = False,
        object_level_workload_identity: bool = False,
        requeue_dependency: float = 30.0,
    ) -> None:
        self._objects = objects
        self._client = client
        self._tags = tags
        self._digests = digests
        self._image_names = image_names
        self._limiter = limiter
        self._no_cross_namespace_refs = no_cross_namespace_refs
        self._object_level_workload_identity = object_level_workload_identity
        self._requeue_dependency = requeue_dependency
        self._known: dict[Key, _Known] = {}
        self.watches: Sequence[Watch[Any]] = (Watch(kind=ImageRepository, changed=tags_changed, requests=policies_of),)

    async def reconcile(self, obj: ImagePolicy, run: Run[ImagePolicyStatus]) -> Outcome:
        """Choose a tag, ask for its digest where wanted, and write both down."""
        if obj.spec.digest_reflection_policy == "Always" and obj.spec.interval is None:
            raise errors.Stalled("IntervalNotConfigured", _INTERVAL_MISSING)
        repository = await self._repository(obj)
        self._validate(repository)
        tag = await self._choose(obj, repository, fresh=run.requested)
        latest = await self._reference(obj, repository, tag, run.status.latest_ref)
        before, run.status = run.status, digest.reflect(run.status, latest)
        message = ready_message(run.status)
        ready = run.conditions.get(conditions.READY)
        return Outcome(
            message=message,
            requeue_after=_interval(obj.spec),
            changed=run.status.latest_ref != before.latest_ref or ready is None or ready.message != message,
        )

    async def finalize(self, obj: ImagePolicy, run: Run[ImagePolicyStatus]) -> None:  # noqa: ARG002 - the contract
        """Forget the policy; there is nothing else to give back."""
        self._known.pop(Key(obj.metadata.namespace, obj.metadata.name), None)

    async def _repository(self, obj: ImagePolicy) -> ImageRepository:
        """Find the ImageRepository and check that the policy may refer to it."""
        ref = repository_of(obj)
        away = ref.namespace != obj.metadata.namespace
        if away and self._no_cross_namespace_refs:
            raise errors.Retry(ACCESS_DENIED, _referred(access.blocked(ref)))
        repository = self._objects.get(ImageRepository, ref.namespace, ref.name)
        if repository is None:
            cause = f'ImageRepository.{image.GROUP} "{ref.name}" not found'
            message = f"referenced ImageRepository does not exist: {cause}"
            raise errors.Retry(DEPENDENCY_NOT_READY, _referred(message))
        if away and (refusal := await self._denied(ref, repository, obj.metadata.namespace)):
            raise errors.Retry(ACCESS_DENIED, _referred(refusal))
        return repository

    async def _denied(self, ref: Key, repository: ImageRepository, namespace: str) -> str | None:
        if repository.spec.access_from is None:
            return access.missing(ref)
        try:
            labels = (await self._client.get(core.Namespace, "", namespace)).metadata.labels
        except kube_errors.APIError as error:
            return f"access denied: {error.message}"
        return access.denied(ref, repository.spec.access_from, namespace, labels)

    def _validate(self, repository: ImageRepository) -> None:
        """Stall over what is wrong with the ImageRepository itself."""
        try:
            self._image_names(repository.spec.image)
        except ValueError as error:
            raise errors.Stalled("ImageURLInvalid", str(error)) from None
        spec = repository.spec
        if spec.provider != "generic" and spec.service_account_name and not self._object_level_workload_identity:
            raise errors.Stalled("FeatureGateDisabled", _GATE_OFF)

    async def _choose(self, obj: ImagePolicy, repository: ImageRepository, *, fresh: bool) -> str:
        """Return the tag, from memory where neither the tags nor the policy changed."""
        key = Key(obj.metadata.namespace, obj.metadata.name)
        name, scan = repository.status.canonical_image_name, repository.status.last_scan_result
        revision = scan.revision if scan is not None else ""
        known = self._known.get(key)
        if known is not None and not fresh and (known.name, known.revision, known.policy) == (name, revision, obj.spec):
            return known.tag
        self._known.pop(key, None)
        try:
            tag = await self._decide(obj.spec, name)
        except choose.InvalidPolicy as error:
            raise errors.Stalled("InvalidPolicy", str(error)) from None
        except choose.NothingChosen as error:
            raise errors.Retry(FAILURE, str(error)) from None
        if revision:
            self._known[key] = _Known(name, revision, obj.spec, tag)
        return tag

    async def _decide(self, spec: image.ImagePolicySpec, name: str) -> str:
        choose.policer(spec.policy)  # an invalid policy is invalid with no tags, too
        try:
            tags = self._tags.tags(name)
        except OSError as error:
            raise errors.Retry(FAILURE, f"failed to read tags from database: {error}") from error
        if not tags:
            delay = Duration.of(self._requeue_dependency)
            message = f"retrying in {delay} error: no tags in database"
            raise errors.Waiting(DEPENDENCY_NOT_READY, message, after=self._requeue_dependency)
        if len(tags) > (_MANY_FILTERED if spec.filter_tags is not None else _MANY):
            return (await self._limiter.run(choose.choose, spec, tags)).tag
        return choose.choose(spec, tags).tag

    async def _reference(
        self, obj: ImagePolicy, repository: ImageRepository, tag: str, stored: ImageRef | None
    ) -> ImageRef:
        """Make the reference of a tag, with its digest where the policy reflects it."""
        reflection = obj.spec.digest_reflection_policy
        latest = ImageRef(name=repository.spec.image, tag=tag)
        if not digest.is_wanted(reflection, latest, stored):
            return msgspec.structs.replace(latest, digest=digest.kept(reflection, stored))
        try:
            found = await self._digests.digest(repository, tag)
        except errors.ReconcileError as error:
            message = f"failed fetching digest of {latest.name}:{latest.tag}: {error.message}"
            raise errors.Retry(conditions.FAILED, message) from error
        return msgspec.structs.replace(latest, digest=found)


def repository_of(obj: ImagePolicy) -> Key:
    """Return which ImageRepository a policy refers to: in its own namespace where none is given."""
    ref = obj.spec.image_repository_ref
    return Key(ref.namespace or obj.metadata.namespace, ref.name)


def tags_changed(old: ImageRepository | None, new: ImageRepository | None) -> bool:
    """Tell whether an event about an ImageRepository concerns its policies: it came, it went, it has other tags."""
    if old is None or new is None:
        return True
    scan, before = new.status.last_scan_result, old.status.last_scan_result
    return scan is not None and (before is None or before.revision != scan.revision)


def policies_of(repository: ImageRepository, objects: Reader) -> Iterable[Key]:
    """Find the policies that refer to an ImageRepository, in whatever namespace."""
    key = Key(repository.metadata.namespace, repository.metadata.name)
    for policy in objects.list(ImagePolicy):
        if repository_of(policy) == key:
            yield Key(policy.metadata.namespace, policy.metadata.name)


def ready_message(status: ImagePolicyStatus) -> str:
    """Say what was chosen, and what was before where that differs."""
    latest, previous = status.latest_ref, status.observed_previous_ref
    assert latest is not None
    message = f"Latest image tag for {latest.name} resolved to {latest.tag}"
    if latest.digest:
        message += f" with digest {latest.digest}"
    if previous is not None and previous != latest:
        digest_suffix = f"@{previous.digest}" if previous.digest else ""
        message += f" (previously {previous.name}:{previous.tag}{digest_suffix})"
    return message


def _referred(message: str) -> str:
    return f"failed to get the referred ImageRepository: {message}"


def _interval(spec: image.ImagePolicySpec) -> float | None:
    """Return when to look again: only digests that are always asked for need the clock."""
    if spec.digest_reflection_policy != "Always" or spec.interval is None:
        return None
    return spec.interval.seconds or _DEFAULT_INTERVAL
