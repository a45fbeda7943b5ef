"""A revision of which nothing came is known here at once, and to the server later."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from deploy.kustomize import history
from gotk.api.kustomize import Kustomization, KustomizationStatus
from gotk.api.source import GitRepository
from gotk.runtime.conditions import Rules
from gotk.runtime.reconciler import Key, Outcome, Watch
from gotk.runtime.settings import Settings
from tests.gotk.runtime.managed import Scripted, World, managed
from tests.memory_cluster import MemoryCluster
from tests.virtual_clock import in_virtual_time

HELD = Settings(hold_revision=300.0)
SOURCE = {
    "apiVersion": "source.toolkit.fluxcd.io/v1",
    "kind": "GitRepository",
    "metadata": {"name": "src", "namespace": "default"},
    "spec": {"url": "https://example.com/x", "interval": "1h"},
}
APP = {
    "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
    "kind": "Kustomization",
    "metadata": {"name": "app", "namespace": "default"},
    "spec": {"interval": "1h", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "src"}},
}
READY = ("True", "ReconciliationSucceeded")


class Follower(Scripted):
    """Records whatever revision there is, and what its objects were seen to have applied by those who watch them."""

    def __init__(self) -> None:
        self.revision = "main@sha1:1"
        self.awaited = False
        self.fields: dict[str, Any] = {}
        self.during: Callable[[], Awaitable[None]] | None = None
        self.seen: list[str] = []
        watches = (
            Watch(kind=GitRepository, changed=lambda *_: True, requests=lambda *_: [Key("default", "app")]),
            Watch(kind=Kustomization, changed=self.see, requests=lambda *_: ()),
        )
        rules = Rules(success_reason=READY[1], unknown_while_running=True)
        super().__init__(Kustomization, self.record, rules=rules, watches=watches)

    def see(self, _: Kustomization | None, new: Kustomization | None) -> bool:
        if new is not None and new.status.last_applied_revision not in self.seen[-1:]:
            self.seen.append(new.status.last_applied_revision)
        return False

    async def record(self, obj: Any, run: Any) -> Outcome:
        if self.during is not None:
            await self.during()
        run.update(last_applied_revision=self.revision, last_attempted_revision=self.revision, **self.fields)
        return Outcome(message=f"Applied revision: {self.revision}", requeue_after=3600)

    def without_revision(self, status: KustomizationStatus) -> KustomizationStatus:
        conditions = history.without_revision(status.conditions)
        return msgspec.structs.replace(
            status, last_applied_revision="", last_attempted_revision="", conditions=conditions
        )

    def is_awaited(self, _: Any) -> bool:
        return self.awaited


class Told:
    """A Kustomization that follows a source."""

    def __init__(self, world: World, cluster: MemoryCluster, follower: Follower) -> None:
        self.world = world
        self.cluster = cluster
        self.follower = follower

    async def commit(self, revision: str) -> None:
        """Let the source have another revision, of which nothing comes."""
        self.follower.revision = revision
        self.cluster.change("GitRepository", "default", "src", {"status": {"observedGeneration": len(revision)}})
        self.cluster.change("GitRepository", "default", "src", {"metadata": {"labels": {"of": revision[-1]}}})
        await asyncio.sleep(1)

    @property
    def status(self) -> Mapping[str, Any]:
        """What the server has."""
        return self.world.status("Kustomization")

    @property
    def applied(self) -> str:
        """The revision that the server says was applied, where its condition agrees."""
        revision: str = self.status["lastAppliedRevision"]
        assert self.world.ready("Kustomization") == (*READY, f"Applied revision: {revision}")
        return revision


@asynccontextmanager
async def told(settings: Settings = HELD) -> AsyncIterator[Told]:
    cluster, follower = MemoryCluster(), Follower()
    cluster.put(SOURCE)
    cluster.put(APP)
    async with managed(cluster, follower, settings=settings) as world:
        await asyncio.sleep(1)
        yield Told(world, cluster, follower)


@in_virtual_time
async def test_it_is_written_at_once_where_nothing_is_held_back() -> None:
    async with told(Settings()) as it:
        await it.commit("main@sha1:2")
        assert it.applied == "main@sha1:2"


@in_virtual_time
async def test_it_is_known_here_at_once_and_written_within_the_time() -> None:
    async with told() as it:
        before = len(it.cluster.patches)
        for revision in ("main@sha1:2", "main@sha1:3"):
            await it.commit(revision)
            assert (it.applied, it.follower.seen[-1]) == ("main@sha1:1", revision)
        assert it.world.sink.told()[-1][2] == "Applied revision: main@sha1:3"
        await asyncio.sleep(140)
        assert it.applied == "main@sha1:1"
        await asyncio.sleep(160)
        assert it.applied == "main@sha1:3"
        assert len(it.cluster.patches) == before + 1


@in_virtual_time
async def test_who_is_waited_for_is_written_at_once() -> None:
    async with told() as it:
        it.follower.awaited = True
        await it.commit("main@sha1:2")
        assert it.applied == "main@sha1:2"


@in_virtual_time
async def test_a_request_writes_what_is_held_back() -> None:
    async with told() as it:
        await it.commit("main@sha1:2")
        asked = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}}
        it.cluster.change("Kustomization", "default", "app", asked)
        await asyncio.sleep(1)
        assert (it.applied, it.status["lastHandledReconcileAt"]) == ("main@sha1:2", "now")


@in_virtual_time
async def test_whatever_else_changes_writes_it() -> None:
    async with told() as it:
        await it.commit("main@sha1:2")
        it.follower.fields = {"last_applied_origin_revision": "other"}
        await it.commit("main@sha1:3")
        assert it.applied == "main@sha1:3"


@in_virtual_time
async def test_it_is_written_at_a_stop() -> None:
    async with told() as it:
        await it.commit("main@sha1:2")
        assert it.applied == "main@sha1:1"
    assert it.applied == "main@sha1:2"


@in_virtual_time
async def test_an_object_that_somebody_else_writes_tells_the_truth_again() -> None:
    async with told() as it:
        await it.commit("main@sha1:2")
        it.cluster.change("Kustomization", "default", "app", {"metadata": {"labels": {"a": "b"}}})
        await asyncio.sleep(1)
        assert it.follower.seen[-1] == "main@sha1:2"
        await asyncio.sleep(300)
        assert it.applied == "main@sha1:2"


@in_virtual_time
async def test_an_object_that_is_suspended_says_what_was_applied() -> None:
    async with told() as it:
        await it.commit("main@sha1:2")
        it.cluster.change("Kustomization", "default", "app", {"spec": {"suspend": True}})
        await asyncio.sleep(1)
        assert it.applied == "main@sha1:2"


@in_virtual_time
async def test_an_object_that_somebody_else_writes_during_a_run_is_looked_at_again() -> None:
    async with told() as it:

        async def label() -> None:
            it.follower.during = None
            it.cluster.change("Kustomization", "default", "app", {"metadata": {"labels": {"a": "b"}}})
            await asyncio.sleep(1)

        it.follower.during = label
        await it.commit("main@sha1:2")
        await asyncio.sleep(2)
        assert it.follower.seen[-1] == "main@sha1:2"
    assert it.applied == "main@sha1:2"


@in_virtual_time
async def test_it_is_written_at_a_stop_that_a_long_run_outlasts() -> None:
    async with told() as it:
        await it.commit("main@sha1:2")
        it.follower.during = lambda: asyncio.sleep(3600)
        for number in range(HELD.workers):
            it.cluster.put({**APP, "metadata": {"name": f"slow-{number}", "namespace": "default"}})
        await asyncio.sleep(1)
    assert it.applied == "main@sha1:2"
