"""Asks objects to reconcile: which ones a receiver names, and one annotation for a burst of calls.

Answers to notification-controller's annotation of resources. Beyond it calls that come while an object is being
annotated share the next annotation, and a receiver may narrow itself to the repository that the call names.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import structlog

from gotk.api import extensions
from gotk.api.meta import REQUESTED_AT
from gotk.api.notification import Receiver, ReceiverResource
from gotk.bounded import Bounded
from gotk.cel import expression
from gotk.kube import errors
from gotk.oci import name as images
from gotk.runtime.clock import Clock
from image_automation.notification.cel.evaluator import Evaluator
from image_automation.notification.receivers.call import Pushed

FIELD_MANAGER = "notification-controller"
_SOURCES = ("Bucket", "GitRepository", "HelmChart", "HelmRepository", "OCIRepository")
_API_VERSIONS: Mapping[str, str] = {
    **dict.fromkeys(_SOURCES, "source.toolkit.fluxcd.io/v1"),
    "ImageRepository": "image.toolkit.fluxcd.io/v1",
    "ArtifactGenerator": "source.extensions.fluxcd.io/v1beta1",
}
_GAP = 0.1
_REMEMBERED = 1024
_RECENT = 60.0
_TAGS = 20


class WakeError(Exception):
    """An object cannot be asked; the message names it."""


class Objects(Protocol):
    """Objects of any kind."""

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Return one."""
        ...

    async def list_objects(
        self, api_version: str, kind: str, namespace: str = "", *, labels: str = ""
    ) -> list[dict[str, Any]]:
        """Return those with the labels."""
        ...

    async def patch_object(
        self,
        api_version: str,
        kind: str,
        namespace: str,
        name: str,
        patch: Mapping[str, Any],
        *,
        field_manager: str = "",
    ) -> dict[str, Any]:
        """Merge fields into one."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """An object to wake, and the tags that were pushed to it where the receiver is narrowed."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a call says, for CEL and for narrowing."""

    request: Any = field(default_factory=dict)
    claims: Mapping[str, Any] | None = None
    pushed: tuple[Pushed, ...] = ()


class Annotator:
    """Asks the objects of receivers to reconcile."""

    def __init__(self, *, objects: Objects, cel: Evaluator, clock: Clock, cross_namespace: bool) -> None:
        self._objects = objects
        self._cel = cel
        self._clock = clock
        self._cross_namespace = cross_namespace
        self._shared = Shared(clock)
        self._tags: dict[Target, dict[str, float]] = {}
        self._log = structlog.get_logger().bind(logger="receiver")

    async def wake(self, receiver: Receiver, said: Said) -> int:
        """Ask every object that the receiver names and its filters let through; tells how many.

        A resource that cannot be asked does not keep the others from it. Raises WakeError at the end.
        """
        count, problems = 0, []
        for resource in receiver.spec.resources:
            try:
                for target, obj in await self._chosen(receiver, resource, said):
                    tags = _tags(receiver, said, obj) if obj else ()
                    if tags is not None:
                        await self._ask(target, tags)
                        count += 1
            except WakeError as error:
                problems.append(str(error))
        if problems:
            raise WakeError("; ".join(problems))
        return count

    async def _chosen(
        self, receiver: Receiver, resource: ReceiverResource, said: Said
    ) -> list[tuple[Target, dict[str, Any]]]:
        """Return the objects that the filters let through. Raises WakeError where one has no value for an object."""
        found = await self._targets(receiver, resource, said)
        expressions = [each for each in (receiver.spec.resource_filter, resource.filter) if each]
        if not expressions:
            return found
        shared = {"req": said.request} | ({} if said.claims is None else {"claims": said.claims})
        seen = [
            expression.floating({key: obj.get(key) for key in ("apiVersion", "kind", "metadata")}) for _, obj in found
        ]
        try:
            verdicts = await self._cel.passing(receiver.metadata.uid, expressions, shared, seen)
        except expression.EvaluationError as error:
            raise WakeError(str(error)) from error
        for verdict in verdicts:
            if isinstance(verdict, str):
                raise WakeError(verdict)
        return [each for each, passes in zip(found, verdicts, strict=True) if passes]

    async def _targets(
        self, receiver: Receiver, resource: ReceiverResource, said: Said
    ) -> list[tuple[Target, dict[str, Any]]]:
        namespace = resource.namespace or receiver.metadata.namespace
        named = f"{resource.kind}/{namespace}/{resource.name}"
        if not self._cross_namespace and namespace != receiver.metadata.namespace:
            raise WakeError(f"can't access '{named}', cross-namespace references have been blocked")
        version = resource.api_version or _API_VERSIONS.get(resource.kind, "")
        if not version:
            raise WakeError(f'apiVersion must be specified for kind "{resource.kind}"')
        try:
            if resource.name == "*":
                return await self._labelled(version, namespace, resource)
            target = Target(version, resource.kind, namespace, resource.name)
            if not (receiver.spec.resource_filter or resource.filter or (said.pushed and narrows(receiver))):
                return [(target, {})]
            return [(target, await self._objects.get_object(version, resource.kind, namespace, resource.name))]
        except errors.APIError as error:
            raise WakeError(f"unable to read resource '{named}': {error}") from error

    async def _labelled(
        self, version: str, namespace: str, resource: ReceiverResource
    ) -> list[tuple[Target, dict[str, Any]]]:
        if resource.match_labels is None:
            raise WakeError(f"matchLabels field not set when using wildcard '*' as name of kind {resource.kind}")
        labels = ",".join(f"{key}={value}" for key, value in sorted(resource.match_labels.items()))
        found = await self._objects.list_objects(version, resource.kind, namespace, labels=labels)
        if not found:
            self._log.info("no objects have the labels", kind=resource.kind, namespace=namespace, labels=labels)
        return [(Target(version, resource.kind, namespace, obj["metadata"]["name"]), obj) for obj in found]

    async def _ask(self, target: Target, tags: tuple[str, ...]) -> None:
        if tags:
            self._note(target, tags)
        await self._shared.run(target, lambda: self._annotate(target))

    def _note(self, target: Target, tags: tuple[str, ...]) -> None:
        """Keep the tags of the last minute: an annotation that overwrites another one must not lose its tags."""
        now = self._clock.monotonic()
        recent = {tag: at for tag, at in self._tags.get(target, {}).items() if now - at < _RECENT}
        recent.update(dict.fromkeys(tags, now))
        self._tags = {key: value for key, value in self._tags.items() if now - max(value.values()) < _RECENT}
        self._tags[target] = dict(sorted(recent.items(), key=lambda item: item[1])[-_TAGS:])

    async def _annotate(self, target: Target) -> None:
        annotations = {REQUESTED_AT: go_time(self._clock.now(), self._clock.monotonic())}
        if tags := self._tags.get(target):
            annotations[extensions.PUSHED] = ",".join(tags)
        patch = {"metadata": {"annotations": annotations}}
        try:
            await self._objects.patch_object(
                target.api_version, target.kind, target.namespace, target.name, patch, field_manager=FIELD_MANAGER
            )
        except errors.APIError as error:
            raise WakeError(f"unable to annotate resource '{target}': {error}") from error


class Shared:
    """Joins calls for the same thing: those that come while one is at work share the next."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[Target, asyncio.Future[None]] = {}
        self._working: dict[Target, asyncio.Lock] = {}
        self._ended: Bounded[Target, float] = Bounded(_REMEMBERED)

    async def run(self, key: Target, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work, or wait for another caller that is about to do it. Raises what the work raises."""
        if (waiting := self._waiting.get(key)) is not None:
            await asyncio.shield(waiting)
            return
        done = self._waiting[key] = asyncio.get_running_loop().create_future()
        done.add_done_callback(lambda ended: ended.exception())  # looked at, also where nobody waits
        try:
            async with self._working.setdefault(key, asyncio.Lock()):
                await self._clock.sleep(max(0.0, (self._ended.peek(key) or 0.0) + _GAP - self._clock.monotonic()))
                del self._waiting[key]
                await work()
        except BaseException as error:
            done.set_exception(error if isinstance(error, WakeError) else WakeError("interrupted"))
            raise
        else:
            done.set_result(None)
        finally:
            if self._waiting.get(key) is done:
                del self._waiting[key]
            self._end(key)

    def _end(self, key: Target) -> None:
        self._ended.put(key, self._clock.monotonic())
        # Whoever is about to take the lock stands among those that wait.
        if key not in self._waiting and not self._working[key].locked():
            del self._working[key]


def filters(receiver: Receiver) -> bool:
    """Tell whether an expression decides who is woken, so that somebody reads the call's body."""
    return bool(receiver.spec.resource_filter) or any(each.filter for each in receiver.spec.resources)


def narrows(receiver: Receiver) -> bool:
    """Tell whether a call that names a repository wakes only that one."""
    return receiver.metadata.annotations.get(extensions.NARROW) == "true"


def go_time(now: datetime, monotonic: float) -> str:
    """Print a time as Go prints one for people, which is what the annotation holds in Flux."""
    return f"{now:%Y-%m-%d %H:%M:%S.%f} +0000 UTC m=+{monotonic:.9f}"


def _tags(receiver: Receiver, said: Said, obj: dict[str, Any]) -> tuple[str, ...] | None:
    """Return the tags that were pushed to an ImageRepository; None where a narrowed call is about other ones."""
    if obj.get("kind") != "ImageRepository" or not said.pushed or not narrows(receiver):
        return ()
    try:
        image = images.parse(str((obj.get("spec") or {}).get("image", "")))
    except images.InvalidName:
        return None
    whole = str(image)
    path = whole.partition("/")[2]
    tags = (each.tag for each in said.pushed if each.repository in {whole, path} and images.is_tag(each.tag))
    return tuple(dict.fromkeys(tags)) or None
