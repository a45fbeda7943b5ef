"""What the real flux says to the control plane alone: objects made, listed, changed, followed and taken away."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from gotk.kube import config
from gotk.kube.client import Client
from image_automation.app import embedded, presence
from tests.conformance import flux as real
from tests.conformance.flux import Flux
from tests.conformance.kubectl import Kubectl

pytestmark = real.needed

IMAGE = "image.toolkit.fluxcd.io/v1"
SOURCE = "source.toolkit.fluxcd.io/v1"
KUSTOMIZE = "kustomize.toolkit.fluxcd.io/v1"
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}
REVISION = "main@sha1:67e2c98a60dc92283531412a9e604dd4bae005a9"
#: Every object of a pipeline, as the words that make it.
PIPELINE = (
    "source git fleet --url=https://git.example.org/fleet.git --branch=main --label=team=web",
    "kustomization fleet --source=GitRepository/fleet --path=./apps --prune --interval=10m",
    "image repository web --image=registry.example.org/web --interval=1m",
    "image policy web --image-ref=web --select-semver=1.x",
    "image update fleet --git-repo-ref=fleet --checkout-branch=main --author-name=Bot --author-email=bot@example.org",
    "receiver hook --type=generic --event=ping --secret-ref=hook --resource=ImageRepository/web",
    "alert-provider chat --type=generic --address=https://chat.example.org/hook",
    "alert chat --provider-ref=chat --event-source=Kustomization/*",
)


class Plane:
    def __init__(self, kubeconfig: Path, home: Path, client: Client) -> None:
        self.flux, self.kubectl, self.client = Flux(kubeconfig, home), Kubectl(kubeconfig, home), client

    async def pipeline(self) -> None:
        """Make every object of the pipeline without waiting for a controller."""
        await self.client.create_object(NAMESPACE)
        for exported in await asyncio.gather(*(self.flux(f"create {words} --export") for words in PIPELINE)):
            await self.client.create_object(yaml.safe_load(exported))

    async def set_status(self, api_version: str, kind: str, name: str, **status: Any) -> None:
        """Say of an object what a controller would say."""
        ready = {
            "type": "Ready", "status": "True", "reason": "Succeeded", "message": f"as {REVISION}",
            "observedGeneration": 1, "lastTransitionTime": "2026-01-01T12:00:00Z",
        }  # fmt: skip
        patch = {"status": {"observedGeneration": 1, "conditions": [ready], **status}}
        await self.client.patch_object(api_version, kind, "flux-system", name, patch, subresource="status")

    async def spec(self, api_version: str, kind: str, name: str) -> Any:
        return (await self.client.get_object(api_version, kind, "flux-system", name))["spec"]


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with (
        embedded.control_plane(tmp_path / "plane") as running,
        Client(await config.from_kubeconfig([running.kubeconfig])) as client,
    ):
        yield Plane(running.kubeconfig, tmp_path / "home", client)


def rows(table: str) -> list[list[str]]:
    """The cells of every line of a table."""
    return [[cell.strip() for cell in line.rstrip("\t").split("\t")] for line in table.splitlines() if line]


async def test_every_check_passes_and_names_the_versions(plane: Plane) -> None:
    await presence.show(plane.client, "v1.2.3", datetime(2026, 1, 1, tzinfo=UTC))
    assert (await plane.flux.run("check", "--pre")).err.endswith("✔ prerequisites checks passed\n")
    said = (await plane.flux.run("check", "--timeout=10s")).err
    assert said.endswith("✔ all checks passed\n"), said
    assert "✔ distribution: flux-v2.9.4\n" in said
    assert "✔ image-automation: deployment ready\n► image-automation:v1.2.3\n" in said
    for name in ("imagepolicies.image", "gitrepositories.source", "receivers.notification", "kustomizations.kustomize"):
        assert f"✔ {name}.toolkit.fluxcd.io/v1\n" in said
    assert "image-automation: v1.2.3\n" in await plane.flux("version")


async def test_a_control_plane_without_the_service_does_not_pass(plane: Plane) -> None:
    assert "no controllers found in the 'flux-system' namespace" in await plane.flux.fails("check")


async def test_objects_without_status_are_listed_as_waiting(plane: Plane) -> None:
    assert await plane.flux("get all -A") == ""
    missing = await plane.flux.fails("get image policy web")
    assert missing == "✗ ImagePolicy object 'web' not found in \"flux-system\" namespace\n"
    await plane.pipeline()
    listed = {row[0]: row[1:] for row in rows(await plane.flux("get all --no-header"))}
    assert set(listed) == {
        "gitrepository/fleet", "imagerepository/web", "imagepolicy/web", "imageupdateautomation/fleet",
        "kustomization/fleet", "receiver/hook", "provider/chat", "alert/chat",
    }  # fmt: skip
    assert listed["kustomization/fleet"] == ["", "False", "False", "waiting to be reconciled"]
    assert listed["alert/chat"] == ["False", "True", "Alert is Ready"]


async def test_tables_show_what_the_status_says(plane: Plane) -> None:
    await plane.pipeline()
    await plane.set_status(SOURCE, "GitRepository", "fleet")
    await plane.set_status(KUSTOMIZE, "Kustomization", "fleet", lastAppliedRevision=REVISION)
    await plane.set_status(IMAGE, "ImagePolicy", "web", latestRef={"name": "registry.example.org/web", "tag": "1.0.1"})
    assert rows(await plane.flux("get kustomizations --show-source")) == [
        ["NAME", "SOURCE", "REVISION", "SUSPENDED", "READY", "MESSAGE"],
        ["fleet", "GitRepository/flux-system/fleet", "main@sha1:67e2c98a", "False", "True", "as main@sha1:67e2c98a"],
    ]
    assert rows(await plane.flux("get images policy web -n flux-system")) == [
        ["NAME", "IMAGE", "TAG", "READY", "MESSAGE"],
        ["web", "registry.example.org/web", "1.0.1", "True", f"as {REVISION}"],
    ]
    assert rows(await plane.flux("get sources all -A -l team=web --no-header"))[0][1] == "gitrepository/fleet"
    assert rows(await plane.flux("get all --status-selector ready=true --no-header"))[0][0] == "gitrepository/fleet"
    assert "policy" not in await plane.flux("get images all --status-selector ready=false")
    running = {row[0]: row[1:4] for row in rows(await plane.flux("stats"))}
    assert running["ImageRepository"] == running["Alert"] == ["1", "0", "0"]


async def test_a_watch_shows_a_change_as_it_happens(plane: Plane) -> None:
    await plane.pipeline()
    watching = await plane.flux.start("get", "kustomizations", "--watch")
    assert watching.stdout is not None
    try:
        async with asyncio.timeout(60):
            while b"waiting to be reconciled" not in await watching.stdout.readline():
                assert watching.returncode is None
            await plane.set_status(KUSTOMIZE, "Kustomization", "fleet", lastAppliedRevision=REVISION)
            while b"main@sha1:67e2c98a" not in await watching.stdout.readline():
                assert watching.returncode is None
    finally:
        watching.kill()
        await watching.communicate()


async def test_every_kind_is_suspended_resumed_exported_and_deleted(plane: Plane) -> None:
    await plane.pipeline()
    await asyncio.gather(*(_goes_through_its_life(plane, words.split(" --")[0]) for words in PIPELINE))
    assert await plane.flux("get all -A") == ""


async def _goes_through_its_life(plane: Plane, named: str) -> None:
    """Suspend, export, resume and delete one object, named by kind and name."""
    kind, name = named.rsplit(" ", 1)
    said = await plane.flux.run("suspend", *kind.split(), name)
    assert said.err.endswith("suspended\n"), said
    exported = yaml.safe_load(await plane.flux(f"export {named}"))
    assert "status" not in exported
    if exported["kind"] != "Provider":  # it has no such field in this version
        assert exported["spec"]["suspend"] is True
    said = await plane.flux.run("resume", *kind.split(), "--all")
    assert said.err.endswith("resumed\n"), said
    assert "suspend" not in await plane.spec(exported["apiVersion"], exported["kind"], name)
    said = await plane.flux.run("delete", *kind.split(), name, "--silent")
    assert said.err.endswith("deleted\n"), said


async def test_secrets_of_every_type_are_made_and_made_anew(plane: Plane) -> None:
    await plane.client.create_object(NAMESPACE)
    login = "--username=bot --password"
    for line in (
        f"git fleet --url=https://git.example.org/fleet.git {login}=old",
        f"git fleet --url=https://git.example.org/fleet.git {login}=new",
        f"oci pull --url=registry.example.org {login}=x",
        f"helm charts {login}=x",
        f"proxy way --address=https://proxy.example.org {login}=x",
        "receiver hook --type=generic --token=t0ken --hostname=hooks.example.org",
    ):
        assert "secret" in (await plane.flux.run(*f"create secret {line}".split())).err
    found = {each["metadata"]["name"]: each for each in await plane.client.list_objects("v1", "Secret", "flux-system")}
    assert {name: each["type"] for name, each in found.items()} == {
        "fleet": "Opaque", "pull": "kubernetes.io/dockerconfigjson", "charts": "kubernetes.io/basic-auth",
        "way": "Opaque", "hook": "Opaque",
    }  # fmt: skip
    assert found["fleet"]["data"]["password"] == "bmV3"
    assert found["hook"]["metadata"]["annotations"]["notification.toolkit.fluxcd.io/webhook"].startswith(
        "https://hooks.example.org/hook/"
    )


async def test_a_tenant_is_set_up_twice_alike(plane: Plane) -> None:
    for _ in range(2):
        said = await plane.flux.run("create", "tenant", "web", "--with-namespace=apps")
        assert said.err.endswith("✔ tenant setup completed\n"), said
    binding = await plane.client.get_object("rbac.authorization.k8s.io/v1", "RoleBinding", "apps", "web-reconciler")
    assert binding["metadata"]["labels"] == {"toolkit.fluxcd.io/tenant": "web"}
    assert binding["roleRef"]["name"] == "cluster-admin"


async def test_what_a_kustomization_made_is_drawn_traced_and_compared(plane: Plane, tmp_path: Path) -> None:
    await plane.pipeline()
    entries = [{"id": "flux-system_settings__ConfigMap", "v": "v1"}]
    await plane.set_status(
        KUSTOMIZE, "Kustomization", "fleet", lastAppliedRevision=REVISION, inventory={"entries": entries}
    )
    labels = {f"kustomize.toolkit.fluxcd.io/{key}": value for key, value in
              (("name", "fleet"), ("namespace", "flux-system"))}  # fmt: skip
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "flux-system"}}
    await plane.client.create_object(
        {**settings, "metadata": {**settings["metadata"], "labels": labels}, "data": {"color": "red"}}
    )
    assert (await plane.flux("tree kustomization fleet")).split("\n")[:2] == [
        "Kustomization/flux-system/fleet", "└── ConfigMap/flux-system/settings",
    ]  # fmt: skip
    traced = await plane.flux("trace configmap settings")
    assert "Managed by Flux" in traced
    assert "https://git.example.org/fleet.git" in traced
    folder = tmp_path / "apps"
    folder.mkdir()
    (folder / "settings.yaml").write_text(json.dumps({**settings, "data": {"color": "red"}}))
    compare = "diff", "kustomization", "fleet", f"--path={folder}", "--progress-bar=false"
    assert (await plane.flux.run(*compare)).code == 0
    (folder / "settings.yaml").write_text(json.dumps({**settings, "data": {"color": "blue"}}))
    said = await plane.flux.run(*compare)
    assert said.code == 1
    assert "► ConfigMap/flux-system/settings drifted" in said.out
    assert "data.color\n± value change\n- red\n+ blue\n" in said.out
    assert (await plane.client.get_object("v1", "ConfigMap", "flux-system", "settings"))["data"] == {"color": "red"}


async def test_names_are_completed(plane: Plane) -> None:
    await plane.pipeline()
    assert (await plane.flux.run("__complete", "get", "image", "policy", "")).out.startswith("web\n")
    assert "flux-system\n" in (await plane.flux.run("__complete", "get", "all", "-n", "")).out


async def test_objects_are_migrated_and_everything_can_be_uninstalled(plane: Plane) -> None:
    await plane.pipeline()
    assert "ImagePolicy/flux-system/web migrated to version v1" in (await plane.flux.run("migrate")).err
    said = await plane.flux.run("uninstall", "--silent")
    assert said.err.endswith("✔ uninstall finished\n"), said
    await plane.kubectl.run("wait", "customresourcedefinitions", "--all", "--for=delete", "--timeout=20s")
    assert await plane.client.list_objects("apiextensions.k8s.io/v1", "CustomResourceDefinition") == []


async def test_a_kind_that_is_not_served_is_named(plane: Plane) -> None:
    for name in ("ocirepositories.source.toolkit.fluxcd.io", "helmreleases.helm.toolkit.fluxcd.io"):
        await plane.client.delete_object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", name)
    await plane.kubectl.run("wait", "customresourcedefinitions", "--all", "--for=delete", "--timeout=1s")
    assert 'no matches for kind "OCIRepository"' in await plane.flux.fails("get sources oci")
    assert "helm.toolkit.fluxcd.io/v2" in await plane.flux.fails("get helmreleases -A")
