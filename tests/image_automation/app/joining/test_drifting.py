"""What others have changed of a Kustomization's objects: by dry runs at a real API, as who asks."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gotk.kube import errors
from gotk.runtime.clock import SystemClock
from image_automation.app.joining.drifting import Drifting
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
    return Drifting(assembler=here.assembler, objects=here.objects, clock=SystemClock())


async def test_what_others_changed_is_told_and_stays(here: World) -> None:
    looks = drifting(here)
    assert (await looks.of(OBJ, "ada", here.client)).departed == ()
    await here.client.patch_object("v1", "ConfigMap", "default", "plain", {"data": {"a": "2"}}, field_manager="kubectl")
    assert (await looks.of(OBJ, "ada", here.client)).departed == ()  # a look is kept for a while
    found = await looks.of(OBJ, "bob", here.client)
    assert [(each.object, each.action) for each in found.departed] == [("ConfigMap/default/plain", "drifted")]
    assert found.revision == "main@sha1:1"
    assert [line.strip() for line in found.departed[0].lines if line.strip()[:1] in "+-"][-2:] == ["- 2", "+ 1"]
    assert (await here.get("ConfigMap", "plain"))["data"] == {"a": "2"}


async def test_what_a_secret_gave_is_not_shown(here: World) -> None:
    await here.client.patch_object("v1", "ConfigMap", "default", "other", {"data": {"key": "x"}}, field_manager="me")
    found = await drifting(here).of(OBJ, "ada", here.client)
    other = next(each for each in found.departed if each.object == "ConfigMap/default/other")
    assert other.lines
    assert "tr0ub4dor" not in str(found)


async def test_who_may_not_patch_the_objects_is_told_so(here: World) -> None:
    class Refusing:
        def __getattr__(self, name: str) -> Any:
            return getattr(here.client, name)

        async def apply_object(self, *_: Any, **__: Any) -> Any:
            raise errors.Forbidden(403, "Forbidden", "eve may not patch configmaps")

    found = await drifting(here).of(OBJ, "eve", Refusing())
    assert found.departed == ()
    assert all("eve may not patch configmaps" in each for each in found.failed)
    assert len(found.failed) == 2


async def test_what_cannot_be_compared_says_why(here: World) -> None:
    looks = drifting(here)
    remote = kustomization(kubeConfig={"secretRef": {"name": "other"}})
    assert (await looks.of(remote, "ada", here.client)).problem == "it is applied to another cluster"
    missing = kustomization(sourceRef={"kind": "GitRepository", "name": "none"})
    assert (await looks.of(missing, "ada", here.client)).problem == "its source has no artifact here"
    assert "nowhere" in (await looks.of(kustomization(path="./nowhere"), "ada", here.client)).problem
