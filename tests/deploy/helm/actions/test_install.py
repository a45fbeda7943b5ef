"""Installing, on a control plane that simulates workloads."""

import pytest

from deploy.helm.actions import recording
from deploy.helm.actions.ports import StorageError
from deploy.helm.release import Status
from gotk.kube.errors import APIError
from tests.deploy.helm.actions.world import World, config_map, deployment, failure, job


async def test_a_release_is_pending_first_and_deployed_when_its_workload_is_well(here: World) -> None:
    release = await here.install(config_map(a="b"), deployment())
    assert here.storage.written == ["v1 pending-install", "v1 deployed"]
    assert release.info.description == "Install complete"
    assert release.info.notes == "Thanks."
    assert release.info.first_deployed == release.info.last_deployed != ""
    live = await here.get("Deployment", "web", api_version="apps/v1")
    assert live["status"]["availableReplicas"] == 1


async def test_objects_carry_the_marks_of_helm_and_of_flux(here: World) -> None:
    await here.install(config_map())
    metadata = (await here.get("ConfigMap", "settings"))["metadata"]
    assert metadata["labels"] == {
        "app.kubernetes.io/managed-by": "Helm",
        "helm.toolkit.fluxcd.io/name": "web",
        "helm.toolkit.fluxcd.io/namespace": "default",
    }
    assert metadata["annotations"] == {
        "meta.helm.sh/release-name": "web",
        "meta.helm.sh/release-namespace": "default",
    }
    assert [entry["manager"] for entry in metadata["managedFields"]] == ["helm-controller"]


async def test_a_workload_that_crashes_fails_the_release_and_the_revision_stays(here: World) -> None:
    error = await failure(here.install(deployment(image="web:1-crashloop"), timeout=0.5))
    assert error.stored
    assert here.storage.states() == ["v1 failed"]
    assert "Deployment/default/web status: 'InProgress'" in str(error)
    assert await here.description(1) == f'Release "web" failed: {error}'
    assert error.release == here.storage.releases["web", 1]


async def test_without_waiting_a_crashing_workload_is_deployed(here: World) -> None:
    release = await here.install(deployment(image="web:1-crashloop"), disableWait=True)
    assert release.info.status == "deployed"


async def test_a_paused_deployment_is_not_awaited(here: World) -> None:
    release = await here.install(deployment(image="web:1-crashloop", paused=True))
    assert release.info.status == "deployed"


async def test_jobs_are_awaited_unless_that_is_switched_off(here: World) -> None:
    failing = job(image="web:1-neverready")
    error = await failure(here.install(failing, timeout=0.5))
    assert "Job/default/migrate status: 'InProgress'" in str(error)
    here.storage.releases.clear()
    release = await here.install(failing, disableWaitForJobs=True)
    assert release.info.status == "deployed"


async def test_what_the_server_refuses_is_told_and_stored(here: World) -> None:
    error = await failure(here.install(deployment().replace("replicas: 1", "replicas: many")))
    assert error.stored
    assert str(error).startswith("Deployment/default/web dry-run failed")
    assert here.storage.states() == ["v1 failed"]


DEFINITION = """---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.shop.io}
spec:
  group: shop.io
  scope: Namespaced
  names: {kind: Gadget, listKind: GadgetList, plural: gadgets, singular: gadget}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
"""
GADGET = "---\napiVersion: shop.io/v1\nkind: Gadget\nmetadata: {name: g}\n"
ODD = deployment().replace("  replicas: 1\n", "  replicas: 1\n  replicaz: 2\n")


async def test_a_field_that_a_kind_does_not_have_fails_unless_it_is_to_be_left_out(here: World) -> None:
    error = await failure(here.install(ODD))
    assert error.stored
    assert "Deployment/default/web dry-run failed" in str(error)
    assert "replicaz" in str(error)
    assert await here.get("Deployment", "web", api_version="apps/v1") is None
    error = await failure(here.upgrade(ODD))
    assert "replicaz" in str(error)
    made = await here.upgrade(ODD, disableOpenAPIValidation=True)
    assert made.info.status == "deployed"
    assert "replicaz" not in (await here.get("Deployment", "web", api_version="apps/v1"))["spec"]


async def test_a_field_that_a_definition_does_not_have_fails_as_well(here: World) -> None:
    error = await failure(here.install(DEFINITION, f"{GADGET}colour: red\n"))
    assert "Gadget/default/g dry-run failed: " in str(error)
    assert "colour" in str(error)


async def test_a_kind_that_nobody_serves_fails_before_anything_is_stored(here: World) -> None:
    error = await failure(here.install("apiVersion: shop.io/v1\nkind: Gadget\nmetadata: {name: g}\n"))
    assert not error.stored
    assert str(error).startswith("unable to build kubernetes objects from release manifest: ")
    assert 'name: "g"' in str(error)
    assert str(error).endswith("ensure CRDs are installed first")
    assert here.storage.written == []


async def test_a_kind_that_the_release_defines_itself_is_applied_after_its_definition(here: World) -> None:
    await here.install(GADGET, DEFINITION)
    assert await here.get("Gadget", "g", api_version="shop.io/v1")


async def test_text_that_is_no_yaml_fails_before_anything_is_stored(here: World) -> None:
    error = await failure(here.install("kind: [\n"))
    assert not error.stored
    assert str(error).startswith("unable to build kubernetes objects from release manifest: ")


@pytest.mark.parametrize("status", ["deployed", "superseded", "uninstalled"])
async def test_a_name_in_use_is_not_taken(here: World, status: Status) -> None:
    release = await here.install(config_map())
    await here.storage.update(recording.marked(release, status, "some time ago"))
    error = await failure(here.install(config_map()))
    assert str(error) == "release name check failed: cannot reuse a name that is still in use"
    assert not error.stored


async def test_a_failed_release_is_replaced_where_that_is_asked_for(here: World) -> None:
    await failure(here.install(deployment(image="web:1-crashloop"), timeout=0.3))
    release = await here.install(deployment(), replace=True)
    assert release.version == 2
    assert here.storage.states() == ["v1 failed", "v2 deployed"]


REFUSALS = {
    "too large": (StorageError("too large"), "failed to store the release: too large"),
    "forbidden": (APIError(403, "Forbidden", "not you"), "failed to store the release: not you"),
}


@pytest.mark.parametrize(("refusal", "told"), REFUSALS.values(), ids=REFUSALS)
async def test_where_nothing_can_be_stored_nothing_is_applied(here: World, refusal: Exception, told: str) -> None:
    here.storage.refusals = [refusal]
    error = await failure(here.install(config_map()))
    assert str(error) == told
    assert not error.stored
    assert await here.data() is None


async def test_a_failure_that_cannot_be_stored_leaves_the_revision_pending(here: World) -> None:
    here.storage.refusals = [None, APIError(500, "", "away")]
    error = await failure(here.install(deployment(image="web:1-crashloop"), timeout=0.3))
    assert error.stored
    assert here.storage.states() == ["v1 pending-install"]
