"""What wakes a Kustomization."""

from typing import Any

import msgspec

from deploy.kustomize import dependencies, wakes
from gotk.api import scheme
from gotk.api.core import ConfigMap, Secret
from gotk.api.kustomize import Kustomization
from gotk.api.source import GitRepository
from gotk.runtime.reconciler import Key
from tests.deploy.kustomize import sources
from tests.deploy.kustomize.world import Objects


def source(revision: str | None, digest: str = "sha256:00", name: str = "src", url: str = "u") -> GitRepository:
    artifact = {"digest": digest, "path": "p", "url": url, "revision": revision, "lastUpdateTime": ""}
    plain = {
        "apiVersion": "source.toolkit.fluxcd.io/v1",
        "kind": "GitRepository",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"url": "https://example.com/x", "interval": "1m"},
        "status": {"artifact": artifact} if revision else {},
    }
    return scheme.convert(plain, GitRepository)


def test_an_artifact_that_appears_or_changes_its_revision_wakes() -> None:
    assert wakes.artifact_changed(None, source("1"))
    assert wakes.artifact_changed(source(None), source("1"))
    assert wakes.artifact_changed(source("1"), source("2"))
    assert not wakes.artifact_changed(source("1"), source("1", digest="sha256:01"))
    assert not wakes.artifact_changed(source("1"), source(None))
    assert not wakes.artifact_changed(source("1"), None)


def test_an_artifact_that_moves_to_another_address_wakes() -> None:
    assert wakes.artifact_changed(source("1"), source("1", url="elsewhere"))


def kustomization(name: str, *, ready: str = "", revision: str = "1", **spec: Any) -> Kustomization:
    condition = {"type": "Ready", "status": ready, "reason": "r", "message": "", "lastTransitionTime": ""}
    status = {
        "observedGeneration": 1,
        "conditions": [condition] if ready else [],
        "lastAttemptedRevision": revision,
        "lastAppliedRevision": revision,
    }
    plain = scheme.to_builtins(sources.kustomization(name, **spec)) | {"status": status}
    return scheme.convert(plain, Kustomization)


def test_a_source_wakes_those_that_have_not_applied_its_revision() -> None:
    objects = Objects()
    objects.held = [
        kustomization("new"),
        kustomization("old", ready="True", revision="0"),
        kustomization("done", ready="True"),
        kustomization("failed", ready="False"),
        kustomization("other", sourceRef={"kind": "GitRepository", "name": "another"}),
        kustomization("bucket", sourceRef={"kind": "Bucket", "name": "src"}),
        kustomization(
            "far", namespace="far", sourceRef={"kind": "GitRepository", "name": "src", "namespace": "default"}
        ),
    ]
    assert list(wakes.of_source(source("1"), objects)) == [
        Key("default", "new"),
        Key("default", "old"),
        Key("default", "failed"),
        Key("far", "far"),
    ]


def test_a_dependency_that_becomes_ready_wakes() -> None:
    waiting, ready = kustomization("base"), kustomization("base", ready="True")
    assert wakes.became_ready(waiting, ready)
    assert wakes.became_ready(None, ready)
    assert wakes.became_ready(ready, kustomization("base", ready="True", revision="2"))
    assert not wakes.became_ready(ready, ready)
    assert not wakes.became_ready(ready, waiting)
    assert not wakes.became_ready(ready, None)


def test_only_those_that_wait_are_woken() -> None:
    objects, dependents = Objects(), wakes.Dependents()
    needs = {"dependsOn": [{"name": "base"}]}
    waits, free = kustomization("waits", **needs), kustomization("free")
    objects.held = [waits, kustomization("done", ready="True", **needs), free]
    for each in objects.held:
        dependents.changed(None, each)
    base = kustomization("base", ready="True")
    assert [dependents.has(each) for each in (base, waits)] == [True, False]
    assert list(dependents.waiting(base, objects)) == [Key("default", "waits")]
    dependents.changed(waits, kustomization("waits"))
    dependents.changed(free, kustomization("free", **needs))
    assert list(dependents.waiting(base, objects)) == [Key("default", "free")]
    dependents.changed(kustomization("free", **needs), None)
    assert not list(dependents.waiting(base, objects))


def test_a_dependency_counts_for_its_present_generation_only() -> None:
    ready = kustomization("base", ready="True")
    assert dependencies.ready(ready)
    metadata = msgspec.structs.replace(ready.metadata, generation=2)
    assert dependencies.ready(msgspec.structs.replace(ready, metadata=metadata)) is None


READERS = {
    "keys": {"decryption": {"provider": "sops", "secretRef": {"name": "x"}}},
    "a kubeconfig": {"kubeConfig": {"secretRef": {"name": "x"}}},
    "a cloud's cluster": {"kubeConfig": {"configMapRef": {"name": "x"}}},
}


def test_a_config_wakes_those_of_its_namespace_that_read_it() -> None:
    objects = Objects()
    objects.held = [
        *(kustomization(name.replace(" ", "-"), **spec) for name, spec in READERS.items()),
        *(
            kustomization(kind, postBuild={"substituteFrom": [{"kind": kind, "name": "x"}]})
            for kind in ("Secret", "ConfigMap")
        ),
        kustomization("elsewhere", namespace="far", postBuild={"substituteFrom": [{"kind": "Secret", "name": "x"}]}),
        kustomization("none"),
    ]
    woken = {}
    for kind in (Secret, ConfigMap):
        plain = {"apiVersion": "v1", "kind": kind.__name__, "metadata": {"name": "x", "namespace": "default"}}
        woken[kind] = {key.name for key in wakes.of_config(scheme.convert(plain, kind), objects)}
    assert woken == {Secret: {"keys", "a-kubeconfig", "Secret"}, ConfigMap: {"a-cloud's-cluster", "ConfigMap"}}
