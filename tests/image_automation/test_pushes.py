"""Whatever was pushed is told: whichever write after it fails, and wherever the process dies."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from gotk.api import scheme
from gotk.api.image import ImageUpdateAutomation
from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects.seed import seed
from gotk.kube import errors as kube
from gotk.runtime.errors import Conflict
from gotk.runtime.events import Recorder
from gotk.runtime.metrics import Metrics
from gotk.runtime.reconciler import Woken
from gotk.runtime.reconciliation import FINALIZER, Reconciliation
from gotk.runtime.settings import Settings
from image_automation import report
from image_automation.cli import reports
from tests.gotk.runtime.managed import Collected
from tests.image_automation.automating import Client, Store, World, automation, policy
from tests.memory_cluster import Identity, MemoryCluster
from tests.running import run_once

BUSY = [
    pytest.param(kube.APIError(429, "TooManyRequests", "too many requests"), id="429"),
    pytest.param(kube.APIError(503, "ServiceUnavailable", "try again later"), id="503"),
    pytest.param(kube.Conflict(409, "Conflict", "the object has been modified"), id="409"),
    pytest.param(kube.Unreachable(0, "", "connection refused"), id="gone"),
]


class Cluster(MemoryCluster):
    """A cluster that refuses what tells of a push, as long as a test wants."""

    refusal: Exception | None = None

    async def _patch(self, identity: Identity, patch: Any, subresource: str) -> dict[str, Any]:
        if self.refusal is not None and "lastPushCommit" in patch.get("status", {}):
            raise self.refusal
        return await super()._patch(identity, patch, subresource)

    @property
    def obj(self) -> dict[str, Any]:
        return self.objects["ImageUpdateAutomation", "apps", "auto"]

    @property
    def recorded(self) -> report.Push | None:
        return report.read(self.obj["metadata"].get("annotations", {})).push


class Learning:
    """The part of a watch cache that takes in what a write led to: the test reads from the cluster."""

    def get(self, namespace: str, name: str) -> Any:
        """Nothing is here."""

    def entry(self, namespace: str, name: str) -> Any:
        """Nothing is here."""

    def learn(self, obj: Any, *, tell: bool = False) -> None:
        """Nobody is told."""


class Service:
    """The controller of one process, and what it has told."""

    def __init__(self, world: World, cluster: Cluster) -> None:
        self.cluster = cluster
        self.sink = Collected()
        self.recorder = Recorder([self.sink], clock=world.clock, metrics=Metrics(process=False))
        learning: Any = Learning()
        self.reconciliation = Reconciliation(
            world.restarted(),
            cache=learning,
            client=cluster,
            recorder=self.recorder,
            metrics=Metrics(process=False),
            clock=world.clock,
            settings=Settings(),
        )

    async def turn(self) -> None:
        """Take one turn of the automation, as the controller does."""
        entry = await self.cluster.get(ImageUpdateAutomation, "apps", "auto")
        with contextlib.suppress(kube.APIError):
            await self.reconciliation.handle(entry, structlog.get_logger(), Woken())
        await self.recorder.flush()

    @property
    def pushes(self) -> list[str]:
        """What was told of pushes, in short."""
        return [event.message.partition("\n")[0] for event in self.sink.events if "pushed" in event.message]


@contextlib.asynccontextmanager
async def started(world: World, cluster: Cluster) -> AsyncIterator[Service]:
    service = Service(world, cluster)
    async with asyncio.TaskGroup() as group:
        delivering = group.create_task(service.recorder.run())
        yield service
        delivering.cancel()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.limiter.close()


@pytest.fixture
def cluster() -> Cluster:
    made = Cluster()
    obj = scheme.to_builtins(automation())
    obj["metadata"] |= {"finalizers": [FINALIZER]}
    made.put(obj | {"status": {"observedGeneration": 1}})
    return made


def said(world: World, commit: str = "") -> str:
    return f"pushed commit '{(commit or world.head())[:7]}' to branch 'main'"


async def test_a_push_costs_a_record_before_it_and_a_status_after_it(world: World, cluster: Cluster) -> None:
    async with started(world, cluster) as service:
        await service.turn()
    assert [subresource for _, subresource, _ in cluster.patches] == ["", "status"]
    assert service.pushes == [said(world)]
    assert cluster.obj["status"]["lastPushCommit"] == world.head()
    assert cluster.recorded
    assert cluster.recorded.commit == world.head()


@pytest.mark.parametrize("refusal", BUSY)
async def test_a_push_whose_status_cannot_be_written_is_told_once_and_settled_later(
    world: World, cluster: Cluster, refusal: Exception
) -> None:
    cluster.refusal = refusal
    async with started(world, cluster) as service:
        for _ in range(2):
            await service.turn()
            assert "lastPushCommit" not in cluster.obj["status"]
        assert service.pushes == [said(world)]
        cluster.refusal = None
        await service.turn()
        await service.turn()
    assert service.pushes == [said(world)]
    status = cluster.obj["status"]
    assert (status["lastPushCommit"], status["lastPushTime"]) == (world.head(), "2026-01-01T12:00:00Z")
    assert cluster.conditions("ImageUpdateAutomation", "apps", "auto")["Ready"]["status"] == "True"
    assert len(world.commits()) == 2


async def test_a_push_whose_status_was_never_written_is_told_again_after_a_restart(
    world: World, cluster: Cluster
) -> None:
    cluster.refusal = kube.APIError(503, "ServiceUnavailable", "try again later")
    async with started(world, cluster) as before:
        await before.turn()
    cluster.refusal = None
    async with started(world, cluster) as after:
        await after.turn()
        await after.turn()
    assert before.pushes == after.pushes == [said(world)]
    assert cluster.obj["status"]["lastPushCommit"] == world.head()


class Dying(Mirrors):
    """Mirrors of a process that is killed at its push: right before it, or right after it."""

    after = True

    def open(self, *arguments: Any, **options: Any) -> Any:
        opened = super().open(*arguments, **options)
        push, after = opened.push, self.after

        def dies(*given: Any, **named: Any) -> None:
            if after:
                push(*given, **named)
            raise KeyboardInterrupt

        opened.push = dies  # type: ignore[method-assign]
        return opened


async def killed(world: World, cluster: Cluster, *, after: bool = True) -> None:
    world.repositories = Dying(world.folder / "mirrors")
    world.repositories.after = after
    service = Service(world, cluster)
    entry = await cluster.get(ImageUpdateAutomation, "apps", "auto")
    with pytest.raises(KeyboardInterrupt):
        await service.reconciliation.handle(entry, structlog.get_logger(), Woken())
    world.repositories = Mirrors(world.folder / "mirrors")


@pytest.mark.parametrize("folder", ["mirrors", "other"], ids=["with its mirrors", "on another machine"])
async def test_a_process_that_is_killed_right_after_its_push_tells_when_it_is_back(
    world: World, cluster: Cluster, folder: str
) -> None:
    await killed(world, cluster)
    assert len(world.commits()) == 2
    assert "lastPushCommit" not in cluster.obj["status"]
    world.repositories = Mirrors(world.folder / folder)
    async with started(world, cluster) as service:
        await service.turn()
        await service.turn()
    assert service.pushes == [said(world)]
    assert service.sink.events[0].message.partition("\n")[2].startswith("Update from image update automation\n\nweb\n")
    status = cluster.obj["status"]
    assert (status["lastPushCommit"], status["lastPushTime"]) == (world.head(), "2026-01-01T12:00:00Z")
    assert len(world.commits()) == 2


async def test_a_commit_that_never_arrived_is_not_told_and_made_again(world: World, cluster: Cluster) -> None:
    await killed(world, cluster, after=False)
    lost = cluster.recorded
    assert lost
    assert len(world.commits()) == 1
    world.store.put(policy("web", "a/web", "1.2"))
    async with started(world, cluster) as service:
        await service.turn()
    assert service.pushes == [said(world)] != [said(world, lost.commit)]
    assert cluster.obj["status"]["lastPushCommit"] == world.head()


async def test_a_commit_that_never_arrived_and_is_not_needed_any_more_is_forgotten(
    world: World, cluster: Cluster
) -> None:
    await killed(world, cluster, after=False)
    world.store.put(policy("web", "a/web", "1.0"))
    async with started(world, cluster) as service:
        await service.turn()
    assert (service.pushes, cluster.recorded, len(world.commits())) == ([], None, 1)


async def test_an_older_push_is_told_and_written_down_before_a_newer_one_is_made(
    world: World, cluster: Cluster
) -> None:
    await killed(world, cluster)
    first = world.head()
    world.store.put(policy("web", "a/web", "1.2"))
    cluster.patches.clear()
    async with started(world, cluster) as service:
        await service.turn()
    assert service.pushes == [said(world, first), said(world)]
    written = [patch["status"]["lastPushCommit"] for _, of, patch in cluster.patches if of == "status"]
    assert written == [first, world.head()]
    assert cluster.recorded
    assert cluster.recorded.follows == first


async def test_a_push_is_found_below_what_others_have_pushed_since(world: World, cluster: Cluster) -> None:
    await killed(world, cluster)
    pushed = world.head()
    seed(world.remote, {"README.md": "moved on\n"})
    async with started(world, cluster) as service:
        await service.turn()
    assert service.pushes == [said(world, pushed)]
    status = cluster.obj["status"]
    assert (status["lastPushCommit"], status["observedSourceRevision"]) == (pushed, f"main@sha1:{world.head()}")


async def test_without_a_record_nothing_is_pushed(world: World, cluster: Cluster) -> None:
    class Refusing(Cluster):
        async def _patch(self, identity: Identity, patch: Any, subresource: str) -> dict[str, Any]:
            if not subresource:
                raise kube.APIError(429, "TooManyRequests", "too many requests")
            return await super()._patch(identity, patch, subresource)

    refusing = Refusing()
    refusing.objects, refusing.version = cluster.objects, cluster.version
    async with started(world, refusing) as service:
        await service.turn()
    assert (world.head(), service.pushes) == (world.first, [])
    assert refusing.conditions("ImageUpdateAutomation", "apps", "auto")["Ready"]["message"] == "too many requests"


async def test_an_object_that_moved_before_the_push_is_looked_at_again_first(world: World, cluster: Cluster) -> None:
    async with started(world, cluster) as service:
        entry = await cluster.get(ImageUpdateAutomation, "apps", "auto")
        cluster.change("ImageUpdateAutomation", "apps", "auto", {"metadata": {"annotations": {"a": "b"}}})
        await service.reconciliation.handle(entry, structlog.get_logger(), Woken())
        assert world.head() == world.first
        await service.turn()
    assert service.pushes == [said(world)]


@pytest.mark.parametrize("policies", [1, 12], ids=["a policy", "many policies"])
async def test_a_choice_that_was_taken_back_meanwhile_is_not_pushed(world: World, policies: int) -> None:
    lines = [f'image{n}: a/web:1.0 # {{"$imagepolicy": "apps:web{n}"}}' for n in range(policies)]
    seed(world.remote, {"apps/web.yaml": "\n".join(lines) + "\n"})
    first = world.head()
    api = Store()
    for n in range(policies):
        world.store.put(policy(f"web{n}", "a/web", "1.1"))
        api.put(policy(f"web{n}", "a/web", "1.1" if n else "1.2"))
    reconciler = world.restarted(client=Client(api))
    ended = await run_once(reconciler, automation())
    assert isinstance(ended.error, Conflict)
    assert str(ended.error) == "ImagePolicy 'web0' has chosen another image meanwhile"
    assert world.head() == first
    world.store.put(policy("web0", "a/web", "1.2"))
    assert (await run_once(reconciler, automation())).ready[0] == "True"
    assert world.text("apps/web.yaml").count("a/web:1.2") == 1


async def test_a_policy_that_is_gone_is_not_followed_any_more(world: World) -> None:
    ended = await run_once(world.restarted(client=Client(Store())), automation())
    assert isinstance(ended.error, Conflict)
    assert world.head() == world.first


def test_a_record_of_another_controller_or_an_older_version_is_no_debt() -> None:
    push = report.Push(commit="new", branch="main")
    assert not push.is_untold("")
    push = msgspec.structs.replace(push, follows="old")
    assert [push.is_untold(last) for last in ("old", "new", "another", "")] == [True, False, False, False]


@pytest.mark.parametrize(("untold", "state"), [(True, "pushing"), (False, "pushed")])
def test_a_push_that_the_status_does_not_know_is_listed_as_such(
    capsys: pytest.CaptureFixture[str], untold: bool, state: str
) -> None:
    change = report.Changed(path="a.yaml", line=3, setter="apps:web", old="1", new="2")
    reports.show(report.Report(push=report.Push(commit="0" * 40, branch="main", changes=(change,))), untold=untold)
    assert state in capsys.readouterr().out.splitlines()[1].split()
