"""Objects at rest: one list of versions instead of many looks, and what makes them be looked at all the same."""

import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.cluster import apply, objects, trial, wait
from deploy.cluster.trial import Wishes
from deploy.cluster.versions import TOGETHER, Versions
from gotk.kube import errors
from tests.deploy.cluster import owners
from tests.virtual_clock import VirtualClock, in_virtual_time

COUNT = 20


class Cluster:
    """A cluster in memory that counts what it is asked."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}
        self.looks = 0
        self.lists = 0
        self.fails: errors.APIError | None = None
        self.version = 0

    async def get_object(self, api_version: str, kind: str, namespace: str, name: str) -> dict[str, Any]:
        self.looks += 1
        if name not in self.held:
            raise errors.NotFound(404, "NotFound", "not found")
        return copy.deepcopy(self.held[name])

    async def versions(self, api_version: str, kind: str, namespace: str) -> dict[str, str]:
        self.lists += 1
        if self.fails is not None:
            raise self.fails
        return {name: obj["metadata"]["resourceVersion"] for name, obj in self.held.items()}

    async def apply_object(
        self,
        obj: dict[str, Any],
        *,
        field_manager: str,
        force: bool = True,
        dry_run: bool = False,
        strict: bool = False,
    ) -> dict[str, Any]:
        applied = copy.deepcopy(obj)
        self.version += not dry_run
        applied["metadata"] |= {"resourceVersion": str(self.version), "managedFields": [{"manager": field_manager}]}
        if not dry_run:
            self.held[obj["metadata"]["name"]] = applied
        return applied

    async def is_namespaced(self, api_version: str, kind: str) -> bool:
        return True

    def edit(self, name: str, value: str) -> None:
        self.version += 1
        self.held[name]["data"] = {"k": value}
        self.held[name]["metadata"]["resourceVersion"] = str(self.version)


class Fleet:
    """Objects in one namespace, applied one by one as many Kustomizations do; `made_of` names what each comes of."""

    def __init__(self, count: int = COUNT, *, made_of: str = "") -> None:
        self.made_of = made_of
        self.read = 0
        self.clock = VirtualClock()
        self.cluster: Any = Cluster()
        waiter = wait.Waiter(clock=self.clock)
        self._applier = apply.Applier(clock=self.clock, waiter=waiter, manner=trial.USUAL)
        self.objects = [manifest(f"a{number}") for number in range(count)]

    async def apply(self, lag: float = 60.0) -> list[str]:
        """Return what became of those that were not as they should be, and begin to count anew."""
        self.read = self.cluster.looks = self.cluster.lists = 0
        changed = []
        for obj in self.objects:
            owner = dataclasses.replace(owners.APP, name=obj["metadata"]["name"])
            wishes = Wishes(lag=lag, made_of=self.made_of)
            (change,) = await self._applier.apply(
                self._manifests(obj), cluster=self.cluster, owner=owner, wishes=wishes
            )
            if change.action != "unchanged":
                changed.append(change.item.id.name)
        return changed

    def _manifests(self, obj: objects.Manifest) -> Iterator[objects.Manifest]:
        self.read += 1
        yield copy.deepcopy(obj)


def manifest(name: str) -> objects.Manifest:
    metadata = {"name": name, "namespace": "default", "labels": dict(owners.APP.labels)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": "v"}}


each_way = pytest.mark.parametrize(
    "made_of", [pytest.param("", id="object by object"), pytest.param("a build", id="all of an owner at once")]
)


async def at_rest(fleet: Fleet) -> None:
    """Apply until all that can be known is known."""
    for _ in range(3):
        await fleet.apply()
        await fleet.clock.sleep(TOGETHER + 1)


@each_way
@in_virtual_time
async def test_many_objects_at_rest_cost_one_list(made_of: str) -> None:
    fleet = Fleet(made_of=made_of)
    await at_rest(fleet)
    assert await fleet.apply() == []
    assert (fleet.cluster.lists, fleet.cluster.looks) == (1, 0)
    assert await fleet.apply() == []
    assert (fleet.cluster.lists, fleet.cluster.looks) == (0, 0), "the list is young enough"


@each_way
@in_virtual_time
async def test_what_was_changed_or_deleted_is_found_and_put_right(made_of: str) -> None:
    fleet = Fleet(made_of=made_of)
    await at_rest(fleet)
    fleet.cluster.edit("a3", "somebody's")
    del fleet.cluster.held["a5"]
    assert await fleet.apply() == ["a3", "a5"]
    assert fleet.cluster.held["a3"]["data"] == {"k": "v"}
    assert (fleet.cluster.lists, fleet.cluster.looks) == (1, 2)


@each_way
@in_virtual_time
async def test_a_change_of_the_status_alone_is_looked_at_once(made_of: str) -> None:
    fleet = Fleet(made_of=made_of)
    await at_rest(fleet)
    fleet.cluster.edit("a3", "v")
    assert await fleet.apply() == []
    assert fleet.cluster.looks == 1
    await fleet.clock.sleep(TOGETHER + 1)
    assert await fleet.apply() == []
    assert fleet.cluster.looks == 0


@each_way
@in_virtual_time
async def test_whoever_asks_for_a_look_gets_one(made_of: str) -> None:
    fleet = Fleet(made_of=made_of)
    await at_rest(fleet)
    await fleet.apply()
    assert await fleet.apply(lag=0) == []
    assert (fleet.cluster.lists, fleet.cluster.looks) == (0, COUNT)


@in_virtual_time
async def test_manifests_of_which_all_is_known_are_not_read() -> None:
    fleet = Fleet(made_of="a build")
    await at_rest(fleet)
    assert (await fleet.apply(), fleet.read) == ([], 0)
    fleet.cluster.edit("a3", "somebody's")
    await fleet.clock.sleep(TOGETHER + 1)
    assert (await fleet.apply(), fleet.read) == (["a3"], 1)
    assert (await fleet.apply(lag=0), fleet.read) == ([], COUNT)


@in_virtual_time
async def test_manifests_that_were_made_of_something_else_are_tried() -> None:
    fleet = Fleet(made_of="a build")
    await at_rest(fleet)
    assert await fleet.apply() == []
    fleet.made_of = "another build"
    fleet.objects[3]["data"] = {"k": "another"}
    assert await fleet.apply() == ["a3"]
    assert fleet.cluster.held["a3"]["data"] == {"k": "another"}
    assert fleet.cluster.looks == 1


@in_virtual_time
async def test_few_objects_and_few_of_many_are_read_one_by_one() -> None:
    few = Fleet(3)
    await at_rest(few)
    assert await few.apply() == []
    assert (few.cluster.lists, few.cluster.looks) == (0, 3)
    among_many = Fleet(10)
    among_many.cluster.held = {f"b{number}": manifest(f"b{number}") for number in range(1000)}
    for each in among_many.cluster.held.values():
        each["metadata"]["resourceVersion"] = "1"
    await at_rest(among_many)
    assert await among_many.apply() == []
    assert (among_many.cluster.lists, among_many.cluster.looks) == (0, 10)


@in_virtual_time
async def test_that_few_have_asked_last_does_not_make_lists_of_many_be_thrown_away() -> None:
    cluster: Any = Cluster()
    cluster.held = {f"a{number}": {"metadata": {"resourceVersion": "1"}} for number in range(1000)}
    clock = VirtualClock()
    versions = Versions(clock=clock)

    async def ask(times: int) -> int:
        await clock.sleep(TOGETHER + 1)
        cluster.lists = 0
        for _ in range(times):
            await versions.at(("v1", "ConfigMap", "default"), cluster, lag=60.0)
        return int(cluster.lists)

    await ask(900)
    for asks in (20, 900, 20, 900):
        assert await ask(asks) == 1


@in_virtual_time
async def test_where_lists_are_forbidden_everything_is_read_and_lists_are_not_asked_for_again() -> None:
    fleet = Fleet()
    fleet.cluster.fails = errors.Forbidden(403, "Forbidden", "no lists")
    await at_rest(fleet)
    assert await fleet.apply() == []
    assert (fleet.cluster.lists, fleet.cluster.looks) == (0, COUNT)


@in_virtual_time
async def test_where_a_list_fails_for_a_moment_it_is_asked_for_again_soon() -> None:
    fleet = Fleet()
    await at_rest(fleet)
    fleet.cluster.fails = errors.Unreachable(0, "Unreachable", "no answer")
    assert await fleet.apply() == []
    assert (fleet.cluster.lists, fleet.cluster.looks) == (1, COUNT)
    fleet.cluster.fails = None
    await fleet.clock.sleep(TOGETHER + 1)
    assert await fleet.apply() == []
    assert (fleet.cluster.lists, fleet.cluster.looks) == (1, 0)
