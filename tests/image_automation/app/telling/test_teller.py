"""The teller over objects in memory: when it looks, what it tells, and that it tells nothing twice."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from gotk.api import extensions, scheme
from gotk.api.helm import HelmRelease
from gotk.api.image import ImagePolicy
from gotk.api.kustomize import Kustomization
from gotk.kube import errors as kube
from gotk.runtime.events import Event, Recorder
from gotk.runtime.metrics import Metrics
from image_automation.app.telling.teller import Teller
from tests.image_automation.app.telling.test_reached import after, deployment
from tests.image_automation.automating import Store, Waits, policy
from tests.image_automation.notification import scene

KUSTOMIZATION = {
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "kind": "Kustomization",
    "metadata": {"name": "web", "namespace": "apps"},
    "spec": {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "fleet"}},
}
ITEM = {"id": "apps_web_apps_Deployment", "v": "v1"}

TOLD = (
    "image tag '1.1' of 'ghcr.io/o/web' (previously '1.0') runs in Deployment/apps/web by Kustomization/apps/web: "
    "applied after 20s, ready after 30s"
)


class Kept:
    """A sink that keeps every event."""

    name = "kept"

    def __init__(self) -> None:
        self.events: list[Event] = []

    def wants(self, event: Event) -> bool:
        return True

    async def send(self, event: Event) -> None:
        self.events.append(event)


class World:
    """Objects, workloads, and a teller that looks at both. `asked` counts the workloads that were looked at."""

    def __init__(self) -> None:
        self.store = Store(scene.alert(annotations={extensions.TELL: "reached"}), policy("web", "ghcr.io/o/web", "1.0"))
        self.workloads: dict[str, Any] = {"web": deployment("ghcr.io/o/web:1.0")}
        self.asked = 0
        self.refuses: type[kube.APIError] | None = None
        self.clock = Waits()
        self.sink = Kept()
        self.applied("main@sha1:" + "a" * 40)
        self.restarted()

    def restarted(self, **settings: Any) -> None:
        self.recorder = Recorder([self.sink], clock=self.clock, metrics=Metrics(process=False))
        self.teller = Teller(**{
            "objects": self.store, "learn": self.store.put, "client": self, "recorder": self.recorder,
            "clock": self.clock, "appliers": [Kustomization, HelmRelease], "cross_namespace": True, **settings,
        })  # fmt: skip

    async def get_object(self, _version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        self.asked += 1
        if name not in self.workloads:
            raise kube.NotFound(404, "NotFound", f"{kind} {namespace}/{name}")
        return self.workloads[name]

    async def merge_patch(self, kind: type[Any], namespace: str, name: str, patch: Mapping[str, Any]) -> Any:
        if self.refuses is not None:
            raise self.refuses(409, "Conflict", "no")
        obj = self.store.get(kind, namespace, name)
        annotations = {**obj.metadata.annotations, **patch["metadata"]["annotations"]}
        return msgspec.structs.replace(obj, metadata=msgspec.structs.replace(obj.metadata, annotations=annotations))

    def chooses(self, tag: str) -> None:
        old = self.store.get(ImagePolicy, "apps", "web")
        chosen = policy("web", "ghcr.io/o/web", tag)
        status = msgspec.structs.replace(chosen.status, observed_previous_ref=old.status.latest_ref)
        new = msgspec.structs.replace(old, status=status)
        self.store.put(new)
        self.teller.changed(old, new)

    def applied(self, revision: str, *, ready: bool = True, namespace: str = "apps", **spec: Any) -> None:
        condition = {
            "type": "Ready", "status": str(ready), "reason": "x", "message": "", "lastTransitionTime": after(0),
        }  # fmt: skip
        status = {
            "conditions": [condition], "lastAppliedRevision": revision, "inventory": {"entries": [ITEM]},
        }  # fmt: skip
        body = {**KUSTOMIZATION, "spec": {**KUSTOMIZATION["spec"], **spec}, "status": status}  # type: ignore[dict-item]
        body["metadata"] = {"name": "web", "namespace": namespace}
        self.store.put(scheme.convert(body, Kustomization))

    async def look(self) -> list[str]:
        """Look once, and return what was told."""
        before = len(self.sink.events)
        await self.teller.look()
        await flushed(self.recorder)
        return [event.message for event in self.sink.events[before:]]


async def flushed(recorder: Recorder) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(recorder.run())
        await recorder.flush()
        task.cancel()


@pytest.fixture
def world() -> World:
    return World()


async def reaching(world: World) -> list[str]:
    """Choose 1.1, and let it run."""
    await world.look()
    world.chooses("1.1")
    world.workloads["web"] = deployment("ghcr.io/o/web:1.1")
    world.applied("main@sha1:" + "b" * 40)
    return await world.look()


async def test_a_new_version_is_told_once_where_it_runs(world: World):
    assert await reaching(world) == [TOLD]
    event = world.sink.events[0]
    assert (event.reason, event.about.kind, event.severity) == ("TagReached", "ImagePolicy", "Normal")
    assert event.metadata["image.toolkit.fluxcd.io/readyAfterSeconds"] == "30"
    world.applied("main@sha1:" + "c" * 40)
    assert await world.look() == []
    world.restarted()
    assert await world.look() == []


async def test_what_runs_already_when_somebody_begins_to_ask_is_no_news(world: World):
    assert await world.look() == []
    assert world.asked == 0
    world.restarted()
    assert await world.look() == []


async def test_nobody_asks_and_nothing_is_looked_at_or_written(world: World):
    world.store.put(scene.alert())
    assert await reaching(world) == []
    assert (world.asked, world.store.get(ImagePolicy, "apps", "web").metadata.annotations) == (0, {})


async def test_a_rollout_is_looked_at_until_it_has_ended(world: World):
    await world.look()
    world.chooses("1.1")
    world.workloads["web"] = deployment("ghcr.io/o/web:1.1", ready=False)
    world.applied("main@sha1:" + "b" * 40)
    assert (await world.look(), await world.look(), world.asked) == ([], [], 2)
    world.workloads["web"] = deployment("ghcr.io/o/web:1.1")
    assert len(await world.look()) == 1


async def test_what_runs_something_else_is_looked_at_once_for_each_revision(world: World):
    await world.look()
    world.chooses("1.1")
    assert (await world.look(), await world.look(), world.asked) == ([], [], 1)
    world.applied("main@sha1:" + "b" * 40, ready=False)
    assert (await world.look(), world.asked) == ([], 1)


async def test_another_cluster_s_workloads_are_not_looked_at(world: World):
    await world.look()
    world.chooses("1.1")
    world.applied("main@sha1:" + "b" * 40, kubeConfig={"secretRef": {"name": "far"}})
    assert (await world.look(), world.asked) == ([], 0)


async def test_other_namespaces_are_not_told_of_where_references_may_not_cross(world: World):
    world.restarted(cross_namespace=False)
    world.store.remove(Kustomization, "apps", "web")
    world.applied("main@sha1:" + "a" * 40, namespace="other")
    assert await reaching_in(world, "other") == []


async def reaching_in(world: World, namespace: str) -> list[str]:
    await world.look()
    world.chooses("1.1")
    world.workloads["web"] = deployment("ghcr.io/o/web:1.1")
    world.applied("main@sha1:" + "b" * 40, namespace=namespace)
    return await world.look()


async def test_a_record_that_cannot_be_written_is_written_later_and_told_once(world: World):
    await world.look()
    world.chooses("1.1")
    await world.look()
    world.workloads["web"] = deployment("ghcr.io/o/web:1.1")
    world.applied("main@sha1:" + "b" * 40)
    world.refuses = kube.Conflict
    assert len(await world.look()) == 1
    world.refuses = None
    assert await world.look() == []
    assert (
        "Kustomization/apps/web" in world.store.get(ImagePolicy, "apps", "web").metadata.annotations[extensions.JOURNEY]
    )


async def test_a_wish_that_is_not_known_is_told_on_the_alert_once(world: World):
    world.store.put(scene.alert("other", annotations={extensions.TELL: "everything"}))
    assert await world.look() == ["image-automation.dev/tell: expected pending or reached, not 'everything'"]
    assert await world.look() == []
    event = world.sink.events[0]
    assert (event.about.kind, event.about.name, event.reason) == ("Alert", "other", "InvalidConfig")


async def test_a_workload_that_is_gone_is_no_reason_to_wait(world: World):
    await world.look()
    world.chooses("1.1")
    world.workloads.clear()
    assert (await world.look(), await world.look(), world.asked) == ([], [], 1)
