"""Whom a new artifact does not touch: only those are left out of which nothing would come, and nothing else is new."""

import dataclasses
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gotk.api.kustomize import DependencyReference, Kustomization
from gotk.api.source import GitRepository
from gotk.runtime.reconciler import Key, Noting, Sifted
from tests.deploy.kustomize import world
from tests.deploy.kustomize.sources import config_map, kustomization
from tests.deploy.kustomize.world import World
from tests.running import Ended, FakeRun

NOW = datetime(2026, 1, 1, 13, tzinfo=UTC)
COMPONENT = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [cm.yaml]\n"
VARIABLES = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: variables, namespace: default}\ndata: {word: declared}\n"


def of(name: str, **spec: Any) -> Kustomization:
    return kustomization(name, targetNamespace="default", **{"path": name, **spec})


@dataclasses.dataclass
class Fleet:
    """Kustomizations that were applied in a first revision."""

    here: World
    ended: dict[str, Ended[Kustomization]] = dataclasses.field(default_factory=dict)

    async def apply(self, **specs: dict[str, Any]) -> None:
        for name, spec in specs.items():
            ended = self.ended[name] = await self.here.reconcile(of(name, **spec))
            assert ended.ready[0] == "True"
            self.here.objects.held.append(ended.obj)
        self.learn()

    def learn(self) -> None:
        """Let those that watch see what there is."""
        for watch in self.here.reconciler.watches:
            if watch.kind is Kustomization:
                for obj in self.here.objects.list(Kustomization):
                    watch.changed(None, obj)

    def put(self, obj: Kustomization) -> None:
        """Let an object be another."""
        held = self.here.objects.held
        held[:] = [obj if isinstance(o, Kustomization) and o.metadata.name == obj.metadata.name else o for o in held]

    async def sift(self) -> tuple[set[str], set[str]]:
        """Return whom the present artifact concerns, and whom not."""
        source = self.here.objects.get(GitRepository, "default", "src")
        watch = next(each for each in self.here.reconciler.watches if each.kind is GitRepository)
        keys = list(watch.requests(source, self.here.objects))
        assert watch.sift is not None
        sifted: Sifted = await watch.sift(source, keys)
        assert sorted((*sifted.concerned, *sifted.unconcerned)) == sorted(keys)
        return _names(sifted.concerned), _names(sifted.unconcerned)

    def noted(self) -> set[str]:
        """Return who can do without a run."""
        assert isinstance(self.here.reconciler, Noting)
        return {
            obj.metadata.name
            for obj in self.here.objects.list(Kustomization)
            if self.here.reconciler.note(obj, NOW) is not None
        }


def _names(keys: Collection[Key]) -> set[str]:
    return {key.name for key in keys}


def files(*names: str) -> dict[str, str]:
    return {f"{name}/cm.yaml": config_map(name) for name in names}


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    async with world.new(tmp_path) as made:
        yield Fleet(made)


async def test_those_are_concerned_whose_build_asks_for_what_has_changed(fleet: Fleet) -> None:
    tree = files("stands", "changed", "moved", "shared", "extra") | {
        "base/kustomization.yaml": "resources: [../shared]\n",
        "shared/kustomization.yaml": "resources: [cm.yaml]\n",
        "component/kustomization.yaml": "resources: [own.yaml]\ncomponents: [../extra]\n",
        "component/own.yaml": config_map("component"),
        "extra/kustomization.yaml": COMPONENT,
        "generated/kustomization.yaml": "configMapGenerator: [{name: made, files: [../settings.env]}]\n",
        "settings.env": "key=value\n",
    }
    fleet.here.publish(tree, "main@sha1:1")
    names = ("stands", "changed", "moved", "base", "component", "generated")
    await fleet.apply(**{name: {} for name in names})
    tree |= {
        "changed/cm.yaml": config_map("other"),
        "shared/cm.yaml": config_map("another"),
        "extra/cm.yaml": config_map("more"),
        "settings.env": "key=other\n",
        "README.md": "New\n",
        "moved/more.yaml": config_map("added"),
    }
    fleet.here.publish(tree, "main@sha1:2")
    assert await fleet.sift() == ({*names} - {"stands"}, {"stands"})
    assert fleet.noted() == {"stands"}


async def test_who_was_never_applied_is_concerned(fleet: Fleet) -> None:
    fleet.here.publish(files("one"), "main@sha1:1")
    await fleet.apply(one={})
    fleet.here.objects.held.append(of("new", path="one"))
    fleet.here.publish({**files("one"), "README.md": "New\n"}, "main@sha1:2")
    assert await fleet.sift() == ({"new"}, {"one"})


async def test_an_artifact_that_cannot_be_had_concerns_everybody(fleet: Fleet) -> None:
    fleet.here.publish(files("one"), "main@sha1:1")
    await fleet.apply(one={})
    fleet.here.publish({**files("one"), "README.md": "New\n"}, "main@sha1:2")
    fleet.here.archives.clear()
    assert await fleet.sift() == ({"one"}, set())
    assert fleet.noted() == set()


async def test_what_has_been_forgotten_of_the_artifact_before_is_asked_of_the_new_one(fleet: Fleet) -> None:
    fleet.here.publish(files("one", "two"), "main@sha1:1")
    await fleet.apply(one={}, two={})
    fleet.here.assembler._index._known.clear()
    fleet.here.publish(files("one") | {"two/cm.yaml": config_map("new")}, "main@sha1:2")
    assert await fleet.sift() == ({"two"}, {"one"})


def changed(obj: Kustomization, **fields: Any) -> Kustomization:
    return msgspec.structs.replace(obj, **fields)


def failed(obj: Kustomization) -> Kustomization:
    ready = [msgspec.structs.replace(each, status="False", reason="BuildFailed") for each in obj.status.conditions]
    return changed(obj, status=msgspec.structs.replace(obj.status, conditions=tuple(ready)))


async def test_whoever_has_more_to_see_to_than_the_revision_is_run(fleet: Fleet) -> None:
    await fleet.here.create(VARIABLES)
    source = [{"kind": "ConfigMap", "name": "variables"}]
    specs: dict[str, dict[str, Any]] = {
        "stands": {},
        "dependent": {},
        "variables": {"postBuild": {"substituteFrom": source}},
        "inline": {"postBuild": {"substitute": {"word": "declared"}}},
        "due": {"interval": "1ms"},
        "respecified": {},
        "failed": {},
        "edited": {},
        "replaced": {},
    }
    tree = files(*specs)
    fleet.here.publish(tree, "main@sha1:1")
    await fleet.apply(**specs)
    fleet.put(world.again(fleet.ended["respecified"], force=True))
    fleet.put(failed(fleet.ended["failed"].obj))
    dependent = fleet.ended["dependent"].obj
    needs = (DependencyReference(name="stands"),)
    fleet.put(changed(dependent, spec=msgspec.structs.replace(dependent.spec, depends_on=needs)))
    edited = fleet.ended["edited"].obj
    fleet.put(changed(edited, status=msgspec.structs.replace(edited.status, last_applied_revision="main@sha1:0")))
    replaced = fleet.ended["replaced"].obj
    fleet.put(changed(replaced, metadata=msgspec.structs.replace(replaced.metadata, uid="another")))
    fleet.here.publish({**tree, "README.md": "New\n"}, "main@sha1:2")
    concerned, unconcerned = await fleet.sift()
    assert concerned == {"replaced"}
    assert unconcerned == {*specs} - {"replaced"}
    assert fleet.noted() == {"stands", "inline"}


async def test_whoever_shares_an_object_is_run(fleet: Fleet) -> None:
    fleet.here.publish({**files("one"), "two/cm.yaml": config_map("one")}, "main@sha1:1")
    await fleet.apply(one={}, two={})
    fleet.here.publish({**files("one"), "two/cm.yaml": config_map("one"), "README.md": "New\n"}, "main@sha1:2")
    assert await fleet.sift() == (set(), {"one", "two"})
    assert fleet.noted() == set()


async def test_a_note_says_what_a_run_would_have_said(fleet: Fleet) -> None:
    fleet.here.publish(files("noted", "run"), "main@sha1:1")
    await fleet.apply(noted={}, run={})
    fleet.here.publish({**files("noted", "run"), "README.md": "New\n"}, "main@sha1:2")
    await fleet.sift()
    obj = fleet.ended["run"].obj
    once = await fleet.here.reconciler.reconcile(obj, FakeRun(obj))
    assert not once.later  # what goes first was told before
    ended = await fleet.here.reconcile(of("another", path="run"))
    noted = fleet.here.reconciler.note(fleet.ended["noted"].obj, NOW)
    assert noted is not None
    assert noted.message == once.message == ended.ready[2] == "Applied revision: main@sha1:2"
    assert dict(noted.metadata) == dict(once.metadata)
    status = noted.status
    assert status.last_applied_revision == status.last_attempted_revision == "main@sha1:2"
    assert status.inventory == fleet.ended["noted"].obj.status.inventory
    (snapshot,) = status.history
    assert (snapshot.total_reconciliations, snapshot.metadata) == (2, {"revision": "main@sha1:2"})
    assert snapshot.digest == fleet.ended["noted"].obj.status.history[0].digest


async def test_what_was_noted_stands_for_the_next_revision_and_for_the_interval(fleet: Fleet) -> None:
    tree = files("one")
    fleet.here.publish(tree, "main@sha1:1")
    await fleet.apply(one={})
    for number in (2, 3):
        fleet.here.publish({**tree, "README.md": f"{number}\n"}, f"main@sha1:{number}")
        await fleet.sift()
        obj = fleet.here.objects.get(Kustomization, "default", "one")
        noted = fleet.here.reconciler.note(obj, NOW)
        assert noted is not None
        assert fleet.here.reconciler.note(obj, NOW) is None  # once
        fleet.put(changed(obj, status=noted.status))
    ended = await fleet.here.reconcile(fleet.here.objects.get(Kustomization, "default", "one"))
    assert ended.run.events == []
    assert [each.total_reconciliations for each in ended.obj.status.history] == [4]
    assert ended.ready[0] == "True"


async def test_a_source_that_moves_on_while_it_is_compared_is_not_noted(fleet: Fleet) -> None:
    fleet.here.publish(files("one"), "main@sha1:1")
    await fleet.apply(one={})
    fleet.here.publish({**files("one"), "README.md": "New\n"}, "main@sha1:2")
    await fleet.sift()
    fleet.here.publish({"one/cm.yaml": config_map("new")}, "main@sha1:3")
    assert fleet.noted() == set()
