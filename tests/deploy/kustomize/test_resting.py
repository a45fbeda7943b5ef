"""At its interval a Kustomization with which nothing is to be done rests, and whatever has moved is put right."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.kustomize.claims import Claims
from gotk.api.kustomize import Kustomization
from gotk.api.meta import ResourceInventory
from gotk.kube.errors import NotFound
from gotk.runtime.clock import SystemClock
from gotk.runtime.reconciler import Following, Rested
from tests.deploy.kustomize import world
from tests.deploy.kustomize.sources import kustomization
from tests.deploy.kustomize.world import World
from tests.running import Ended, run_once

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: default}}\ndata: {{key: {value}}}\n"
VARIABLE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: variables, namespace: default}\ndata: {word: declared}\n"
THINGS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: things.example.com}}
spec:
  group: example.com
  names: {{kind: Thing, plural: things, singular: thing, listKind: ThingList}}
  scope: {scope}
  versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object}}}}}}]
"""
KEYS = "apiVersion: v1\nkind: Secret\nmetadata: {name: keys, namespace: default}\ndata: {}\n"
SEVERAL = 8  # so many are asked for together
LATER = 31.0  # so old may nothing be that is known of the cluster


class Ahead:
    """The machine's clock, put forward by a test."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self.by = 0.0

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic() + self.by

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class Rest:
    """Kustomizations that have come to rest."""

    def __init__(self, here: World) -> None:
        self.here = here
        self.clock = Ahead()
        self.reconciler = here.reconciler_for(here.client, clock=self.clock)
        self.ended: dict[str, Ended[Kustomization]] = {}

    async def run(self, obj: Kustomization) -> Ended[Kustomization]:
        """Let one run at its interval."""
        self.clock.by += LATER
        return await run_once(self.reconciler, obj)

    async def settle(self, **specs: dict[str, Any]) -> None:
        """Apply Kustomizations, and let each look at its objects until all are known."""
        for name, spec in specs.items():
            self.ended[name] = await self.run(kustomization(name, path=name, **spec))
        for name in (*specs, *specs):
            self.ended[name] = await self.run(self.ended[name].obj)
            assert self.ended[name].ready[0] == "True"

    async def value(self, name: str) -> str | None:
        found = await self.here.get("ConfigMap", f"{name}-0")
        return None if found is None else str(found["data"]["key"])


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Rest]:
    async with world.new(tmp_path) as made:
        yield Rest(made)


def folder(name: str, value: str = "declared") -> dict[str, str]:
    texts = (CONFIG_MAP.format(name=f"{name}-{number}", value=value) for number in range(SEVERAL))
    return {f"{name}/all.yaml": "---\n".join(texts)}


def folders(*names: str) -> dict[str, str]:
    return {path: text for name in names for path, text in folder(name).items()}


def with_status(ended: Ended[Kustomization], **fields: Any) -> Kustomization:
    return msgspec.structs.replace(ended.obj, status=msgspec.structs.replace(ended.obj.status, **fields))


def requested(ended: Ended[Kustomization]) -> Kustomization:
    annotations = {"reconcile.fluxcd.io/requestedAt": "now"}
    metadata = msgspec.structs.replace(ended.obj.metadata, annotations=annotations)
    return msgspec.structs.replace(ended.obj, metadata=metadata)


async def test_nothing_is_made_of_a_source_that_has_not_moved(at: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    at.here.publish(folders("one"))
    await at.settle(one={})
    before = at.ended["one"].obj.status

    async def made(*_: Any) -> Any:
        raise AssertionError("its objects are made")

    monkeypatch.setattr(at.here.assembler, "objects", made)
    for total in (4, 5):
        ended = at.ended["one"] = await at.run(at.ended["one"].obj)
        assert ended.ready == ("True", "ReconciliationSucceeded", "Applied revision: main@sha1:1")
        assert [*ended.run.events, *ended.run.progressed, *ended.run.saves] == []
        assert ended.outcome is not None
        assert (ended.outcome.requeue_after, ended.outcome.routine) == (600, True)
        (snapshot,) = ended.obj.status.history
        assert snapshot.total_reconciliations == total
        assert msgspec.structs.replace(ended.obj.status, history=(), conditions=()) == msgspec.structs.replace(
            before, history=(), conditions=()
        )


async def known(at: Rest, name: str = "one", **status: Any) -> Rested | None:
    """Ask what is known of a Kustomization at its interval, once another one has looked at what the cluster holds."""
    await at.run(at.ended["other"].obj)
    obj = with_status(at.ended[name], **status) if status else at.ended[name].obj
    return at.reconciler.rest(obj)


async def test_what_a_run_would_do_is_known_without_one(at: Rest) -> None:
    at.here.publish(folders("one", "other"))
    await at.settle(one={}, other={})
    rested = await known(at)
    made = await run_once(at.reconciler, at.ended["one"].obj)
    assert rested is not None
    assert made.outcome is not None
    for said in (rested.outcome, made.outcome):
        assert (said.message, said.requeue_after) == ("Applied revision: main@sha1:1", 600)
        assert (said.changed, said.routine, said.told) == (True, True, False)
        assert said.metadata == made.outcome.metadata
        assert str(said.event).startswith("Reconciliation finished in ")
        assert str(said.event).endswith(", next run in 10m0s")
    timed = {"last_reconciled": "", "last_reconciled_duration": ""}
    statuses: list[Any] = [rested.status, made.obj.status]
    ours, theirs = ([msgspec.structs.replace(each, **timed) for each in status.history] for status in statuses)
    assert ours == theirs
    before = at.ended["one"].obj.status
    assert msgspec.structs.replace(rested.status, history=before.history) == before


async def test_what_has_moved_is_not_known_without_a_run(at: Rest) -> None:
    specs: dict[str, dict[str, Any]] = {
        **{name: {} for name in ("other", "one", "drifted", "deleted")},
        "substituted": {"postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "variables"}]}},
        "decrypted": {"decryption": {"provider": "sops", "secretRef": {"name": "keys"}}},
        "waiting": {"wait": True},
        "impersonated": {"kubeConfig": {"secretRef": {"name": "remote"}}},
    }
    files = folders(*specs)
    at.here.publish(files)
    remote = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "remote", "namespace": "default"}}
    await at.here.client.create_object({**remote, "stringData": {"value": at.here.kubeconfig.read_text()}})
    await at.here.create(VARIABLE + "---\n" + KEYS)
    await at.settle(**specs)
    await at.here.client.patch_object("v1", "ConfigMap", "default", "drifted-0", {"data": {"key": "edited"}})
    await at.here.client.delete_object("v1", "ConfigMap", "default", "deleted-0")

    assert await known(at) is not None
    for name in ("drifted", "deleted", "substituted", "decrypted", "waiting", "impersonated"):
        assert await known(at, name) is None, name
    for status in ({"inventory": None}, {"last_applied_revision": "x"}, {"last_attempted_revision": "x"}):
        assert await known(at, **status) is None, status
    assert await known(at, last_applied_origin_revision="x") is None
    assert at.reconciler.rest(world.again(at.ended["one"], timeout="2m")) is None
    at.clock.by += LATER
    assert at.reconciler.rest(at.ended["one"].obj) is None, "the cluster has to be asked again"

    ours = at.ended["one"].obj
    another = msgspec.structs.replace(ours, metadata=msgspec.structs.replace(ours.metadata, name="another"))
    (claims,) = (each for each in at.reconciler.watches if isinstance(getattr(each.changed, "__self__", None), Claims))
    claims.changed(None, ours)
    assert await known(at) is not None
    claims.changed(None, another)
    assert await known(at) is None, "it shares its objects"

    at.here.publish({**files, **folder("one", "new")})  # under the same revision
    assert await known(at) is None
    at.here.objects.held.clear()
    assert at.reconciler.rest(at.ended["one"].obj) is None


async def test_who_waits_for_others_knows_of_them_by_the_watch(at: Rest) -> None:
    at.here.publish(folders("one", "other", "base", "judging"))
    base = kustomization("base", path="base")
    await at.here.client.create_object(msgspec.to_builtins(base, enc_hook=str))
    ready = {"type": "Ready", "reason": "x", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}

    async def is_ready(value: str) -> None:
        said = {"observedGeneration": 1, "lastAppliedRevision": "main@sha1:1"}
        patch = {"status": {**said, "conditions": [{**ready, "status": value}]}}
        place = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "default", "base")
        await at.here.client.patch_object(*place, patch, subresource="status")
        at.here.objects.held = [each for each in at.here.objects.held if not isinstance(each, Kustomization)]
        at.here.objects.held.append(await at.here.client.get(Kustomization, "default", "base"))

    await is_ready("True")
    depends = {"dependsOn": [{"name": "base"}]}
    await at.settle(other={}, one=depends, judging={"dependsOn": [{"name": "base", "readyExpr": "true"}]})
    assert await known(at) is not None
    assert await known(at, "judging") is None
    await is_ready("False")
    assert await known(at) is None


async def test_whatever_has_moved_is_put_right(at: Rest) -> None:
    substituted = {"postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "variables"}]}}
    specs: dict[str, dict[str, Any]] = {
        name: {} for name in ("drifted", "deleted", "respecified", "renamed", "pruned", "asked", "moved")
    }
    files = folders(*specs) | folder("elsewhere") | folder("substituted", value='"${word}"')
    at.here.publish(files)
    await at.here.create(VARIABLE)
    await at.settle(**specs, substituted=substituted)

    for name in ("drifted", "asked", "respecified"):
        await at.here.client.patch_object("v1", "ConfigMap", "default", f"{name}-0", {"data": {"key": "edited"}})
    await at.here.client.delete_object("v1", "ConfigMap", "default", "deleted-0")
    await at.here.client.patch_object("v1", "ConfigMap", "default", "variables", {"data": {"word": "more"}})
    objects: Mapping[str, Kustomization] = {
        **{name: ended.obj for name, ended in at.ended.items()},
        "respecified": world.again(at.ended["respecified"], timeout="2m"),
        "renamed": world.again(at.ended["renamed"], path="elsewhere"),
        "asked": requested(at.ended["asked"]),
        "pruned": with_status(at.ended["pruned"], inventory=ResourceInventory(entries=())),
    }
    at.here.publish({**files, **folder("moved", "new")})  # under the same revision
    ended = {name: await at.run(obj) for name, obj in objects.items()}
    assert {each.ready[0] for each in ended.values()} == {"True"}
    assert {name: await at.value(name) for name in ended} == {
        **dict.fromkeys(ended, "declared"),
        "substituted": "more",
        "renamed": None,
        "moved": "new",
    }
    assert await at.value("elsewhere") == "declared"
    assert ended["pruned"].obj.status.inventory == at.ended["pruned"].obj.status.inventory


async def test_what_is_needed_and_gone_is_told(at: Rest) -> None:
    specs: dict[str, dict[str, Any]] = {
        "variables-of": {"postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "variables"}]}},
        "decrypted": {"decryption": {"provider": "sops", "secretRef": {"name": "keys"}}},
        "impersonated": {"kubeConfig": {"secretRef": {"name": "remote"}}},
    }
    at.here.publish(folders(*specs))
    kubeconfig = at.here.kubeconfig.read_text()
    remote = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "remote", "namespace": "default"}}
    await at.here.client.create_object({**remote, "stringData": {"value": kubeconfig}})
    await at.here.create(VARIABLE + "---\n" + KEYS)
    await at.settle(**specs)
    for kind, name in (("ConfigMap", "variables"), ("Secret", "keys"), ("Secret", "remote")):
        await at.here.client.delete_object("v1", kind, "default", name)
    told = {name: (await at.run(ended.obj)).ready for name, ended in at.ended.items()}
    assert {name: (status, reason) for name, (status, reason, _) in told.items()} == {
        "variables-of": ("False", "BuildFailed"),
        "decrypted": ("False", "BuildFailed"),
        "impersonated": ("False", "ReconciliationFailed"),
    }


async def test_a_key_that_was_changed_has_everything_built_anew(at: Rest) -> None:
    at.here.publish(folders("one"))
    await at.here.create(KEYS)
    await at.settle(one={"decryption": {"provider": "sops", "secretRef": {"name": "keys"}}})
    key = {"stringData": {"identity.agekey": "no key"}}
    await at.here.client.patch_object("v1", "Secret", "default", "keys", key)
    ended = await at.run(at.ended["one"].obj)
    assert ended.ready[:2] == ("False", "BuildFailed")
    assert "identity.agekey" in ended.ready[2]


async def test_a_kind_that_is_gone_is_told_and_found_again_however_it_comes_back(at: Rest) -> None:
    thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {{name: t{0}, namespace: default}}\n"
    at.here.publish({"one/all.yaml": "---\n".join(thing.format(number) for number in range(SEVERAL))})
    await define(at, "Namespaced")
    await at.settle(one={})
    await undefine(at)
    ended = await at.run(at.ended["one"].obj)
    lacking = 'Thing/default/t0 dry-run failed: no matches for kind "Thing" in version "example.com/v1"'
    assert ended.ready[:2] == ("False", "ReconciliationFailed")
    assert ended.ready[2].startswith(lacking)
    for scope, namespace in (("Cluster", ""), ("Namespaced", "default")):
        await define(at, scope)
        await at.run(ended.obj)  # which finds out that the kind is served otherwise
        ended = await at.run(ended.obj)
        assert ended.ready[0] == "True", ended.ready
        assert await at.here.get("Thing", "t0", namespace=namespace, api_version="example.com/v1")
        await undefine(at)


async def define(at: Rest, scope: str) -> None:
    await at.here.create(THINGS.format(scope=scope))
    while not await is_served(at):
        pass


async def undefine(at: Rest) -> None:
    place = ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "things.example.com")
    await at.here.client.delete_object(*place)
    while await is_served(at) or await at.here.get(place[1], place[3], namespace="", api_version=place[0]):
        pass


async def is_served(at: Rest) -> bool:
    try:
        await at.here.client.kind_of("things", "example.com/v1")
    except NotFound:
        return False
    return True


async def test_who_waits_for_others_still_does(at: Rest) -> None:
    at.here.publish(folders("one", "other"))
    other = kustomization("other", path="other")
    await at.here.client.create_object(msgspec.to_builtins(other, enc_hook=str))
    status = {"observedGeneration": 1, "lastAppliedRevision": "main@sha1:1"}
    ready = {"type": "Ready", "reason": "x", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}

    async def is_ready(value: str) -> None:
        await at.here.client.patch_object(
            *("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "default", "other"),
            {"status": {**status, "conditions": [{**ready, "status": value}]}},
            subresource="status",
        )

    await is_ready("True")
    await at.settle(one={"dependsOn": [{"name": "other"}]})
    await is_ready("False")
    ended = await at.run(at.ended["one"].obj)
    assert ended.ready[:2] == ("False", "DependencyNotReady")


async def test_a_revision_of_which_nothing_comes_is_all_that_moves(at: Rest) -> None:
    files = folders("one", "other")
    at.here.publish(files, "main@sha1:1")
    await at.settle(one={}, other={})
    at.here.publish({**files, **folder("other", "new")}, "main@sha1:2")
    after = {}
    for name, ended in at.ended.items():
        await at.run(ended.obj)  # which lets others go first
        after[name] = (await at.run(ended.obj)).obj.status
    assert isinstance(at.reconciler, Following)
    for name, is_same in {"one": True, "other": False}.items():
        before, now = at.ended[name].obj.status, after[name]
        assert (before.last_applied_revision, now.last_applied_revision) == ("main@sha1:1", "main@sha1:2")
        told = [untimed(at.reconciler.without_revision(each)) for each in (before, now)]
        assert (told[0] == told[1]) is is_same


def untimed(status: Any) -> Any:
    conditions = tuple(msgspec.structs.replace(each, last_transition_time="") for each in status.conditions)
    return msgspec.structs.replace(status, conditions=conditions)


async def test_health_is_looked_at_in_each_interval(at: Rest) -> None:
    spec = "{containers: [{name: a, image: b}]}"
    pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: default}}\nspec: {spec}\n"
    at.here.publish({**folders("one"), "one/pod.yaml": pod})

    async def said(condition: str) -> None:
        status = {"phase": "Running", "conditions": [{"type": condition, "status": "True"}]}
        await at.here.client.patch_object("v1", "Pod", "default", "p", {"status": status}, subresource="status")

    await at.here.create(pod)
    await said("Ready")
    await at.settle(one={"wait": True})
    await said("Stalled")
    assert (await at.run(at.ended["one"].obj)).ready[:2] == ("False", "HealthCheckFailed")
