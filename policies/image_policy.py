"""ImagePolicy: chooses one tag of an ImageRepository and writes it down.

Answers to the ImagePolicy controller of Flux's image-reflector-controller; reasons and messages are its. It runs when
the policy changes, when its ImageRepository comes or goes, and when a scan finds other tags; by the clock only with
`digestReflectionPolicy: Always`, when a tag that was too young comes of age, and when a pin ends. A failure keeps the
last good `status.latestRef`.

Beyond Flux: a choice is made from the list that the ImageRepository's status speaks of, or not at all; and before
another choice is written, that status is read from the API once more. With the precondition of status writes this
means that no choice from older tags replaces one from newer ones, whoever made it (ADR 0060).
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from gotk.api import core, extensions, image
from gotk.api.image import ImagePolicy, ImagePolicyStatus, ImageRef, ImageRepository
from gotk.duration import Duration
from gotk.kube import errors as kube_errors
from gotk.kube.ports import Getter
from gotk.runtime import conditions, errors
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import rfc3339
from gotk.runtime.reconciler import Key, Outcome, Reader, Run, Watch
from policies import acl, age, choose, digest, pin
from policies.age import Ageing, Decision
from policies.chooser import Chooser, NoTags, Question
from policies.ports import DigestResolver, Generation, ImageNames, TagStore
from policies.wakes import Followers, repository_of

FAILURE = "Failure"
INVALID_ANNOTATION = "InvalidAnnotation"
ACCESS_DENIED = "AccessDenied"
DEPENDENCY_NOT_READY = "DependencyNotReady"

_INTERVAL_MISSING = "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'"
_GATE_OFF = (
    "to use spec.serviceAccountName in the ImageRepository for provider authentication please enable "
    "the ObjectLevelWorkloadIdentity feature gate in the controller"
)
_DEFAULT_INTERVAL = 600.0
#: How often the tags are chosen from again where the digest of the one chosen turns out to be too young.
_TRIES = 3
_SOONEST = 1.0


@dataclass(frozen=True, slots=True)
class _Found:
    """The reference to write down, and the better one that is too young."""

    latest: ImageRef
    ageing: Ageing | None = None
    again: datetime | None = None


class ImagePolicyReconciler:
    """Brings `status.latestRef` of every ImagePolicy up to date."""

    kind = ImagePolicy
    controller = "image-reflector-controller"
    rules = conditions.Rules(keeps_false=True)
    unsupported: Sequence[str] = ()

    def __init__(
        self,
        *,
        objects: Reader,
        client: Getter,
        tags: TagStore,
        digests: DigestResolver,
        image_names: ImageNames,
        limiter: Limiter,
        no_cross_namespace_refs: bool,
        object_level_workload_identity: bool,
        requeue_dependency: float,
    ) -> None:
        self._objects = objects
        self._client = client
        self._tags = tags
        self._digests = digests
        self._image_names = image_names
        self._chooser = Chooser(tags=tags, limiter=limiter)
        self._no_cross_namespace_refs = no_cross_namespace_refs
        self._object_level_workload_identity = object_level_workload_identity
        self._requeue_dependency = requeue_dependency
        self.watches: Sequence[Watch[Any]] = Followers().watches

    async def reconcile(self, obj: ImagePolicy, run: Run[ImagePolicyStatus]) -> Outcome:
        """Choose a tag, ask for its digest where wanted, and write both down."""
        if obj.spec.digest_reflection_policy == "Always" and obj.spec.interval is None:
            raise errors.Stalled("IntervalNotConfigured", _INTERVAL_MISSING)
        try:
            minimum = age.wanted(obj.metadata.annotations)
            pinned = pin.wanted(obj.metadata.annotations, run.now())
        except ValueError as error:
            raise errors.Stalled(INVALID_ANNOTATION, str(error)) from None
        repository = await self._repository(obj)
        self._validate(repository)
        stored, name = run.status.latest_ref, repository.status.canonical_image_name
        basis = self._basis(repository)
        if basis is None:
            return self._kept(obj, repository, run)
        question = Question(
            name=name,
            policy=obj.spec,
            minimum=minimum and age.wanted(obj.metadata.annotations, repository.spec.image),
            present=stored.tag if stored is not None and stored.name == repository.spec.image else "",
            now=run.now(),
            pin=pinned,
            fresh=run.requested,
        )
        try:
            found = await self._find(obj, repository, question, stored)
        except NoTags:
            raise self._no_tags() from None
        await self._watch_over(found, repository, question, run)
        before, after = run.status, digest.reflect(run.status, found.latest)
        if after.latest_ref != before.latest_ref:
            await self._confirm(repository, basis)
        run.status = after  # only now: a run that fails is saved, too
        message = ready_message(run.status) + (f"; {pinned}" if pinned else "")
        if found.ageing is not None:
            message += f"; {found.ageing.message(question.now)}"
        ready = run.conditions.get(conditions.READY)
        return Outcome(
            message=message,
            requeue_after=_again(obj.spec, (found.again, _end(question)), question.now),
            changed=run.status.latest_ref != before.latest_ref or ready is None or _news(ready.message, message),
            metadata=_metadata(found.ageing),
        )

    async def finalize(self, obj: ImagePolicy, run: Run[ImagePolicyStatus]) -> None:  # noqa: ARG002 - the contract
        """Forget the policy; there is nothing else to give back."""
        self._chooser.forget(Key(obj.metadata.namespace, obj.metadata.name))

    async def _repository(self, obj: ImagePolicy) -> ImageRepository:
        """Find the ImageRepository and check that the policy may refer to it."""
        ref = repository_of(obj)
        away = ref.namespace != obj.metadata.namespace
        if away and self._no_cross_namespace_refs:
            raise errors.Retry(ACCESS_DENIED, _referred(acl.blocked(ref)))
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
            return acl.missing(ref)
        try:
            labels = (await self._client.get(core.Namespace, "", namespace)).metadata.labels
        except kube_errors.APIError as error:
            return f"access denied: {error.message}"
        return acl.denied(ref, repository.spec.access_from, namespace, labels)

    def _validate(self, repository: ImageRepository) -> None:
        """Stall over what is wrong with the ImageRepository itself."""
        try:
            self._image_names(repository.spec.image)
        except ValueError as error:
            raise errors.Stalled("ImageURLInvalid", str(error)) from None
        spec = repository.spec
        if spec.provider != "generic" and spec.service_account_name and not self._object_level_workload_identity:
            raise errors.Stalled("FeatureGateDisabled", _GATE_OFF)

    def _basis(self, repository: ImageRepository) -> Generation | None:
        """Return what is known of the list to choose from; None where it is older than what the status speaks of."""
        try:
            known = self._tags.generation(repository.status.canonical_image_name)
            return known if self._tags.is_current(repository, self._objects) else None
        except OSError as error:
            raise errors.Retry(FAILURE, f"failed to read tags from database: {error}") from error

    def _kept(self, obj: ImagePolicy, repository: ImageRepository, run: Run[ImagePolicyStatus]) -> Outcome:
        """Leave a choice that stands as it is until the tags have been read again; say so where there is none."""
        ready = run.conditions.get(conditions.READY)
        if ready and ready.status == "True" and run.status.observed_generation == obj.metadata.generation:
            return Outcome(message=ready.message, requeue_after=self._requeue_dependency)
        try:
            tags = self._tags.tags(repository.status.canonical_image_name)
        except OSError as error:
            raise errors.Retry(FAILURE, f"failed to read tags from database: {error}") from error
        if not tags:
            raise self._no_tags()
        what = (
            f"the tags in the database are not those of the last scan of ImageRepository '{repository.metadata.name}'"
        )
        follows = "it is suspended: resume it, so that it scans again" if repository.spec.suspend else "it scans again"
        raise errors.Waiting(DEPENDENCY_NOT_READY, f"{what}; {follows}")

    def _no_tags(self) -> errors.Retry:
        message = f"retrying in {Duration.of(self._requeue_dependency)} error: no tags in database"
        return errors.Retry(DEPENDENCY_NOT_READY, message, after=self._requeue_dependency)

    async def _confirm(self, repository: ImageRepository, basis: Generation) -> None:
        """See that the list that was chosen from is the newest still. Raises Conflict where it is not."""
        metadata, name = repository.metadata, repository.status.canonical_image_name
        live = await self._client.get(ImageRepository, metadata.namespace, metadata.name)
        now = self._basis(live)
        if now is None or now.serial != basis.serial or live.status.canonical_image_name != name:
            raise errors.Conflict(f"ImageRepository '{metadata.name}' was scanned again meanwhile")

    async def _find(
        self, obj: ImagePolicy, repository: ImageRepository, question: Question, stored: ImageRef | None
    ) -> _Found:
        """Choose a tag, and another one where the digest behind it has only just changed."""
        for _ in range(_TRIES):
            decision = await self._choose(obj, question)
            latest = await self._reference(obj, repository, decision.tag, stored)
            moved = self._moved(question, latest)
            if moved is None:
                return _Found(latest, decision.ageing, decision.again)
            if stored is not None and stored.digest and stored.tag == latest.tag:
                return _Found(stored, moved, moved.eligible)
            question = dataclasses.replace(question, fresh=True)
        raise errors.Retry(FAILURE, f"the digests of {question.name} keep changing")

    async def _choose(self, obj: ImagePolicy, question: Question) -> Decision:
        """Return the decision, with everything that prevents one as an error for the runtime."""
        try:
            choose.policer(obj.spec.policy)  # an invalid policy is invalid with no tags, too
            return await self._chooser.decide(Key(obj.metadata.namespace, obj.metadata.name), question)
        except choose.InvalidPolicy as error:
            raise errors.Stalled("InvalidPolicy", str(error)) from None
        except choose.NothingChosen as error:
            raise errors.Retry(FAILURE, str(error), after=_left(question.now, _end(question))) from None
        except age.NoneOldEnough as error:
            delay = _left(question.now, error.again, _end(question))
            message = f"no tag is old enough: {error.ageing.message(question.now)}"
            raise errors.Waiting(age.TOO_YOUNG, message, after=delay) from None
        except OSError as error:
            raise errors.Retry(FAILURE, f"failed to read tags from database: {error}") from error

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

    def _moved(self, question: Question, latest: ImageRef) -> Ageing | None:
        """Remember the digest; say until when it is too young, where it was another one not long ago."""
        if not latest.digest:
            return None
        try:
            since = self._tags.witness(question.name, latest.tag, latest.digest, question.now)
        except OSError as error:
            raise errors.Retry(FAILURE, f"failed to read tags from database: {error}") from error
        if since is None or question.minimum is None or since + question.minimum.age <= question.now:
            return None
        return Ageing(f"{latest.tag}@{latest.digest[:19]}", since + question.minimum.age)

    async def _watch_over(
        self, found: _Found, repository: ImageRepository, question: Question, run: Run[ImagePolicyStatus]
    ) -> None:
        """Remember the digest of the tag that is coming of age, so that moving it starts its time again."""
        if found.ageing is None or question.policy.digest_reflection_policy == "Never" or "@" in found.ageing.tag:
            return
        try:
            seen = await self._digests.digest(repository, found.ageing.tag)
            self._tags.witness(question.name, found.ageing.tag, seen, question.now)
        except (errors.ReconcileError, OSError) as error:
            run.log.info("the digest of a tag that is too young is not known", tag=found.ageing.tag, error=str(error))


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


def _again(spec: image.ImagePolicySpec, moments: Iterable[datetime | None], now: datetime) -> float | None:
    """Return when to look again: digests that are always asked for need the clock, tags that come of age, and pins."""
    delays = [_left(now, *moments)]
    if spec.digest_reflection_policy == "Always" and spec.interval is not None:
        delays.append(spec.interval.seconds or _DEFAULT_INTERVAL)
    return min(filter(None, delays), default=None)


def _left(now: datetime, *moments: datetime | None) -> float | None:
    """Return how long it is to the first of some moments."""
    return min((max((each - now).total_seconds(), _SOONEST) for each in moments if each is not None), default=None)


def _end(question: Question) -> datetime | None:
    """Return when the pin ends."""
    return question.pin.until if question.pin is not None else None


def _news(said: str, message: str) -> bool:
    """Tell whether a message says more than that less time is left."""
    return said.partition(": eligible in ")[0] != message.partition(": eligible in ")[0]


def _metadata(ageing: Ageing | None) -> dict[str, str]:
    """Tell receivers of the event what is coming."""
    if ageing is None:
        return {}
    return {
        extensions.PREFIX + "ageing": ageing.tag,
        extensions.PREFIX + "eligible": rfc3339(ageing.eligible),
    }
