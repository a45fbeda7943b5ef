"""Kustomizations that go to another cluster: a second control plane, and one that believes our tokens."""

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import crds
from gotk.apiserver import ControlPlane
from gotk.kube.client import Client
from gotk.kube.config import from_kubeconfig
from gotk.kube.errors import NotFound
from gotk.runtime.errors import Retry
from tests.deploy.kustomize import world
from tests.deploy.kustomize.sources import config_map, kustomization
from tests.deploy.kustomize.test_accounts import TENANT
from tests.deploy.kustomize.test_kustomization import pytestmark as needs_kustomize
from tests.deploy.kustomize.world import World

pytestmark = needs_kustomize
IN_DEFAULT = {"targetNamespace": "default"}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world.new(tmp_path, authorization_mode="RBAC") as made:
        yield made


@pytest.fixture
async def away(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with ControlPlane(tmp_path / "away", crds=crds.load(), authorization_mode="RBAC") as plane:
        yield plane


def secret(content: str, key: str = "value") -> str:
    data = {key: base64.b64encode(content.encode()).decode()}
    metadata = {"name": "away", "namespace": "default"}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})


async def live(client: Client, name: str, namespace: str = "default") -> dict[str, Any] | None:
    try:
        return await client.get_object("v1", "ConfigMap", namespace, name)
    except NotFound:
        return None


async def test_a_kubeconfig_leads_to_another_cluster_and_its_accounts(here: World, away: ControlPlane) -> None:
    await here.create(secret(away.kubeconfig.read_text()))
    to = {"kubeConfig": {"secretRef": {"name": "away"}}}
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(Client(await from_kubeconfig([away.kubeconfig])))
        here.publish({"a.yaml": config_map("a"), "b.yaml": config_map("b")})
        ended = await here.reconcile(kustomization(**to, **IN_DEFAULT, wait=True))
        assert ended.ready[0] == "True", ended.ready
        assert await live(there, "a")
        assert await live(here.client, "a") is None
        here.publish({"a.yaml": config_map("a")}, "main@sha1:2")
        ended = await here.reconcile(world.again(ended))
        assert await live(there, "b") is None
        await here.finalize(ended.obj)
        assert await live(there, "a") is None

        for obj in yaml.safe_load_all(TENANT.replace("tenant", "default")):
            if obj["kind"] != "Namespace":
                await there.create_object(obj)
        ended = await here.reconcile(kustomization(**to, **IN_DEFAULT, serviceAccountName="deployer"))
        assert ended.ready[0] == "True", ended.ready
        await here.client.delete_object("v1", "Secret", "default", "away")
        with pytest.raises(
            Retry, match=r"^failed to build kube client: unable to read KubeConfig secret 'default/away'"
        ):
            await here.finalize(ended.obj)
        assert await live(there, "a"), "what cannot be reached cannot be given back, and is tried again"
        await here.create(secret(away.kubeconfig.read_text()))

        here.publish({"s.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"}, "main@sha1:3")
        refused = await here.reconcile(kustomization(**to, **IN_DEFAULT, serviceAccountName="deployer"))
        assert "Secret/default/s dry-run failed (Forbidden): " in refused.ready[2]
        assert "system:serviceaccount:default:deployer" in refused.ready[2]


REFUSED = {
    "no secret": ("", "unable to read KubeConfig secret 'default/away' error: "),
    "another key": (
        secret("x", key="other"),
        "KubeConfig secret 'default/away' does not contain a 'value' key with a kubeconfig",
    ),
    "no kubeconfig": (secret("[s3cret"), "KubeConfig secret 'default/away', key 'value': it is not YAML"),
}


async def test_a_cluster_that_cannot_be_reached_is_told_and_tried_again(here: World) -> None:
    here.publish({"a.yaml": config_map("a")})
    obj = kustomization(kubeConfig={"secretRef": {"name": "away"}}, retryInterval="1m", **IN_DEFAULT)
    for name, (text, message) in REFUSED.items():
        for held in yaml.safe_load_all(text):
            await here.client.apply_object(held, field_manager="someone")
        ended = await here.reconcile(obj)
        assert ended.ready[:2] == ("False", "ReconciliationFailed"), name
        assert ended.ready[2].startswith(f"failed to build kube client: {message}"), name
        assert "s3cret" not in ended.ready[2]
        assert getattr(ended.error, "after", None) == 60


async def test_a_cluster_that_believes_our_tokens_is_reached_as_a_service_account(here: World) -> None:
    await here.create(TENANT)
    config = yaml.safe_load(here.kubeconfig.read_text())["clusters"][0]["cluster"]
    ca = base64.b64decode(config["certificate-authority-data"]).decode()
    data = {
        "provider": "generic",
        "address": config["server"],
        "ca.crt": ca,
        "audiences": "https://kubernetes.default.svc.cluster.local\n",
        "serviceAccountName": "deployer",
    }
    metadata = {"name": "away", "namespace": "tenant"}
    await here.create(yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}))
    here.publish({"a.yaml": config_map("a")})
    source = {"sourceRef": {"kind": "GitRepository", "name": "src", "namespace": "default"}}
    to = {"kubeConfig": {"configMapRef": {"name": "away"}}}
    ended = await here.reconcile(kustomization(namespace="tenant", targetNamespace="tenant", **source, **to))
    assert ended.ready[0] == "True", ended.ready
    assert await live(here.client, "a", "tenant")
    here.publish({"s.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"}, "main@sha1:2")
    refused = await here.reconcile(world.again(ended))
    assert 'User "system:serviceaccount:tenant:deployer" cannot' in refused.ready[2]
