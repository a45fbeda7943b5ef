"""Kustomizations end to end: an archive over HTTP, the real kustomize, a real API."""

import asyncio
import base64
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.cluster.trial import USUAL
from deploy.kustomize.building import build
from gotk.api import scheme
from gotk.api.kustomize import Kustomization
from gotk.api.source import ExternalArtifact
from gotk.kube.client import Client
from gotk.kube.errors import Invalid, NotFound
from gotk.runtime import errors
from tests.deploy.kustomize import sources, world
from tests.deploy.kustomize.sources import config_map, kustomization
from tests.deploy.kustomize.world import World
from tests.running import FakeRun, run_once

try:
    build.find_command()
    MISSING = False
except FileNotFoundError:
    MISSING = True

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(MISSING, reason="neither kustomize nor kubectl is installed"),
]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world.new(tmp_path) as made:
        yield made


REVISION = "main@sha1:1"
IN_DEFAULT = {"targetNamespace": "default"}


async def test_an_artifact_of_somebody_else_is_applied_where_the_gate_is_open(here: World) -> None:
    here.publish({"cm.yaml": config_map()}, "latest@sha256:1", kind=ExternalArtifact)
    obj = kustomization(**IN_DEFAULT, sourceRef={"kind": "ExternalArtifact", "name": "src"})
    ended = await here.reconcile(obj)
    assert ended.ready == ("True", "ReconciliationSucceeded", "Applied revision: latest@sha256:1")
    refused = await run_once(here.reconciler_for(here.client, external_artifacts=False), obj)
    message = "can't access 'ExternalArtifact/default/src', ExternalArtifact feature gate is disabled"
    assert isinstance(refused.error, errors.Stalled)
    assert refused.ready == ("False", "AccessDenied", message)


async def test_a_source_is_applied(here: World) -> None:
    here.publish({"cm.yaml": config_map()})
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    assert ended.ready == ("True", "ReconciliationSucceeded", f"Applied revision: {REVISION}")
    live = await here.get("ConfigMap", "cm")
    assert live["data"] == {"key": "value"}
    assert live["metadata"]["labels"] == {
        "kustomize.toolkit.fluxcd.io/name": "app",
        "kustomize.toolkit.fluxcd.io/namespace": "default",
    }
    assert [(m["manager"], m["operation"]) for m in live["metadata"]["managedFields"]] == [
        ("kustomize-controller", "Apply")
    ]
    status = ended.obj.status
    assert status.last_applied_revision == status.last_attempted_revision == REVISION
    assert status.inventory is not None
    assert [(entry.id, entry.v) for entry in status.inventory.entries] == [("default_cm__ConfigMap", "v1")]
    (snapshot,) = status.history
    assert (snapshot.last_reconciled_status, snapshot.total_reconciliations) == ("ReconciliationSucceeded", 1)
    assert [(event.severity, event.message) for event in ended.run.events] == [
        ("Normal", "ConfigMap/default/cm created")
    ]
    assert ended.run.progressed == [
        f"{doing} for revision {REVISION} with a timeout of 9m30s"
        for doing in ("Fetching manifests", "Building manifests", "Detecting drift")
    ]
    assert ended.outcome is not None
    assert ended.outcome.requeue_after == 600
    assert ended.outcome.event is not None
    assert ended.outcome.event.endswith(", next run in 10m0s")
    assert not list(here.scratch.glob("build-*"))


async def test_the_version_of_a_source_is_not_looked_at(here: World) -> None:
    here.publish({"cm.yaml": config_map()})
    older = {"apiVersion": "source.toolkit.fluxcd.io/v1beta2", "kind": "GitRepository", "name": "src"}
    assert (await here.reconcile(kustomization(**IN_DEFAULT, sourceRef=older))).ready[0] == "True"


async def test_nothing_changed_is_nothing_written(here: World) -> None:
    here.publish({"cm.yaml": config_map()})
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    before = await here.get("ConfigMap", "cm")
    ended = await here.reconcile(world.again(ended))
    assert await here.get("ConfigMap", "cm") == before
    assert ended.run.events == ended.run.saves == ended.run.progressed == []
    assert ended.obj.status.history[0].total_reconciliations == 2
    assert here.downloads == 1


async def test_drift_is_undone(here: World) -> None:
    here.publish({"cm.yaml": config_map()})
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    await here.client.patch_object("v1", "ConfigMap", "default", "cm", {"data": {"key": "edited"}})
    ended = await here.reconcile(world.again(ended))
    assert (await here.get("ConfigMap", "cm"))["data"] == {"key": "value"}
    assert [event.message for event in ended.run.events] == ["ConfigMap/default/cm configured"]


async def test_what_kubectl_added_is_taken_out_again(here: World) -> None:
    here.publish({"cm.yaml": config_map()})
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    edit = {"data": {"more": "x"}}
    await here.client.patch_object("v1", "ConfigMap", "default", "cm", edit, field_manager="kubectl-edit")
    await here.client.patch_object(
        "v1", "ConfigMap", "default", "cm", {"data": {"kept": "x"}}, field_manager="operator"
    )
    ended = await here.reconcile(world.again(ended))
    assert (await here.get("ConfigMap", "cm"))["data"] == {"key": "value", "kept": "x"}
    assert [event.message for event in ended.run.events] == ["ConfigMap/default/cm configured"]


async def test_what_left_the_source_is_pruned(here: World) -> None:
    here.publish({"a.yaml": config_map("a"), "b.yaml": config_map("b")})
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    here.publish({"a.yaml": config_map("a")}, "main@sha1:2")
    ended = await here.reconcile(world.again(ended))
    assert await here.get("ConfigMap", "b") is None
    assert [event.message for event in ended.run.events] == ["ConfigMap/default/b deleted"]
    assert [entry.id for entry in ended.obj.status.inventory.entries] == ["default_a__ConfigMap"]
    assert ended.obj.status.last_applied_revision == "main@sha1:2"


async def test_what_a_run_that_is_cut_off_had_to_prune_is_pruned_by_the_next(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.publish({"a.yaml": config_map("a"), "b.yaml": config_map("b")})
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    here.publish({"a.yaml": config_map("a")}, "main@sha1:2")
    run: FakeRun[Any] = FakeRun(ended.obj)
    with monkeypatch.context() as cut:
        cut.setattr(here.client, "delete_object", cut_off)
        with pytest.raises(asyncio.CancelledError):
            await here.reconciler.reconcile(ended.obj, run)
    ended = await here.reconcile(msgspec.structs.replace(ended.obj, status=run.saves[-1]))
    assert await here.get("ConfigMap", "b") is None
    assert [entry.id for entry in ended.obj.status.inventory.entries] == ["default_a__ConfigMap"]


async def cut_off(*_: Any, **__: Any) -> None:
    raise asyncio.CancelledError


KEEPS = {
    "prune disabled": {"kustomize.toolkit.fluxcd.io/prune": "Disabled"},
    "reconcile disabled": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"},
    "ssa ignored": {"kustomize.toolkit.fluxcd.io/ssa": "Ignore"},
    "another owner": {"kustomize.toolkit.fluxcd.io/name": "another"},
}


@pytest.mark.parametrize("labels", KEEPS.values(), ids=KEEPS.keys())
async def test_what_asks_to_stay_is_not_pruned(labels: dict[str, str], here: World) -> None:
    here.publish({"a.yaml": config_map("a")})
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    await here.client.patch_object("v1", "ConfigMap", "default", "a", {"metadata": {"labels": labels}})
    here.publish({"b.yaml": config_map("b")}, "main@sha1:2")
    ended = await here.reconcile(world.again(ended))
    assert await here.get("ConfigMap", "a")
    assert "ConfigMap/default/a skipped" in [event.message for event in ended.run.events]


async def test_nothing_is_pruned_where_pruning_is_off(here: World) -> None:
    here.publish({"a.yaml": config_map("a")})
    ended = await here.reconcile(kustomization(prune=False, **IN_DEFAULT))
    here.publish({"b.yaml": config_map("b")}, "main@sha1:2")
    await here.reconcile(world.again(ended))
    assert await here.get("ConfigMap", "a")


async def test_a_failed_dry_run_applies_and_prunes_nothing(here: World) -> None:
    here.publish({"a.yaml": config_map("a")})
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    unknown = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n"
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: extra}\n"
    here.publish({"b.yaml": config_map("b"), "w.yaml": unknown, "n.yaml": namespace}, "main@sha1:2")
    ended = await here.reconcile(world.again(ended, targetNamespace=None))
    message = (
        "ConfigMap/b namespace not specified: set metadata.namespace, or spec.targetNamespace of the Kustomization\n"
        'Widget/w dry-run failed: no matches for kind "Widget" in version "example.com/v1"\n'
        "Namespace/extra created"
    )
    assert ended.ready == ("False", "ReconciliationFailed", message)
    assert isinstance(ended.error, errors.Retry)
    assert ended.error.after == 600
    assert await here.get("ConfigMap", "a")
    assert await here.get("ConfigMap", "b") is None
    status = ended.obj.status
    assert [entry.id for entry in status.inventory.entries] == ["default_a__ConfigMap"]
    assert (status.last_applied_revision, status.last_attempted_revision) == (REVISION, "main@sha1:2")
    assert [snapshot.last_reconciled_status for snapshot in status.history] == [
        "ReconciliationFailed",
        "ReconciliationSucceeded",
    ]


WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
WIDGET = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: extra}\nspec: {size: 1}\n"


async def test_definitions_and_namespaces_come_first(here: World) -> None:
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: extra}\n"
    here.publish({"a.yaml": WIDGET, "b.yaml": WIDGETS, "c.yaml": namespace})
    ended = await here.reconcile(kustomization())
    assert ended.ready[0] == "True", ended.ready
    assert await here.get("Widget", "w", namespace="extra", api_version="example.com/v1")
    assert [event.message for event in ended.run.events] == [
        "CustomResourceDefinition/widgets.example.com created\nNamespace/extra created\nWidget/extra/w created"
    ]


async def test_variables_are_substituted(here: World) -> None:
    await here.create(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: vars, namespace: default}, data: {a: one, b: two}}\n---\n"
        "{apiVersion: v1, kind: Secret, metadata: {name: more, namespace: default}, data: {b: dApocmVl}}\n"
    )
    text = config_map() + "  a: ${a}\n  b: ${b}\n  c: ${c:=four}\n  d: $${d}\n"
    raw = config_map("raw").replace(
        "name: raw", "name: raw\n  labels: {kustomize.toolkit.fluxcd.io/substitute: disabled}"
    )
    here.publish({"cm.yaml": text, "raw.yaml": raw + "  a: ${x}\n"})
    references = [{"kind": "ConfigMap", "name": "vars"}, {"kind": "Secret", "name": "more"}]
    references.append({"kind": "Secret", "name": "none", "optional": True})
    ended = await here.reconcile(kustomization(postBuild={"substituteFrom": references}, **IN_DEFAULT))
    assert ended.ready[0] == "True", ended.ready
    data = (await here.get("ConfigMap", "cm"))["data"]
    assert data == {"key": "value", "a": "one", "b": "three", "c": "four", "d": "${d}"}
    assert (await here.get("ConfigMap", "raw"))["data"]["a"] == "${x}"


UNSET = (
    "post build failed for 'ConfigMap.v1.[noGrp]/cm': envsubst error: variable substitution failed: "
    'variable not set (strict mode): "a"'
)
POST_BUILD = {
    "missing reference": (
        {"substituteFrom": [{"kind": "Secret", "name": "none"}]},
        "post build failed for 'ConfigMap.v1.[noGrp]/cm': substitute from 'Secret/none' error: ",
    ),
    "unset variable": (
        {"substitute": {"x": "y"}},
        UNSET,
    ),
    "always": (
        {"substituteStrategy": "Always"},
        UNSET,
    ),
    "bad name": ({"substitute": {"a-b": "y"}}, "'a-b' var name is invalid, must match"),
}


@pytest.mark.parametrize(("post_build", "expected"), POST_BUILD.values(), ids=POST_BUILD.keys())
async def test_a_failed_substitution_is_told(post_build: dict[str, Any], expected: str, here: World) -> None:
    here.publish({"cm.yaml": config_map() + "  a: ${a}\n"})
    ended = await here.reconcile(kustomization(postBuild=post_build, retryInterval="1m", **IN_DEFAULT))
    assert ended.ready[:2] == ("False", "BuildFailed")
    assert expected in ended.ready[2]
    assert isinstance(ended.error, errors.Retry)
    assert ended.error.after == 60


async def test_variables_that_make_one_object_of_two_are_told(here: World) -> None:
    here.publish({"a.yaml": config_map("${a}"), "b.yaml": config_map("${b}")})
    ended = await here.reconcile(kustomization(postBuild={"substitute": {"a": "x", "b": "x"}}, **IN_DEFAULT))
    assert ended.ready[:2] == ("False", "BuildFailed")
    cause = "its variables make one object of two manifests, give them different names"
    assert ended.ready[2] == f"post build failed for 'ConfigMap/default/x': {cause}"


async def test_without_variables_nothing_is_substituted(here: World) -> None:
    here.publish({"cm.yaml": config_map() + "  a: ${a}\n"})
    await here.reconcile(kustomization(**IN_DEFAULT))
    assert (await here.get("ConfigMap", "cm"))["data"]["a"] == "${a}"


IMMUTABLE = "data: Forbidden: field is immutable when `immutable` is set"


class Stubborn:
    """A cluster that lets the data of no ConfigMap change."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def apply_object(self, obj: dict[str, Any], **how: Any) -> dict[str, Any]:
        with contextlib.suppress(NotFound):
            live = await self._client.get_object("v1", "ConfigMap", "default", obj["metadata"]["name"])
            if live["data"] != obj["data"]:
                raise Invalid(422, "Invalid", IMMUTABLE)
        return await self._client.apply_object(obj, **how)


FORCES = {
    "in the spec": ({"force": True}, ""),
    "by a label": ({}, "  labels: {kustomize.toolkit.fluxcd.io/force: Enabled}\n"),
}


@pytest.mark.parametrize(("spec", "label"), FORCES.values(), ids=FORCES.keys())
async def test_an_immutable_object_is_made_anew_where_forced(spec: dict[str, Any], label: str, here: World) -> None:
    here.reconciler = here.reconciler_for(Stubborn(here.client))
    here.publish({"cm.yaml": config_map()})
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    uid = (await here.get("ConfigMap", "cm"))["metadata"]["uid"]
    changed = config_map() + "  more: x\n"
    here.publish({"cm.yaml": changed}, "main@sha1:2")
    failed = await here.reconcile(world.again(ended))
    message = (
        "ConfigMap/default/cm dry-run failed (Invalid): data: Forbidden: field is immutable when `immutable` is set"
    )
    assert failed.ready == ("False", "ReconciliationFailed", message)
    here.publish({"cm.yaml": changed.replace("name: cm\n", f"name: cm\n{label}")}, "main@sha1:3")
    ended = await here.reconcile(world.again(failed, **spec))
    assert ended.ready[0] == "True", ended.ready
    live = await here.get("ConfigMap", "cm")
    assert live["data"] == {"key": "value", "more": "x"}
    assert live["metadata"]["uid"] != uid
    assert [event.message for event in ended.run.events] == ["ConfigMap/default/cm created"]


async def test_ssa_if_not_present_creates_only(here: World) -> None:
    labelled = config_map().replace(
        "name: cm", "name: cm\n  annotations: {kustomize.toolkit.fluxcd.io/ssa: IfNotPresent}"
    )
    here.publish({"cm.yaml": labelled})
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    await here.client.patch_object("v1", "ConfigMap", "default", "cm", {"data": {"key": "mine"}})
    ended = await here.reconcile(world.again(ended))
    assert (await here.get("ConfigMap", "cm"))["data"] == {"key": "mine"}
    assert len(ended.obj.status.inventory.entries) == 1


async def test_an_encrypted_secret_is_refused(here: World) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: eA==}\nsops: {mac: x}\n"
    here.publish({"s.yaml": secret})
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    assert ended.ready[0] == "False"
    assert ended.ready[2].startswith("Secret/default/s is SOPS encrypted, configuring decryption is required")


async def test_health_is_awaited(here: World) -> None:
    await here.create(WIDGETS + "---\n" + "{apiVersion: v1, kind: Namespace, metadata: {name: extra}}\n")
    here.publish({"w.yaml": WIDGET, "cm.yaml": config_map().replace("name: cm", "name: cm\n  namespace: extra")})
    ended = await here.reconcile(kustomization(wait=True))
    assert ended.ready[0] == "True", ended.ready
    assert ended.conditions["Healthy"][:2] == ("True", "Succeeded")
    assert ended.conditions["Healthy"][2].startswith("Health check passed in ")
    stalled = {"status": {"conditions": [{"type": "Stalled", "status": "True", "message": "broken"}]}}
    await here.client.patch_object("example.com/v1", "Widget", "extra", "w", stalled, subresource="status")
    ended = await here.reconcile(world.again(ended))
    why = "failed early due to stalled resources: [Widget/extra/w status: 'Failed': broken]"
    assert ended.ready[:2] == ("False", "HealthCheckFailed")
    assert ended.ready[2].startswith("health check failed after ")
    assert ended.ready[2].endswith(why)
    assert ended.conditions["Healthy"] == ("False", "HealthCheckFailed", why)
    ended = await here.reconcile(world.again(ended, wait=False))
    assert "Healthy" not in ended.conditions


async def test_named_objects_are_awaited_and_no_others(here: World) -> None:
    deployment = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: extra}\nspec: {replicas: 1, selector: "
        "{matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}\n"
    )
    await here.create(
        WIDGETS + "---\n" + "{apiVersion: v1, kind: Namespace, metadata: {name: extra}}\n---\n" + deployment
    )
    here.publish({"w.yaml": WIDGET, "cm.yaml": config_map()})
    await here.create(WIDGET)
    stalled = {"status": {"conditions": [{"type": "Stalled", "status": "True", "message": "broken"}]}}
    await here.client.patch_object("example.com/v1", "Widget", "extra", "w", stalled, subresource="status")
    done = {
        "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        "conditions": [
            {"type": "Available", "status": "True"},
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
        ],
    }  # fmt: skip
    await here.client.patch_object("apps/v1", "Deployment", "extra", "web", {"status": done}, subresource="status")
    named = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "cm"},
        {"kind": "Deployment", "name": "web", "namespace": "extra"},  # apps/v1, and not of this Kustomization
    ]
    ended = await here.reconcile(kustomization(**IN_DEFAULT, healthChecks=named))
    assert ended.conditions["Healthy"][:2] == ("True", "Succeeded"), ended.conditions
    named.append({"apiVersion": "example.com/v1", "kind": "Widget", "name": "w", "namespace": "extra"})
    ended = await here.reconcile(world.again(ended, healthChecks=named))
    assert ended.conditions["Healthy"][2].endswith("[Widget/extra/w status: 'Failed': broken]")
    assert await here.get("ConfigMap", "cm"), "what was applied stays"


async def test_common_metadata_is_on_everything(here: World) -> None:
    here.publish({"cm.yaml": config_map()})
    common = {"labels": {"team": "a"}, "annotations": {"note": "b"}}
    await here.reconcile(kustomization(**IN_DEFAULT, commonMetadata=common))
    metadata = (await here.get("ConfigMap", "cm"))["metadata"]
    assert metadata["labels"]["team"] == "a"
    assert metadata["annotations"] == {"note": "b"}


async def test_sources_that_are_not_there(here: World) -> None:
    ended = await here.reconcile(kustomization())
    assert ended.ready == ("False", "ArtifactFailed", 'GitRepository.source.toolkit.fluxcd.io "src" not found')
    here.publish({})
    here.archives.clear()
    ended = await here.reconcile(kustomization())
    assert ended.ready == (
        "False",
        "ArtifactFailed",
        "Source is not ready, artifact not found, retrying in 30s",
    )
    assert isinstance(ended.error, errors.Waiting)
    here.publish({"a.yaml": config_map()})
    ended = await here.reconcile(kustomization(path="./nope"))
    assert ended.ready[1] == "ArtifactFailed"
    assert ended.ready[2].startswith("kustomization path not found: stat nope")


async def test_an_archive_that_is_not_what_the_source_says_is_refused(here: World) -> None:
    here.publish({"a.yaml": config_map()})
    here.archives = dict.fromkeys(here.archives, sources.archive({"a.yaml": config_map("evil")}))
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    assert ended.ready[1] == "ArtifactFailed"
    assert ended.ready[2].startswith("failed to verify archive: computed digest doesn't match provided 'sha256:")
    assert not list(here.scratch.iterdir())


async def test_dependencies_come_first(here: World) -> None:
    here.publish({"a.yaml": config_map()})
    obj = kustomization(dependsOn=[{"name": "base"}], **IN_DEFAULT)
    ended = await here.reconcile(obj)
    assert ended.ready[:2] == ("False", "DependencyNotReady")
    assert ended.ready[2].startswith("dependency 'default/base' not found: ")
    base = scheme.to_builtins(kustomization("base"))
    base["metadata"].pop("generation")
    await here.client.create_object(base)
    ended = await here.reconcile(obj)
    assert ended.ready[2] == "dependency 'default/base' is not ready"
    assert [event.message for event in ended.run.events] == [
        "Dependencies do not meet ready condition, retrying in 30s"
    ]
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "a",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {"observedGeneration": 1, "conditions": [ready], "lastAppliedRevision": "main@sha1:0"}
    await here.client.merge_patch(Kustomization, "default", "base", {"status": status}, subresource="status")
    ended = await here.reconcile(obj)
    assert ended.ready[2] == "dependency 'default/base' revision is not up to date"
    status["lastAppliedRevision"] = REVISION
    await here.client.merge_patch(Kustomization, "default", "base", {"status": status}, subresource="status")
    assert (await here.reconcile(obj)).ready[0] == "True"


POLICIES: dict[str, tuple[dict[str, Any], bool]] = {
    "prune": ({}, True),
    "no prune": ({"prune": False}, False),
    "delete": ({"prune": False, "deletionPolicy": "Delete"}, True),
    "wait": ({"prune": False, "deletionPolicy": "WaitForTermination"}, True),
    "orphan": ({"deletionPolicy": "Orphan"}, False),
    "suspended": ({"suspend": True}, False),
}


@pytest.mark.parametrize(("spec", "gone"), POLICIES.values(), ids=POLICIES.keys())
async def test_objects_go_with_their_kustomization(spec: dict[str, Any], gone: bool, here: World) -> None:
    here.publish({"a.yaml": config_map("a")})
    ended = await here.reconcile(kustomization(**{**IN_DEFAULT, **spec, "suspend": False}))
    run = await here.finalize(world.again(ended, **spec))
    assert (await here.get("ConfigMap", "a") is None) == gone
    assert [event.message for event in run.events] == (["ConfigMap/default/a deleted"] if gone else [])


async def test_an_inventory_of_another_controller_is_honoured(here: World) -> None:
    here.publish({"a.yaml": config_map("a")})
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    entries = [
        *scheme.to_builtins(ended.obj.status.inventory)["entries"],
        {"id": "x_y_gone.example.com_Thing", "v": "v1"},
    ]
    status = {"inventory": {"entries": entries}, "observedGeneration": 1}
    obj = scheme.convert({**scheme.to_builtins(ended.obj), "status": status}, Kustomization)
    ended = await here.reconcile(obj)
    assert ended.ready[0] == "True"
    assert [event.message for event in ended.run.events] == ["Thing/x/y deleted"]


HUNTER = "hunter2-correct-horse"
LEAKS = {
    "a number in a Secret": (
        {"s.yaml": f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\ndata: {{passwd: 1{'0' * 12}7}}\n"},
        f"1{'0' * 12}7",
    ),
    "text that is no base64": (
        {"s.yaml": f"apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\ndata: {{passwd: '{HUNTER}'}}\n"},
        HUNTER,
    ),
    "a literal without a key": (
        {"kustomization.yaml": f"secretGenerator:\n- {{name: s, literals: [{HUNTER}]}}\n"},
        HUNTER,
    ),
    "an inline patch that is none": (
        {
            "kustomization.yaml": f"resources: [cm.yaml]\npatches:\n- patch: '{HUNTER}'\n",
            "cm.yaml": config_map(),
        },
        HUNTER,
    ),
    "a value that a Secret gave to a variable": (
        {"cm.yaml": config_map().replace("name: cm", "name: ${passwd}")},
        HUNTER.upper(),
    ),
}


@pytest.mark.parametrize(("files", "value"), LEAKS.values(), ids=LEAKS)
async def test_no_message_carries_a_value_of_a_secret(here: World, files: dict[str, str], value: str) -> None:
    given = {"passwd": base64.b64encode(HUNTER.upper().encode()).decode()}
    await here.create(
        f"{{apiVersion: v1, kind: Secret, metadata: {{name: vars, namespace: default}}, data: {given}}}\n"
    )
    here.publish(files)
    post_build = {"substituteFrom": [{"kind": "Secret", "name": "vars"}]}
    ended = await here.reconcile(kustomization(**IN_DEFAULT, postBuild=post_build))
    assert ended.ready[0] == "False"
    told = [ended.ready[2], *(condition.message for condition in ended.obj.status.conditions)]
    told += [event.message for event in ended.run.events]
    assert [message for message in told if value[:8] in message] == []


PODS = "template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}"
DEPLOYMENT = f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: d, namespace: default}}
spec: {{selector: {{matchLabels: {{a: b}}}}, {PODS}}}
"""


async def test_who_waits_for_a_workload_that_nothing_runs_is_told_what_to_do(here: World) -> None:
    here.workload_advice = "start it with --simulate-workloads"
    here.reconciler = here.reconciler_for(here.client)
    here.publish({"d.yaml": DEPLOYMENT})
    ended = await here.reconcile(kustomization())
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too late"}
    status = {"status": {"observedGeneration": 1, "conditions": [late]}}
    await here.client.patch_object("apps/v1", "Deployment", "default", "d", status, subresource="status")
    ended = await here.reconcile(world.again(ended, wait=True))
    assert ended.ready[:2] == ("False", "HealthCheckFailed")
    assert ended.ready[2].endswith("; start it with --simulate-workloads")


UNKNOWN = DEPLOYMENT.replace("image: i", "image: i, imagen: x").replace("spec: {sel", "spec: {replica: 2, sel")


async def test_a_field_that_a_built_in_kind_does_not_have_is_left_out_as_in_flux(here: World) -> None:
    here.publish({"d.yaml": UNKNOWN})
    ended = await here.reconcile(kustomization())
    assert ended.ready[0] == "True", ended.ready
    live = await here.get("Deployment", "d", api_version="apps/v1")
    assert "replica" not in live["spec"]
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "i"
    ended = await here.reconcile(world.again(ended))
    assert ended.run.events == [], "what was left out is no drift"


async def test_an_object_with_such_a_field_is_made_anew_where_forced(here: World) -> None:
    here.publish({"d.yaml": DEPLOYMENT})
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    uid = (await here.get("Deployment", "d", api_version="apps/v1"))["metadata"]["uid"]
    here.publish({"d.yaml": UNKNOWN.replace("a: b", "a: other")}, "main@sha1:2")
    ended = await here.reconcile(world.again(ended, force=True))
    assert ended.ready[0] == "True", ended.ready
    live = await here.get("Deployment", "d", api_version="apps/v1")
    assert live["spec"]["selector"] == {"matchLabels": {"a": "other"}}
    assert live["metadata"]["uid"] != uid
    assert "replica" not in live["spec"]


async def test_such_a_field_fails_where_the_operator_wants_that(here: World) -> None:
    here.reconciler = here.reconciler_for(here.client, manner=dataclasses.replace(USUAL, strict_fields=True))
    here.publish({"d.yaml": UNKNOWN})
    ended = await here.reconcile(kustomization())
    assert ended.ready[1] == "ReconciliationFailed"
    assert ".spec.replica: field not declared in schema" in ended.ready[2]


IGNORE = {"ignore": [{"paths": ["/spec/replicas"], "target": {"kind": "Deploy.*", "name": "d"}}]}


async def test_a_field_that_another_looks_after_is_no_drift_and_stays_with_it(here: World) -> None:
    text = DEPLOYMENT.replace("spec: {sel", "spec: {replicas: 1, sel", 1)
    here.publish({"d.yaml": text})
    ended = await here.reconcile(kustomization(**IGNORE))
    place = ("apps/v1", "Deployment", "default", "d")
    assert (await here.client.get_object(*place))["spec"]["replicas"] == 1, "what is created is created whole"
    scaled = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "default"}}
    await here.client.apply_object(scaled | {"spec": {"replicas": 5}}, field_manager="autoscaler")
    ended = await here.reconcile(world.again(ended))
    assert ended.run.events == []
    here.publish({"d.yaml": text.replace("image: i", "image: j")}, "main@sha1:2")
    ended = await here.reconcile(world.again(ended))
    live = await here.client.get_object(*place)
    assert live["spec"]["replicas"] == 5
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "j"
    owners = [
        entry["manager"]
        for entry in live["metadata"]["managedFields"]
        if "f:replicas" in entry["fieldsV1"].get("f:spec", {})
    ]
    assert owners == ["autoscaler"], "we have let go of the field"
    ended = await here.reconcile(world.again(ended, ignore=[]))
    assert (await here.client.get_object(*place))["spec"]["replicas"] == 1, "without the rule it is drift again"


async def test_a_rule_that_cannot_be_read_is_told(here: World) -> None:
    here.publish({"cm.yaml": config_map()})
    bad = [{"paths": ["/data"], "target": {"kind": "("}}]
    ended = await here.reconcile(kustomization(ignore=bad, **IN_DEFAULT))
    assert ended.ready[1] == "ReconciliationFailed"
    assert ended.ready[2].startswith("failed to create ignore rule selector: invalid kind regex: ")


async def test_managers_that_the_operator_names_are_undone_like_kubectl(here: World) -> None:
    here.reconciler = here.reconciler_for(
        here.client, manner=dataclasses.replace(USUAL, override_managers=("console",))
    )
    here.publish({"cm.yaml": config_map()})
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    for manager, data in (("console-1", {"more": "x"}), ("operator", {"kept": "x"})):
        await here.client.patch_object("v1", "ConfigMap", "default", "cm", {"data": data}, field_manager=manager)
    ended = await here.reconcile(world.again(ended))
    assert (await here.get("ConfigMap", "cm"))["data"] == {"key": "value", "kept": "x"}


async def test_a_controller_that_takes_over_writes_nothing_to_what_is_as_declared(here: World) -> None:
    here.publish({"a.yaml": config_map("a"), "d.yaml": DEPLOYMENT})
    ended = await here.reconcile(kustomization(**IN_DEFAULT))
    places = (("v1", "ConfigMap", "default", "a"), ("apps/v1", "Deployment", "default", "d"))
    before = [await here.client.get_object(*place) for place in places]
    here.reconciler = here.reconciler_for(here.client)
    ended = await here.reconcile(world.again(ended))
    assert ended.ready[0] == "True"
    assert ended.run.events == []
    assert [await here.client.get_object(*place) for place in places] == before
