"""`install` and `uninstall` as an administrator calls them, on a control plane that enforces roles."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.installation import remembering
from gotk.kube import config, errors
from gotk.kube.client import Client
from image_automation.app import embedded
from image_automation.cli import root
from tests import typed

_ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd())}
ADMIN = ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", "image-automation-cluster-admin")
IMAGES = ("image.toolkit.fluxcd.io/v1", "ImagePolicy", "team", "web")


@dataclass(frozen=True)
class Shell:
    client: Client
    environment: dict[str, str]

    async def run(self, *arguments: str, text: str = "", code: int = 0) -> str:
        """Run a verb and return all that it says."""
        done = await typed.run(*arguments, environment=self.environment, stdin=text, together=True)
        assert done.code == code, done.out
        return done.out

    async def has(self, *place: str) -> bool:
        try:
            await self.client.get_object(*place)
        except errors.NotFound:
            return False
        return True


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    features = embedded.Features(authorization_mode="RBAC", simulate_workloads=True)
    async with (
        embedded.control_plane(tmp_path / "plane", features) as plane,
        Client(await config.from_kubeconfig([plane.kubeconfig])) as client,
    ):
        environment = {**_ENVIRONMENT, "HOME": str(tmp_path), "KUBECONFIG": str(plane.kubeconfig)}
        yield Shell(client, environment)


async def test_install_brings_it_up_and_uninstall_leaves_what_users_made(shell: Shell) -> None:
    said = await shell.run("install")
    assert "Deployment/flux-system/image-automation created" in said
    assert said.endswith("✔ image-automation: deployment ready\n✔ install finished\n")
    changed = await shell.run("install", "--overlay", "multi-tenant")
    assert "ClusterRoleBinding/image-automation-cluster-admin deleted\n" in changed
    pulling = ("--registry=registry.example.com/a", "--image-pull-secret=pull", "--registry-creds=-")
    again = await shell.run("install", "--log-level=debug", *pulling, text="ann:s3cret")
    assert "► reusing options of the installation: --overlay=multi-tenant (--reset-options forgets them)\n" in again
    assert "✔ reconciled image pull secret pull\n" in again
    assert "s3cret" not in again
    secret = await shell.client.get_object("v1", "Secret", "flux-system", "pull")
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    await shell.client.delete_object("v1", "Secret", "flux-system", "pull")
    assert not await shell.has(*ADMIN)
    deployment = await shell.client.get_object("apps/v1", "Deployment", "flux-system", "image-automation")
    assert "--log-level=debug" in deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    await create(shell.client, "v1", "Namespace", "team", None)
    policy = {"imageRepositoryRef": {"name": "web"}, "policy": {"alphabetical": {}}}
    await create(shell.client, "image.toolkit.fluxcd.io/v1", "ImagePolicy", "web", "team", spec=policy)

    told = await shell.run("uninstall", text="n\n", code=1)
    assert "  ClusterRoleBinding/image-automation-impersonation\n" in told
    assert "  Namespace/flux-system\n" in told
    assert "and lets 1 objects go" in told
    assert told.endswith("✗ aborting\n")
    assert await shell.has("apps/v1", "Deployment", "flux-system", "image-automation")

    # As after an end halfway: what acts is gone, and the rights that are left tell what it held.
    await shell.client.delete_object("apps/v1", "Deployment", "flux-system", "image-automation")
    removed = await shell.run("uninstall", "--silent")
    assert "✔ ImagePolicy/team/web finalizers deleted\n" in removed
    assert "✔ Namespace/flux-system deleted\n" in removed
    assert not await shell.has("v1", "Namespace", "", "flux-system")
    assert not await shell.has("rbac.authorization.k8s.io/v1", "ClusterRole", "", "image-automation-image")
    policy = await shell.client.get_object(*IMAGES)
    assert policy["metadata"].get("finalizers", []) == []


async def test_fluxs_own_controllers_are_not_fought_and_their_namespace_stays(shell: Shell) -> None:
    await create(shell.client, "v1", "Namespace", "flux-system", None)
    await create(shell.client, "v1", "Secret", "fleet", "flux-system")
    pod = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "manager", "image": "source"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": pod}
    labels = {"app.kubernetes.io/part-of": "flux"}
    await create(shell.client, "apps/v1", "Deployment", "source-controller", "flux-system", spec=spec, labels=labels)

    refused = await shell.run("install", code=1)
    assert "✗ Flux's flux-system/source-controller act on this cluster: two that act on the same" in refused
    assert "⚠️ Flux in namespace flux-system: source-controller (no version); objects: none\n" in refused
    await shell.run("install", "--components=image-reflector-controller,image-automation-controller")

    tried = await shell.run("uninstall", "--dry-run")
    assert "✔ Deployment/flux-system/image-automation deleted (dry run)" in tried
    assert "source-controller deleted" not in tried
    assert "✔ Namespace/flux-system stays, since it holds " in tried
    assert "Secret/flux-system/fleet" in tried
    assert await shell.has("apps/v1", "Deployment", "flux-system", "image-automation")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--components", "helm-mover"), "component helm-mover is not available", id="no such component"),
        pytest.param(("--components", "source-controller"), "the kit comes whole, or as image-autom", id="a part"),
        pytest.param(("--components", "a", "--overlay", "all"), "choose the same: name one of them", id="both"),
    ],
)
def test_what_cannot_be_installed_is_said(arguments: tuple[str, ...], said: str, capfd: pytest.CaptureFixture) -> None:
    assert root.run(["install", *arguments]) == 1
    assert said in capfd.readouterr().err


def built(overlay: str) -> str:
    kit = Path(__file__).parents[4] / "deploy" / "manifests" / "overlays" / overlay
    return subprocess.check_output([Path(sys.executable).parent / "kubectl", "kustomize", kit], text=True)


def test_export_prints_what_kustomize_prints(capfd: pytest.CaptureFixture) -> None:
    assert root.run(["install", "--export"]) == 0
    assert capfd.readouterr().out == built("all")


def test_export_of_a_choice_records_it(capfd: pytest.CaptureFixture) -> None:
    assert root.run(["install", "--export", "--overlay", "sharded"]) == 0
    printed = list(yaml.load_all(capfd.readouterr().out, Loader=yaml.CSafeLoader))
    deployments = [each for each in printed if each["kind"] == "Deployment"]
    found = {each["metadata"].pop("annotations")[remembering.ANNOTATION] for each in deployments}
    assert found == {'{"overlay":"sharded"}'}
    assert printed == list(yaml.load_all(built("sharded"), Loader=yaml.CSafeLoader))


async def create(
    client: Client, api_version: str, kind: str, name: str, namespace: str | None, *,
    spec: Any = None, labels: dict[str, str] | None = None,
) -> None:  # fmt: skip
    metadata: dict[str, Any] = {"name": name, "labels": labels or {}}
    if namespace:
        metadata |= {"namespace": namespace, "finalizers": ["finalizers.fluxcd.io"] if kind == "ImagePolicy" else []}
    body = {"apiVersion": api_version, "kind": kind, "metadata": metadata}
    await client.create_object(body | ({"spec": spec} if spec else {}))
