"""The runtime over our own control plane, through the real client: sockets, TLS, discovery, real time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from deploy import crds
from gotk.api.image import ImageRepository, ScanResult
from gotk.apiserver import ControlPlane
from gotk.kube import config, errors
from gotk.kube.cache import Caches
from gotk.kube.client import Client
from gotk.runtime.clock import SystemClock
from gotk.runtime.event_sinks import KubernetesEvents
from gotk.runtime.events import Recorder
from gotk.runtime.manager import Manager
from gotk.runtime.metrics import Metrics
from gotk.runtime.reconciler import Key, Outcome, Watch
from tests.gotk.runtime.managed import Scripted, policies, repositories
from tests.memory_cluster import image_policy, image_repository


@asynccontextmanager
async def managing(plane: ControlPlane, *reconcilers: Scripted) -> AsyncIterator[Client]:
    settings = await config.from_kubeconfig([plane.kubeconfig])
    async with Client(settings) as client:
        clock, metrics, stop = SystemClock(), Metrics(process=False), asyncio.Event()
        recorder = Recorder([KubernetesEvents(client=client, clock=clock)], clock=clock, metrics=metrics)
        manager = Manager(
            client=client,
            caches=Caches(client, clock=clock),
            reconcilers=reconcilers,
            recorder=recorder,
            metrics=metrics,
            clock=clock,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(manager.run(stop))
            yield client
            stop.set()


@asynccontextmanager
async def running(directory: Path, *reconcilers: Scripted) -> AsyncIterator[Client]:
    async with ControlPlane(directory, crds=crds.load()) as plane, managing(plane, *reconcilers) as client:
        yield client


async def until(check: Callable[[], Any], *, tries: int = 1000) -> Any:
    """Ask the server until the answer is true."""
    for _ in range(tries):
        if value := await check():
            return value
        await asyncio.sleep(0.02)
    raise AssertionError("it never came true")


async def ready(client: Client, kind: str, name: str) -> tuple[str, str] | None:
    try:
        obj = await client.get_object("image.toolkit.fluxcd.io/v1", kind, "default", name)
    except errors.NotFound:
        return None
    found = {c["type"]: (c["status"], c["reason"]) for c in obj.get("status", {}).get("conditions", [])}
    return found.get("Ready") if "Reconciling" not in found else None


async def test_two_kinds_a_panic_and_an_undecodable_object_over_the_wire(tmp_path: Path) -> None:
    def revision(obj: ImageRepository | None) -> str:
        return obj.status.last_scan_result.revision if obj and obj.status.last_scan_result else ""

    async def scan(obj: Any, run: Any) -> Outcome:
        run.update(last_scan_result=ScanResult(tag_count=1, revision=obj.spec.image))
        return Outcome(message=f"scanned {obj.spec.image}", requeue_after=600, changed=True)

    async def choose(obj: Any, run: Any) -> Outcome:
        if obj.metadata.name == "panics":
            raise ZeroDivisionError("a bug")
        return Outcome(message="chosen")

    watch = Watch(
        kind=ImageRepository,
        changed=lambda old, new: revision(old) != revision(new),
        requests=lambda obj, reader: [Key("default", obj.metadata.name)],
    )
    chooser = policies(choose, watches=[watch])
    async with running(tmp_path, repositories(scan), chooser) as client:
        for name in ("app", "other"):
            await client.create_object(image_repository(name))
            await client.create_object(image_policy(name))
        await client.create_object(image_policy("panics"))
        await client.create_object(image_repository("undecodable", interval="99999999999h"))
        for kind, name in (("ImageRepository", "app"), ("ImageRepository", "other"), ("ImagePolicy", "app")):
            assert await until(lambda k=kind, n=name: ready(client, k, n)) == ("True", "Succeeded")
        assert await until(lambda: ready(client, "ImageRepository", "undecodable")) == ("False", "InvalidObject")

        before = len(chooser.times("app"))
        await client.merge_patch(ImageRepository, "default", "app", {"spec": {"image": "example.com/new"}})

        async def woken() -> bool:
            return len(chooser.times("app")) > before

        await until(woken)
        scanned = await client.get(ImageRepository, "default", "app")
        assert scanned.status.observed_generation == scanned.metadata.generation == 2
        assert scanned.metadata.finalizers == ("finalizers.fluxcd.io",)

        await client.delete_object("image.toolkit.fluxcd.io/v1", "ImageRepository", "default", "other")

        async def gone() -> bool:
            return await ready(client, "ImageRepository", "other") is None

        await until(gone)

        async def told() -> set[str]:
            events = await client.list_objects("v1", "Event", "default")
            messages = {str(event["message"]) for event in events}
            return messages if {"scanned example.com/new", "ZeroDivisionError: a bug"} <= messages else set()

        assert await until(told)


async def test_work_goes_on_after_the_server_was_away(tmp_path: Path) -> None:
    async def scan(obj: Any, run: Any) -> Outcome:
        return Outcome(message=f"scanned {obj.spec.image}", requeue_after=600)

    async with contextlib.AsyncExitStack() as stack:
        async with ControlPlane(tmp_path, crds=crds.load()) as plane:
            port = int(plane.url.rpartition(":")[2])
            client = await stack.enter_async_context(managing(plane, repositories(scan)))
            await client.create_object(image_repository("before"))
            await until(lambda: ready(client, "ImageRepository", "before"))
        stack.push_async_exit(await _entered(ControlPlane(tmp_path, port=port, crds=crds.load())))
        await client.create_object(image_repository("after"))
        assert await until(lambda: ready(client, "ImageRepository", "after")) == ("True", "Succeeded")


async def _entered(plane: ControlPlane) -> ControlPlane:
    return await plane.__aenter__()
