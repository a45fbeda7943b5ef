"""A revision that changes nothing of a Kustomization is recorded; whatever else wakes it has everything done.

Who was applied is seen by the drift that is undone.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gotk.api.kustomize import Kustomization
from tests.deploy.kustomize import world
from tests.deploy.kustomize.sources import kustomization
from tests.deploy.kustomize.world import World
from tests.running import Ended, FakeRun

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: default}}\ndata: {{key: {value}}}\n"
VARIABLE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: variables, namespace: default}\ndata: {word: declared}\n"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world.new(tmp_path) as made:
        yield made


def app(name: str, value: str = "declared") -> dict[str, str]:
    return {f"{name}/cm.yaml": CONFIG_MAP.format(name=name, value=value)}


async def drift(here: World, *names: str) -> None:
    for name in names:
        await here.client.patch_object("v1", "ConfigMap", "default", name, {"data": {"key": "edited"}})


async def value(here: World, name: str) -> str:
    return str((await here.get("ConfigMap", name))["data"]["key"])


async def test_a_revision_that_changes_another_folder_is_recorded(here: World) -> None:
    here.publish({**app("one"), **app("two")}, "main@sha1:1")
    first = await here.reconcile(kustomization(path="one"))
    await drift(here, "one")
    here.publish({**app("one"), **app("two", "new")}, "main@sha1:2")
    obj = world.again(first)
    put_off = await here.reconciler.reconcile(obj, FakeRun(obj))
    assert put_off.later  # those go first that have something to apply
    ended = await here.reconcile(obj)
    assert await value(here, "one") == "edited"
    assert ended.ready == ("True", "ReconciliationSucceeded", "Applied revision: main@sha1:2")
    status = ended.obj.status
    assert status.last_applied_revision == status.last_attempted_revision == "main@sha1:2"
    assert status.inventory == first.obj.status.inventory
    (snapshot,) = status.history
    assert (snapshot.total_reconciliations, snapshot.metadata) == (2, {"revision": "main@sha1:2"})
    assert ended.run.events == ended.run.progressed == ended.run.saves == []
    assert ended.outcome is not None
    assert ended.outcome.requeue_after is not None
    assert ended.outcome.requeue_after <= 600
    assert ended.outcome.routine
    assert ended.outcome.metadata["kustomize.toolkit.fluxcd.io/revision"] == "main@sha1:2"
    again = await here.reconcile(world.again(ended))  # its interval
    assert await value(here, "one") == "declared"
    assert again.obj.status.history[0].total_reconciliations == 3


def requested(ended: Ended[Kustomization]) -> Kustomization:
    annotations = {"reconcile.fluxcd.io/requestedAt": "now"}
    return msgspec.structs.replace(
        ended.obj, metadata=msgspec.structs.replace(ended.obj.metadata, annotations=annotations)
    )


def failed(ended: Ended[Kustomization], reason: str = "ReconciliationFailed") -> Kustomization:
    ready = [msgspec.structs.replace(each, status="False", reason=reason) for each in ended.obj.status.conditions]
    return msgspec.structs.replace(ended.obj, status=msgspec.structs.replace(ended.obj.status, conditions=tuple(ready)))


def elsewhere(ended: Ended[Kustomization]) -> Kustomization:
    """Return an object that has taken the name of another."""
    return msgspec.structs.replace(ended.obj, metadata=msgspec.structs.replace(ended.obj.metadata, uid="another"))


async def test_whatever_else_wakes_it_has_everything_done(here: World) -> None:
    await here.create(VARIABLE)
    specs: dict[str, dict[str, Any]] = {
        "stands": {},
        "waited": {},
        "changed": {},
        "base": {},
        "interval": {"interval": "1ms"},
        "requested": {},
        "respecified": {},
        "failed": {},
        "replaced": {},
        "variables": {"postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "variables"}]}},
    }
    files = {path: text for name in specs for path, text in app(name).items()}
    files |= {
        "base/kustomization.yaml": "resources: [../shared]\n",
        "shared/kustomization.yaml": "resources: [cm.yaml]\n",
    }
    files |= {
        "shared/cm.yaml": files["base/cm.yaml"],
        "variables/cm.yaml": CONFIG_MAP.format(name="variables-of", value='"${word}"'),
    }
    here.publish(files, "main@sha1:1")
    ended = {name: await here.reconcile(kustomization(name, path=name, **spec)) for name, spec in specs.items()}
    live = {name: "variables-of" if name == "variables" else name for name in specs}
    await drift(here, *live.values())
    await here.client.patch_object("v1", "ConfigMap", "default", "variables", {"data": {"word": "more"}})
    files |= app("changed", "new") | {"shared/cm.yaml": CONFIG_MAP.format(name="base", value="new")}
    here.publish({**files, "README.md": "New\n"}, "main@sha1:2")
    objects = {name: world.again(each) for name, each in ended.items()} | {
        "requested": requested(ended["requested"]),
        "respecified": world.again(ended["respecified"], force=True),
        "failed": failed(ended["failed"]),
        "waited": failed(ended["waited"], "DependencyNotReady"),
        "replaced": elsewhere(ended["replaced"]),
    }
    for obj in objects.values():
        assert (await here.reconcile(obj)).ready[0] == "True"
    assert {name: await value(here, each) for name, each in live.items()} == {
        **dict.fromkeys(specs, "declared"),
        "stands": "edited",
        "waited": "edited",
        "changed": "new",
        "base": "new",
        "variables": "more",
    }


async def test_what_a_failed_run_left_half_done_is_not_taken_for_what_was_applied_before(here: World) -> None:
    here.publish(app("one"), "main@sha1:1")
    ended = await here.reconcile(kustomization(path="one"))
    broken = app("one", "new") | {"one/more.yaml": "apiVersion: v1\nkind: Absent\nmetadata: {name: x}\n"}
    here.publish(broken, "main@sha1:2")
    assert (await here.reconcile(world.again(ended))).ready[0] == "False"
    await drift(here, "one")
    here.publish(app("one"), "main@sha1:3")
    assert (await here.reconcile(world.again(ended))).ready[0] == "True"  # as if the failure's status was never written
    assert await value(here, "one") == "declared"
