"""Of several replicas one acts; who lost the lease, or slept through its loss, writes nothing more."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from gotk.kube import errors
from gotk.runtime.leader_election import Election, Elector, Fence, LeadershipLost, Record, bid, micro_time, released
from tests.memory_cluster import MemoryCluster
from tests.virtual_clock import VirtualClock, in_virtual_time

NOON = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)
EARLIER = "2026-01-01T11:00:00.000000Z"


def election(identity: str = "me", **changes: Any) -> Election:
    fields: dict[str, Any] = {
        "namespace": "flux-system", "name": "lease", "identity": identity, "lease_duration": 35.0,
        "renew_deadline": 30.0, "retry_period": 5.0, "release_on_cancel": True,
    }  # fmt: skip
    return Election(**{**fields, **changes})


HELD = Record(holder="other", duration=35, acquired=EARLIER, renewed=EARLIER, transitions=3)
BIDS = {
    "a lease that is not there is made": (None, 0.0, 0, True),
    "one that another renews is left alone": (HELD, 34.9, None, False),
    "one that has not changed for its duration is taken": (HELD, 35.0, 4, True),
    "the duration is the holder's, not ours": (Record(holder="other", duration=5, transitions=3), 5.0, 4, True),
    "one that was given back is taken at once": (Record(duration=1, transitions=3), 0.0, 4, True),
    "one without anything in it is taken": (Record(), 0.0, 1, True),
}


@pytest.mark.parametrize(("found", "unchanged", "transitions", "takes"), BIDS.values(), ids=BIDS)
def test_a_bid(found: Record | None, unchanged: float, transitions: int | None, takes: bool) -> None:
    wanted = bid(found, election(), unchanged=unchanged, now=NOON)
    if not takes:
        assert wanted is None
        return
    moment = "2026-01-01T12:00:00.250000Z"
    assert wanted == Record(holder="me", duration=35, acquired=moment, renewed=moment, transitions=transitions or 0)


def test_a_renewal_keeps_since_when_and_how_often_it_changed_hands() -> None:
    mine = Record(holder="me", duration=35, acquired=EARLIER, renewed=EARLIER, transitions=3)
    wanted = bid(mine, election(), unchanged=5.0, now=NOON)
    assert wanted == Record(holder="me", duration=35, acquired=EARLIER, renewed=micro_time(NOON), transitions=3)


def test_a_lease_that_is_given_back_has_no_holder_and_keeps_its_count() -> None:
    given = released(HELD, NOON)
    assert (given.holder, given.duration, given.transitions) == ("", 1, 3)
    assert given.as_spec()["holderIdentity"] is None, "the API refuses an empty holder"


@pytest.mark.parametrize(
    "changes",
    [{"lease_duration": 30.0}, {"renew_deadline": 5.0}, {"retry_period": 0.0}],
    ids=["no longer than the deadline", "a deadline of one try", "no pause between tries"],
)
def test_durations_that_cannot_work_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="the lease duration must be longer than the renew deadline"):
        election(**changes)


class Cluster(MemoryCluster):
    """A cluster that a test can cut a replica off from."""

    def __init__(self) -> None:
        super().__init__()
        self.silent: set[str] = set()

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        assert (api_version, kind) == ("coordination.k8s.io/v1", "Lease")
        await asyncio.sleep(0)
        if (kind, namespace, name) not in self.objects:
            raise errors.NotFound(404, "NotFound", "no such lease")
        return self.objects[kind, namespace, name]

    def holder(self) -> str:
        return Record.of(self.objects["Lease", "flux-system", "lease"]).holder


class Replica:
    """One replica: its fence, its elector, and how it ended."""

    def __init__(self, cluster: Cluster, name: str, **changes: Any) -> None:
        clock = VirtualClock()
        self.name = name
        self.cut_off = asyncio.Event()
        self.fence = Fence(guarded=True, elapsed=clock.monotonic)
        client = _Line(cluster, self.cut_off)
        self.elector = Elector(client=client, election=election(name, **changes), fence=self.fence, clock=clock)
        self.lost: LeadershipLost | None = None

    @property
    def may_write(self) -> bool:
        return self.fence.left() > 0

    async def live(self) -> None:
        await self.elector.acquire()
        try:
            await self.elector.renew()
        except LeadershipLost as error:
            self.lost = error
        except asyncio.CancelledError:
            await self.elector.release()
            raise


class _Line:
    """The way of one replica to the cluster: mute once it is cut."""

    def __init__(self, cluster: Cluster, cut: asyncio.Event) -> None:
        self._cluster = cluster
        self._cut = cut

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        await self._mute()
        return await self._cluster.get_object(api_version, kind, namespace, name)

    async def create_object(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        await self._mute()
        return await self._cluster.create_object(obj)

    async def patch_object(
        self, api_version: str, kind: str, namespace: str, name: str, patch: Mapping[str, Any]
    ) -> dict[str, Any]:
        await self._mute()
        return await self._cluster.patch_object(api_version, kind, namespace, name, patch)

    async def _mute(self) -> None:
        if self._cut.is_set():
            await asyncio.sleep(3600)


@in_virtual_time
async def test_never_two_may_write_while_leaders_fall_silent_one_after_the_other() -> None:
    cluster = Cluster()
    replicas = [Replica(cluster, name) for name in "abc"]
    leaders: list[str] = []
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(replica.live()) for replica in replicas]
        for _ in range(300):
            await asyncio.sleep(1)
            writing = [replica for replica in replicas if replica.may_write]
            assert len(writing) <= 1
            if writing and writing[0].name not in leaders:
                leaders.append(writing[0].name)
            if writing and len(leaders) < 3 and writing[0].name == leaders[-1] and not writing[0].cut_off.is_set():
                writing[0].cut_off.set()
        for task in tasks:
            task.cancel()
    assert sorted(leaders) == ["a", "b", "c"]
    assert [replica.lost is not None for replica in replicas if replica.name != leaders[-1]] == [True, True]


@in_virtual_time
async def test_who_slept_through_the_loss_may_not_write_when_waking_up() -> None:
    cluster, clock = Cluster(), VirtualClock()
    fence = Fence(guarded=True, elapsed=clock.monotonic)
    elector = Elector(client=cluster, election=election(), fence=fence, clock=clock)
    await elector.acquire()
    assert fence.left() > 0
    await asyncio.sleep(31)  # nothing of this process ran in that time
    assert fence.left() == 0


@in_virtual_time
async def test_a_lease_that_is_given_back_is_taken_within_a_retry_period() -> None:
    cluster = Cluster()
    first, second = Replica(cluster, "first"), Replica(cluster, "second")
    async with asyncio.TaskGroup() as group:
        leading = group.create_task(first.live())
        await asyncio.sleep(1)
        waiting = group.create_task(second.live())
        await asyncio.sleep(20)
        assert cluster.holder() == "first"
        leading.cancel()
        await asyncio.sleep(6)
        assert (cluster.holder(), first.may_write, second.may_write) == ("second", False, True)
        waiting.cancel()


@in_virtual_time
async def test_a_lease_is_kept_where_that_is_wanted_when_stopping() -> None:
    cluster = Cluster()
    replica = Replica(cluster, "first", release_on_cancel=False)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(replica.live())
        await asyncio.sleep(1)
        task.cancel()
    assert (cluster.holder(), replica.may_write) == ("first", False)


@in_virtual_time
async def test_a_leader_goes_on_through_a_short_silence_of_the_api() -> None:
    cluster = Cluster()
    replica = Replica(cluster, "first")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(replica.live())
        await asyncio.sleep(1)
        replica.cut_off.set()
        await asyncio.sleep(10)
        replica.cut_off.clear()
        await asyncio.sleep(60)
        assert (replica.lost, replica.may_write) == (None, True)
        task.cancel()


@in_virtual_time
async def test_a_leader_whose_lease_somebody_took_ends_at_once() -> None:
    cluster = Cluster()
    replica = Replica(cluster, "first")
    async with asyncio.TaskGroup() as group:
        group.create_task(replica.live())
        await asyncio.sleep(1)
        spec = {"holderIdentity": "second", "leaseDurationSeconds": 35, "renewTime": micro_time(NOON)}
        cluster.change("Lease", "flux-system", "lease", {"spec": spec})
        await asyncio.sleep(6)
    assert str(replica.lost) == "lost the lease flux-system/lease: second holds it"
    assert not replica.may_write


def test_without_an_election_the_fence_is_open_for_good() -> None:
    assert Fence(guarded=False).left() == float("inf")
