"""What others have changed of a Kustomization's objects: by dry runs at a real API, as who asks."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from deploy.cluster import wait
from deploy.cluster.apply import Applier
from deploy.cluster.trial import USUAL
from deploy.helm.storage import Storage, nothing_unfolded
from gotk.kube import errors
from gotk.runtime.clock import SystemClock
from image_automation.app.joining.drifting import Drifting
from image_automation.app.joining.release_drift import ReleaseDrift
from tests.deploy.helm.objects import helm_release
from tests.deploy.helm.releases import release, snapshot
from tests.deploy.kustomize import world
from tests.deploy.kustomize.sources import kustomization
from tests.deploy.kustomize.world import World

pytestmark = [pytest.mark.real, pytest.mark.asyncio(loop_scope="module")]
OBJ = kustomization(
    targetNamespace="default",
    postBuild={"substituteFrom": [{"kind": "Secret", "name": "vars"}]},
)
VARS = "apiVersion: v1\nkind: Secret\nmetadata: {name: vars, namespace: default}\nstringData: {hidden: tr0ub4dor}\n"
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n  {key}: {value}\n"
FILES = {
    "plain.yaml": MAP.format(name="plain", key="a", value='"1"'),
    "other.yaml": MAP.format(name="other", key="key", value="${hidden}"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world.new(Path(tmp_path_factory.mktemp("world"))) as made:
        await made.create(VARS)
        made.publish(FILES)
        ended = await made.reconcile(OBJ)
        assert ended.ready[0] == "True", ended.ready
        yield made


def drifting(here: World) -> Drifting:
    clock = SystemClock()
    applier = Applier(clock=clock, waiter=wait.Waiter(clock=clock, fail_fast=True), manner=USUAL)
    releases = ReleaseDrift(applier=applier, limiter=here.limiter, clock=clock)
    return Drifting(assembler=here.assembler, releases=releases, objects=here.objects, clock=clock)


async def test_what_others_changed_is_told_and_stays(here: World) -> None:
    looks = drifting(here)
    assert (await looks.of(OBJ, ("ada",), here.client)).departed == ()
    await here.client.patch_object("v1", "ConfigMap", "default", "plain", {"data": {"a": "2"}}, field_manager="kubectl")
    assert (await looks.of(OBJ, ("ada",), here.client)).departed == ()  # a look is kept for a while
    assert (await looks.of(OBJ, ("bob", "sre"), here.client)).departed
    found = await looks.of(OBJ, ("ada", "sre"), here.client)  # who may see more by now
    assert [(each.object, each.action) for each in found.departed] == [("ConfigMap/default/plain", "drifted")]
    assert found.revision == "main@sha1:1"
    assert [line.strip() for line in found.departed[0].lines if line.strip()[:1] in "+-"][-2:] == ["- 2", "+ 1"]
    assert (await here.get("ConfigMap", "plain"))["data"] == {"a": "2"}


async def test_what_a_secret_gave_is_not_shown(here: World) -> None:
    await here.client.patch_object("v1", "ConfigMap", "default", "other", {"data": {"key": "x"}}, field_manager="me")
    found = await drifting(here).of(OBJ, ("ada",), here.client)
    other = next(each for each in found.departed if each.object == "ConfigMap/default/other")
    assert other.lines
    assert "tr0ub4dor" not in str(found)


async def test_who_may_not_patch_the_objects_is_told_so(here: World) -> None:
    class Refusing:
        def __getattr__(self, name: str) -> Any:
            return getattr(here.client, name)

        async def apply_object(self, *_: Any, **__: Any) -> Any:
            raise errors.Forbidden(403, "Forbidden", "eve may not patch configmaps")

    found = await drifting(here).of(OBJ, ("eve",), Refusing())
    assert found.departed == ()
    assert all("eve may not patch configmaps" in each for each in found.failed)
    assert len(found.failed) == 2


async def test_what_cannot_be_compared_says_why(here: World) -> None:
    looks = drifting(here)
    remote = kustomization(kubeConfig={"secretRef": {"name": "other"}})
    assert (await looks.of(remote, ("ada",), here.client)).problem == "it is applied to another cluster"
    missing = kustomization(sourceRef={"kind": "GitRepository", "name": "none"})
    assert (await looks.of(missing, ("ada",), here.client)).problem == "its source has no artifact here"
    assert "nowhere" in (await looks.of(kustomization(path="./nowhere"), ("ada",), here.client)).problem


MANIFEST = '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: released}\ndata:\n  a: "1"\n'


async def test_a_release_is_held_against_what_its_secret_holds(here: World) -> None:
    stored = release(namespace="default", manifest=MANIFEST)
    storage = Storage(here.client, "default", limiter=here.limiter, clock=SystemClock(), unfolded=nothing_unfolded())
    await storage.create(stored)
    obj = helm_release(status={"history": [msgspec.to_builtins(snapshot(stored))]}, namespace="default")
    assert (await drifting(here).of(obj, ("ada",), here.client)).departed[0].lines == ("removed",)
    map_ = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "released", "namespace": "default"}}
    await here.client.apply_object({**map_, "data": {"a": "2"}}, field_manager="helm")
    found = await drifting(here).of(obj, ("ada",), here.client)
    assert found.revision == "default/web.v1"
    assert [each.object for each in found.departed] == ["ConfigMap/default/released"]
    assert found.departed[0].lines == ("changed (0 additions, 2 changes, 0 removals)",)


async def test_without_a_release_there_is_nothing_to_compare(here: World) -> None:
    looks = drifting(here)
    assert (await looks.of(helm_release(), ("ada",), here.client)).problem == "nothing is released yet"
    gone = release(name="gone", namespace="default")
    obj = helm_release(status={"history": [msgspec.to_builtins(snapshot(gone))]}, namespace="default")
    assert (await looks.of(obj, ("ada",), here.client)).problem == "there is no release gone in namespace default"
