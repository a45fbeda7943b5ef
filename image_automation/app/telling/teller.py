"""The teller: looks at what the controllers leave behind, and tells what no single one of them could.

It stands beside the reconcilers and writes nothing but its own record. As long as no Alert asks, it looks at nothing.
Of a version that a policy chose it looks at the workloads of each Kustomization and HelmRelease that is ready: once
for each revision, and again while a rollout is under way.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import structlog

from deploy.cluster import inventory, workloads
from deploy.cluster.inventory import Item
from deploy.cluster.workloads import Workload
from gotk.api import extensions
from gotk.api.helm import HelmRelease
from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.api.meta import Object
from gotk.api.notification import Alert
from gotk.bounded import Bounded
from gotk.kube import errors as kube
from gotk.kube.entries import Undecodable
from gotk.runtime import beside, events
from gotk.runtime.clock import Clock, rfc3339
from gotk.runtime.reconciler import Key, Reader
from image_automation import report
from image_automation.app.telling import journey, reached
from image_automation.app.telling.journey import Journey
from image_automation.notification.alerts import wishes
from image_automation.report import Push

O = TypeVar("O", bound=Object)  # noqa: E741 - the object's type

CONTROLLER: Final = "image-automation-controller"
_NOTIFIER: Final = "notification-controller"
_GROUP: Final = "image.toolkit.fluxcd.io"
_MOST_WORKLOADS: Final = 200
_REMEMBERED: Final = 1024
#: Of how many arrivals it is remembered that they were told: of those whose record is written nobody asks again.
_TOLD: Final = 16_384
_AT_ONCE: Final = 4
_TIMEOUT: Final = 10.0
_PACE: Final = 5.0

Applier = Kustomization | HelmRelease


class Client(Protocol):
    """What is needed of the cluster. Raises the errors of `gotk.kube.errors`."""

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """Read an object of any kind."""
        ...

    async def merge_patch(self, kind: type[O], namespace: str, name: str, patch: dict[str, Any]) -> O:
        """Merge fields into an object."""
        ...


@dataclass(frozen=True, slots=True)
class _Seen:
    """An applier as it was looked at: what it had applied, and for which versions it was looked at."""

    state: tuple[str, ...]
    versions: frozenset[str]


class Teller:
    """Tells which version runs where. `appliers` are the kinds that this process has in its caches.

    `learn` takes in what a write of ours has made of a policy. Without `cross_namespace` a policy hears nothing of what
    other namespaces run.
    """

    def __init__(
        self,
        *,
        objects: Reader,
        learn: Callable[[ImagePolicy], None],
        client: Client,
        recorder: events.Recorder,
        clock: Clock,
        appliers: Collection[type[Applier]],
        cross_namespace: bool,
    ) -> None:
        self._objects = objects
        self._learn = learn
        self._client = client
        self._recorder = recorder
        self._clock = clock
        self._appliers = appliers
        self._cross_namespace = cross_namespace
        self._chosen: dict[Key, tuple[str, str]] = {}
        self._seen: dict[str, _Seen] = {}
        self._complained: Bounded[str, str] = Bounded(_REMEMBERED)
        self._told: Bounded[tuple[Key, str, str], bool] = Bounded(_TOLD)
        self._log = structlog.get_logger().bind(logger="telling")

    def beside(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Look for as long as the block lasts. Raises what the block raises."""
        return beside.running(self.run(), "telling")

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await self._clock.sleep(_PACE)
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - a bug in here must not end the service
                self._log.exception("unexpected error, looking on")

    def changed(self, old: ImagePolicy | Undecodable | None, new: ImagePolicy | Undecodable | None) -> None:
        """Note when a policy chose, which its status does not say."""
        if isinstance(old, ImagePolicy) and new is None:
            self._chosen.pop(_key(old), None)
        if not isinstance(old, ImagePolicy) or not isinstance(new, ImagePolicy):
            return
        if new.status.latest_ref is not None and new.status.latest_ref != old.status.latest_ref:
            self._chosen[_key(new)] = (new.status.latest_ref.tag, rfc3339(self._clock.now()))

    async def look(self) -> None:
        """Tell what there is to tell, where an Alert asks."""
        if not self._asked():
            self._seen.clear()
            self._told.clear()
            return
        pushes = list(self._pushes())
        travelling: dict[Key, tuple[ImagePolicy, Journey]] = {}
        for policy in self._objects.list(ImagePolicy):
            mine = [(push, when) for namespace, push, when in pushes if namespace == policy.metadata.namespace]
            now = journey.of(policy, self._since(policy), mine)
            if now is None or not await self._written(policy, now) or now.old:
                continue
            travelling[_key(policy)] = (policy, now)
        for kind in self._appliers:
            for applier in self._objects.list(kind):
                await self._look_at(applier, travelling)

    def _asked(self) -> bool:
        """Tell whether an Alert asks; say once what of an Alert's wish is not known."""
        alerts = [each for each in self._objects.list(Alert) if not each.spec.suspend]
        for alert in alerts:
            complaint = wishes.complaint(alert)
            if complaint and complaint != self._complained.get(alert.metadata.uid):
                about = events.reference(alert.api_version, alert.kind, alert.metadata)
                self._recorder.emit(about, "Warning", "InvalidConfig", complaint, controller=_NOTIFIER)
            self._complained.put(alert.metadata.uid, complaint)
        return any(wishes.REACHED in wishes.of(each) for each in alerts)

    def _pushes(self) -> Iterator[tuple[str, Push, str]]:
        """Yield the last push of each automation, its namespace and when it was."""
        for automation in self._objects.list(ImageUpdateAutomation):
            push, status = report.read(automation.metadata.annotations).push, automation.status
            if push is not None and push.commit == status.last_push_commit:
                yield automation.metadata.namespace, push, status.last_push_time

    def _since(self, policy: ImagePolicy) -> str:
        tag, when = self._chosen.get(_key(policy), ("", ""))
        return when if policy.status.latest_ref is not None and tag == policy.status.latest_ref.tag else ""

    async def _look_at(self, applier: Applier, travelling: dict[Key, tuple[ImagePolicy, Journey]]) -> None:
        name, state = _name(applier), _state(applier)
        wanted = {
            key: each
            for key, each in travelling.items()
            if name not in each[1].reached and (self._cross_namespace or key.namespace == applier.metadata.namespace)
        }
        seen = _Seen(state, frozenset(each.version for _, each in wanted.values()))
        if not wanted or not state or self._seen.get(name) == seen:
            return
        found, under_way = await self._workloads(applier)
        for policy, way in wanted.values():
            ref = policy.status.latest_ref
            assert ref is not None
            what = reached.of(ref, way, name, found, self._clock.now())
            if what is not None:
                under_way |= not await self._tell(policy, way, what)
            else:
                under_way |= any(reached.is_same(image, ref) for each in found for image in each.images)
        if under_way:
            self._seen.pop(name, None)
        else:
            self._seen[name] = seen

    async def _tell(self, policy: ImagePolicy, way: Journey, what: reached.Reached) -> bool:
        """Tell once, and tell whether that is written down; what is not is written the next time, without a word."""
        told = (_key(policy), way.version, what.applier)
        if told not in self._told:
            self._told.put(told, True)
            metadata = events.annotated(policy, {f"{_GROUP}/{key}": text for key, text in what.metadata.items()})
            about = events.reference(policy.api_version, policy.kind, policy.metadata)
            self._recorder.emit(
                about, "Normal", wishes.TAG_REACHED, what.message, controller=CONTROLLER, metadata=metadata
            )
        return await self._written(policy, journey.arrived(way, what.applier))

    async def _written(self, policy: ImagePolicy, now: Journey) -> bool:
        """Write the record where it is new. Tells whether it is written."""
        if journey.read(policy.metadata.annotations) == now:
            return True
        patch = {"metadata": {"annotations": {extensions.JOURNEY: journey.write(now)}}}
        try:
            async with asyncio.timeout(_TIMEOUT):
                self._learn(
                    await self._client.merge_patch(ImagePolicy, policy.metadata.namespace, policy.metadata.name, patch)
                )
        except (kube.APIError, TimeoutError) as error:
            self._log.warning("cannot write how far a version is", policy=str(_key(policy)), error=str(error))
            return False
        return True

    async def _workloads(self, applier: Applier) -> tuple[list[Workload], bool]:
        """Return the workloads of an applier, and whether there is one that could not be looked at."""
        items = [
            each
            for each in inventory.read(applier.status.inventory)
            if (each.id.group, each.id.kind) in workloads.KINDS
        ][:_MOST_WORKLOADS]
        gate = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._workload(item, gate)) for item in items]
        results = [task.result() for task in tasks]
        return [found for found in results if isinstance(found, Workload)], any(found is None for found in results)

    async def _workload(self, item: Item, gate: asyncio.Semaphore) -> Workload | kube.NotFound | None:
        try:
            async with gate, asyncio.timeout(_TIMEOUT):
                obj = await self._client.get_object(item.api_version, item.id.kind, item.id.namespace, item.id.name)
        except kube.NotFound as gone:
            return gone
        except (kube.APIError, TimeoutError) as error:
            self._log.debug("cannot look at a workload", workload=item.id.subject, error=str(error))
            return None
        return workloads.read(obj, self._clock.now())


def _key(policy: ImagePolicy) -> Key:
    return Key(policy.metadata.namespace, policy.metadata.name)


def _name(applier: Applier) -> str:
    return f"{applier.kind}/{applier.metadata.namespace}/{applier.metadata.name}"


def _state(applier: Applier) -> tuple[str, ...]:
    """Return what an applier has brought to this cluster; nothing while it is not ready, or of another cluster."""
    ready = any(each.type == "Ready" and each.status == "True" for each in applier.status.conditions)
    if not ready or applier.spec.kube_config is not None or applier.metadata.deletion_timestamp:
        return ()
    if isinstance(applier, Kustomization):
        return (applier.status.last_applied_revision,)
    return tuple(f"{each.version} {each.config_digest}" for each in applier.status.history[:1])
