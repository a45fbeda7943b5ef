"""`migrate --to`: a cluster changes hands in both directions, and its workloads are the same objects afterwards."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.installation import remembering
from gotk.git.objects import seed
from gotk.git.serving.server import BasicAuth, GitServer
from gotk.kube import errors
from image_automation.cli import root
from tests.e2e import stage
from tests.image_automation.cli.verbs.bootstrap import ground
from tests.image_automation.cli.verbs.bootstrap.ground import Ground
from tests.image_automation.cli.verbs.moving import pretended

_COMPONENTS = "clusters/one/flux-system/gotk-components.yaml"
_KUSTOMIZATION = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
_WEB = ("apps/v1", "Deployment", "default", "web")
_POLICY = ("image.toolkit.fluxcd.io/v1", "ImagePolicy", "default", "web")


async def bootstrapped(there: Ground, repository: Path, url: str, *, images: bool = False) -> dict[str, Any]:
    """Bring a cluster to where `flux bootstrap` leaves it, and return the workload."""
    texts = pretended.repository(url, images=images)
    seed.seed(repository, texts)
    secret = {"username": "git", "password": "s3cret"}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "flux-system", "namespace": "flux-system"}}
    client = there.up.client
    for each in pretended.objects(images=images):
        await client.apply_object(each, field_manager="flux")
    await client.create_object({**body, "stringData": secret})
    for each in yaml.safe_load_all(texts["clusters/one/flux-system/gotk-sync.yaml"]):
        await client.apply_object(each, field_manager="flux")
    await there.up.until(*_KUSTOMIZATION, "flux-system", "flux-system", stage.is_ready)
    return await client.get_object(*_WEB)


async def has(there: Ground, *place: str) -> bool:
    try:
        await there.up.client.get_object(*place)
    except errors.NotFound:
        return False
    return True


async def inventory(there: Ground) -> set[str]:
    synced = await there.get(*_KUSTOMIZATION, "flux-system")
    assert "suspend" not in synced["spec"]
    assert "annotations" not in synced["metadata"] or "moving" not in str(synced["metadata"]["annotations"])
    return {each["id"] for each in synced["status"]["inventory"]["entries"]}


async def test_a_bootstrapped_cluster_changes_hands_and_back(tmp_path: Path) -> None:
    repository = tmp_path / "repositories" / "fleet.git"
    with GitServer(tmp_path / "repositories", auth=BasicAuth("git", "s3cret")) as server:
        async with ground.prepared(tmp_path, authorization_mode="RBAC") as there:
            web = await bootstrapped(there, repository, server.url("fleet.git"))
            policy = await there.up.client.get_object(*_POLICY)

            said = await there.run("migrate", "--to=image-automation", "--yes")
            assert "kustomization.yaml names kustomize-controller, which goes" in said
            assert said.endswith("by their uids\n✔ migrate finished\n")
            assert ground.log(repository)[0] == "Add image-automation v0.1.0 component manifests"
            assert not await has(there, "apps/v1", "Deployment", "flux-system", "source-controller")
            assert not await has(
                there, "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", "cluster-reconciler-flux-system"
            )
            ours = await there.get("apps/v1", "Deployment", "image-automation")
            assert ours["metadata"]["annotations"]["team"] == "platform"
            service = await there.get("v1", "Service", "webhook-receiver")
            assert service["spec"]["selector"] == {"app": "image-automation", "image-automation.dev/leader": "true"}
            entries = await inventory(there)
            assert "flux-system_image-automation_apps_Deployment" in entries
            assert "flux-system_source-controller_apps_Deployment" not in entries

            kit = tmp_path / "flux.yaml"
            kit.write_text(pretended.kit())
            said = await there.run("migrate", "--to=flux", "--kit", str(kit), "--yes")
            assert "nobody will look after the objects of kind ImagePolicy" in said
            assert said.endswith("by their uids\n✔ migrate finished\n")
            assert ground.read(repository, _COMPONENTS) == pretended.kit()
            assert not await has(there, "apps/v1", "Deployment", "flux-system", "image-automation")
            assert not await has(there, "v1", "ServiceAccount", "flux-system", "image-automation")
            service = await there.get("v1", "Service", "webhook-receiver")
            assert service["spec"]["selector"] == {"app": "webhook-receiver"}
            assert "flux-system_kustomize-controller_apps_Deployment" in await inventory(there)

            # What was deployed is the same object, and so is one whose definition the kit does not have.
            assert (await there.up.client.get_object(*_WEB))["metadata"]["uid"] == web["metadata"]["uid"]
            assert (await there.up.client.get_object(*_POLICY))["metadata"]["uid"] == policy["metadata"]["uid"]


async def test_what_would_go_is_said_and_what_cannot_be_pushed_leaves_the_cluster_as_it_is(tmp_path: Path) -> None:
    repository = tmp_path / "repositories" / "fleet.git"
    with GitServer(tmp_path / "repositories", auth=BasicAuth("git", "s3cret")) as server:
        async with ground.prepared(tmp_path) as there:
            await bootstrapped(there, repository, server.url("fleet.git"))
            looked = await there.run("migrate", "--to=image-automation", "--dry-run")
            assert "✔ Flux in namespace flux-system, synced by Kustomization flux-system/flux-system: " in looked
            assert "kustomize-controller (v1.7.0)" in looked
            assert "1 ImagePolicy, 1 Kustomization" in looked
            assert "► Deployment/flux-system/kustomize-controller goes\n" in looked
            assert "Service/flux-system/webhook-receiver goes" not in looked
            assert len(ground.log(repository)) == 1

            call = ("migrate", "--to=image-automation", "--yes")
            refused = await there.run(*call, env={"GIT_PASSWORD": "wrong"}, code=1)
            assert "or say --no-push and commit the kit yourself" in refused
            assert "wrong" not in refused
            await inventory(there)
            source = await there.get("apps/v1", "Deployment", "source-controller")
            assert source["spec"]["replicas"] == 1

            seed.seed(repository, {"clusters/one/flux-system/kustomization.yaml": pretended.MERGED})
            refused = await there.run(*call, code=1)
            assert "kustomization.yaml does not build with the kit that comes: " in refused
            assert len(ground.log(repository)) == 2

            said = await there.run(*call, "--no-push")
            assert "✔ Kustomization/flux-system/flux-system suspended\n" in said
            assert "⚠️ Kustomization flux-system/flux-system is suspended: commit what `image-automation install" in said
            assert len(ground.log(repository)) == 2
            assert await has(there, "apps/v1", "Deployment", "flux-system", "image-automation")


async def test_the_image_controllers_alone_give_way_to_a_kit_beside_flux(tmp_path: Path) -> None:
    repository = tmp_path / "repositories" / "fleet.git"
    with GitServer(tmp_path / "repositories", auth=BasicAuth("git", "s3cret")) as server:
        async with ground.prepared(tmp_path) as there:
            web = await bootstrapped(there, repository, server.url("fleet.git"), images=True)
            call = ("migrate", "--to=image-automation", "--overlay=image", "--yes")
            said = await there.run(*call)
            assert "► Deployment/flux-system/image-reflector-controller goes\n" in said
            assert "kustomize-controller goes" not in said
            assert "nobody will look after" not in said
            assert said.endswith("by their uids\n✔ migrate finished\n")
            kept = list(yaml.safe_load_all(ground.read(repository, _COMPONENTS)))
            assert kept == pretended.objects()
            ours = "clusters/one/flux-system/image-automation-components.yaml"
            kinds = {each["kind"] for each in yaml.safe_load_all(ground.read(repository, ours))}
            assert {"Deployment", "CustomResourceDefinition"} <= kinds
            assert "Namespace" not in kinds
            entries = await inventory(there)
            assert "flux-system_image-automation_apps_Deployment" in entries
            assert "flux-system_kustomize-controller_apps_Deployment" in entries
            assert not await has(there, "apps/v1", "Deployment", "flux-system", "image-automation-controller")
            assert (await there.up.client.get_object(*_WEB))["metadata"]["uid"] == web["metadata"]["uid"]
            again = await there.run(*call, code=1)
            assert "there is nothing to move" in again


async def test_an_installation_without_git_is_replaced_unless_that_would_free_tenants(tmp_path: Path) -> None:
    async with ground.prepared(tmp_path) as there:
        for each in pretended.objects("--default-service-account=default", "--concurrent=20"):
            await there.up.client.apply_object(each, field_manager="flux")
        call = ("migrate", "--to=image-automation", "--yes")
        refused = await there.run(*call, code=1)
        assert "say --overlay multi-tenant, or --overlay all if that is meant" in refused
        assert "scaled to 0" not in refused
        said = await there.run(*call, "--overlay=multi-tenant")
        assert "kustomize-controller runs with --default-service-account=default --concurrent=20, which the kit" in said
        assert "suspended" not in said
        assert not await has(there, "apps/v1", "Deployment", "flux-system", "kustomize-controller")
        ours = await there.get("apps/v1", "Deployment", "image-automation")
        assert ours["metadata"]["annotations"][remembering.ANNOTATION] == '{"overlay":"multi-tenant"}'
        # What an earlier call left that ended between its deletions goes as well: the binding is one to cluster-admin.
        binding = next(each for each in pretended.objects() if each["kind"] == "ClusterRoleBinding")
        await there.up.client.apply_object(binding, field_manager="flux")
        assert (await there.run(*call, "--overlay=multi-tenant")).endswith("migrate finished\n")
        assert not await has(there, binding["apiVersion"], binding["kind"], "", binding["metadata"]["name"])
        again = await there.run(*call, code=1)
        assert "there is nothing to move: no installation of Flux in namespace flux-system" in again


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--no-push",), "--no-push: only with --to", id="a move's flag without a move"),
        pytest.param(("--to=image-automation", "-f", "."), "--path: not with --to", id="files and a cluster"),
        pytest.param(("--to=flux",), "--to flux needs --kit", id="no kit"),
        pytest.param(("--to=flux", "--kit=/none"), "--kit: /none cannot be read", id="no file"),
        pytest.param(("--to=flux", "--kit=x", "--registry=r"), "--registry: not with --to flux", id="the other's wish"),
        pytest.param(("--to=flux", "--kit=-"), "so that nobody can be asked: say --yes", id="nobody to ask"),
        pytest.param(("--to=image-automation", "--kit=x"), "--kit is Flux's", id="the other's kit"),
    ],
)
def test_what_cannot_be_moved_is_said(arguments: tuple[str, ...], said: str, capfd: pytest.CaptureFixture) -> None:
    assert root.run(["migrate", *arguments]) == 1
    assert said in capfd.readouterr().err
