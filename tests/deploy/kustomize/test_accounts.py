"""Whose rights a Kustomization is applied with, on an API that enforces roles."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from gotk.api.core import ServiceAccount
from gotk.kube import handed
from gotk.kube.client import Client
from tests.deploy.kustomize import world
from tests.deploy.kustomize.sources import config_map, kustomization
from tests.deploy.kustomize.test_kustomization import pytestmark as needs_kustomize
from tests.deploy.kustomize.world import World

pytestmark = needs_kustomize
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: token}\nstringData: {a: b}\n"
#: In its namespace a tenant may hold ConfigMaps and nothing else.
TENANT = """\
apiVersion: v1
kind: Namespace
metadata: {name: tenant}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer, namespace: tenant}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer, namespace: tenant}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get, create, patch, delete]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer, namespace: tenant}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
subjects: [{kind: ServiceAccount, name: deployer, namespace: tenant}]
"""
SOURCE = {"sourceRef": {"kind": "GitRepository", "name": "src", "namespace": "default"}}
ACCOUNT = {"serviceAccountName": "deployer"}
FORBIDDEN = 'User "system:serviceaccount:tenant:deployer" cannot'


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world.new(tmp_path, authorization_mode="RBAC") as made:
        await made.create(TENANT)
        yield made


async def test_an_account_applies_prunes_and_deletes_what_it_may(here: World) -> None:
    here.publish({"a.yaml": config_map("a"), "b.yaml": config_map("b")})
    obj = kustomization(namespace="tenant", targetNamespace="tenant", **SOURCE, **ACCOUNT)
    ended = await here.reconcile(obj)
    assert ended.ready[0] == "True", ended.ready
    here.publish({"a.yaml": config_map("a")}, "main@sha1:2")
    ended = await here.reconcile(world.again(ended))
    assert await here.get("ConfigMap", "b", namespace="tenant") is None
    await here.finalize(ended.obj)
    assert await here.get("ConfigMap", "a", namespace="tenant") is None


REFUSED = {
    "another kind": SECRET.replace("name: token", "name: token, namespace: tenant"),
    "another namespace": config_map("token").replace("  name: token", "  name: token\n  namespace: default"),
}


async def test_an_account_applies_nothing_that_it_may_not(here: World) -> None:
    for name, text in REFUSED.items():
        here.publish({"a.yaml": text})
        ended = await here.reconcile(kustomization(namespace="tenant", **SOURCE, **ACCOUNT))
        status, reason, message = ended.ready
        assert (status, reason) == ("False", "ReconciliationFailed"), name
        assert "/token dry-run failed (Forbidden): " in message
        assert FORBIDDEN in message


async def test_the_default_account_stands_in_where_none_is_named(here: World) -> None:
    here.publish({"a.yaml": SECRET})
    here.reconciler = here.reconciler_for(here.client, default_account="deployer")
    ended = await here.reconcile(kustomization(namespace="tenant", targetNamespace="tenant", **SOURCE))
    assert ended.ready[1] == "ReconciliationFailed"
    assert ended.ready[2].startswith("Secret/tenant/token dry-run failed (Forbidden): ")
    assert FORBIDDEN in ended.ready[2]


async def test_without_its_account_a_kustomization_goes_and_its_objects_stay(here: World) -> None:
    here.publish({"a.yaml": config_map("a")})
    ended = await here.reconcile(kustomization(namespace="tenant", targetNamespace="tenant", **SOURCE, **ACCOUNT))
    await here.client.delete_object("v1", "ServiceAccount", "tenant", "deployer")
    run = await here.finalize(ended.obj)
    assert [(event.severity, event.message) for event in run.events] == [
        ("Warning", "unable to prune objects: \nConfigMap/tenant/a")
    ]
    assert await here.get("ConfigMap", "a", namespace="tenant")


KIT = Path(__file__).parents[3] / "deploy" / "manifests"
SERVICE = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: image-automation, namespace: flux-system}\n"


async def as_the_kit_has_it(here: World) -> Client:
    """Return a client of the service account of the kit, with the rights that tenants' clusters give it."""
    await here.create("apiVersion: v1\nkind: Namespace\nmetadata: {name: flux-system}\n---\n" + SERVICE)
    for text in ("image/roles.yaml", "image/bindings.yaml", "impersonation/roles.yaml"):
        for obj in yaml.safe_load_all((KIT / "rights" / text).read_text()):
            if obj["kind"].startswith("Cluster"):
                await here.client.create_object(obj)
    wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    made = await here.client.create_subresource(ServiceAccount, "flux-system", "image-automation", "token", wanted)
    whole = yaml.safe_load(here.kubeconfig.read_text())
    whole["users"][0]["user"] = {"token": made["status"]["token"]}
    return Client(handed.read(yaml.safe_dump(whole).encode(), origin="a test", insecure_tls=False))


async def test_the_kits_rights_for_tenants_are_enough_and_apply_nothing_by_themselves(here: World) -> None:
    here.publish({"a.yaml": config_map("a")})
    async with await as_the_kit_has_it(here) as service:
        here.reconciler = here.reconciler_for(service)
        into = {"targetNamespace": "tenant", **SOURCE}
        ended = await here.reconcile(kustomization(namespace="tenant", **into, **ACCOUNT))
        assert ended.ready[0] == "True", ended.ready
        await here.finalize(ended.obj)
        assert await here.get("ConfigMap", "a", namespace="tenant") is None
        ended = await here.reconcile(kustomization(namespace="tenant", **into))
        assert 'User "system:serviceaccount:flux-system:image-automation" cannot' in ended.ready[2]


async def test_a_source_of_another_namespace_is_refused_where_tenants_are_apart(here: World) -> None:
    here.publish({"a.yaml": config_map("a")})
    here.reconciler = here.reconciler_for(here.client, no_cross_namespace_refs=True)
    ended = await here.reconcile(kustomization(namespace="tenant", targetNamespace="tenant", **SOURCE))
    told = "can't access 'GitRepository/default/src', cross-namespace references have been blocked"
    assert ended.ready == ("False", "AccessDenied", told)
    assert ended.conditions["Stalled"] == ("True", "AccessDenied", told)
    after = [{"name": "app", "namespace": "tenant"}]
    ended = await here.reconcile(kustomization("own", dependsOn=after, targetNamespace="default"))
    assert ended.ready[1] == "DependencyNotReady", "dependencies may be elsewhere, as in Flux"
    assert ended.ready[2].startswith("dependency 'tenant/app' not found: ")
