"""Drift of a cluster from a release, and its correction."""

from typing import Any

import pytest
import yaml

from deploy.helm.actions.drift import Drift, DriftError
from deploy.helm.release import Release
from tests.deploy.helm.actions.world import World, config_map, deployment, helm_release, rendered

OFF = "  annotations: {helm.toolkit.fluxcd.io/driftDetection: disabled}\n"
LONG = "x" * 60


async def detect(here: World, release: Release, *ignore: dict[str, Any]) -> Drift:
    return await here.actions.drift(drifting(*ignore), release)


def drifting(*ignore: dict[str, Any]) -> Any:
    return helm_release(driftDetection={"mode": "enabled", "ignore": list(ignore)})


async def patch(here: World, kind: str, name: str, patch: dict[str, Any], *, api_version: str = "v1") -> None:
    await here.client.patch_object(api_version, kind, "default", name, patch, field_manager="somebody")


async def test_a_release_that_nobody_touched_has_not_drifted(here: World) -> None:
    release = await here.install(deployment(), config_map())
    found = await detect(here, release)
    assert (found.lines, found.differences) == ((), [])


async def test_what_was_changed_and_removed_is_told_and_brought_back(here: World) -> None:
    release = await here.install(deployment(), config_map(a="b", long=LONG), config_map("gone"))
    await patch(here, "ConfigMap", "settings", {"data": {"a": "c"}})
    await here.client.delete_object("v1", "ConfigMap", "default", "gone")
    found = await detect(here, release)
    assert found.lines == (
        "ConfigMap/default/settings changed (0 additions, 1 changes, 0 removals)",
        "ConfigMap/default/gone removed",
    )
    corrected = await here.actions.correct(drifting(), found)
    assert corrected.error == ""
    assert corrected.lines == ("ConfigMap/default/gone created", "ConfigMap/default/settings configured")
    assert await here.data() == {"a": "b", "long": LONG}
    assert await here.data("gone")
    assert (await detect(here, release)).lines == ()


async def test_what_others_have_added_is_no_drift(here: World) -> None:
    release = await here.install(config_map(a="b"))
    await patch(here, "ConfigMap", "settings", {"data": {"more": "1"}, "metadata": {"labels": {"theirs": "x"}}})
    assert (await detect(here, release)).lines == ()


async def test_an_object_asks_to_be_left_out_in_the_manifest_or_in_the_cluster(here: World) -> None:
    release = await here.install(config_map("a", metadata=OFF), config_map("b"), config_map("c", long=LONG))
    key = "helm.toolkit.fluxcd.io/driftDetection"
    await patch(here, "ConfigMap", "a", {"data": {"a": "c"}})
    await patch(here, "ConfigMap", "b", {"data": {"a": "c"}, "metadata": {"labels": {key: "disabled"}}})
    assert (await detect(here, release)).lines == (), "nothing else differs"
    await patch(here, "ConfigMap", "c", {"data": {"long": "c"}})
    found = await detect(here, release)
    assert found.lines == (
        "ConfigMap/default/c changed (0 additions, 1 changes, 0 removals)",
        "ConfigMap/default/a excluded",
        "ConfigMap/default/b excluded",
    )
    await here.actions.correct(drifting(), found)
    assert await here.data("b") == {"a": "c"}


REPLICAS = {"paths": ["/spec/replicas"], "target": {"kind": "Deployment"}}


async def test_ignored_paths_are_no_drift_and_keep_their_values(here: World) -> None:
    release = await here.install(deployment())
    await patch(here, "Deployment", "web", {"spec": {"replicas": 3}}, api_version="apps/v1")
    assert (await detect(here, release)).differences
    assert (await detect(here, release, REPLICAS)).lines == ()
    await patch(here, "Deployment", "web", {"spec": {"paused": True}}, api_version="apps/v1")
    found = await detect(here, release, REPLICAS)
    assert found.lines == ("Deployment/default/web changed (0 additions, 1 changes, 0 removals)",)
    await here.actions.correct(drifting(REPLICAS), found)
    live = await here.get("Deployment", "web", api_version="apps/v1")
    assert (live["spec"]["replicas"], live["spec"].get("paused", False)) == (3, False)


async def test_an_empty_path_ignores_whole_objects(here: World) -> None:
    release = await here.install(config_map("a"), config_map("b"))
    for name in ("a", "b"):
        await here.client.delete_object("v1", "ConfigMap", "default", name)
    found = await detect(here, release, {"paths": [""], "target": {"kind": "ConfigMap", "name": "a"}})
    assert found.lines == ("ConfigMap/default/b removed", "ConfigMap/default/a excluded")


async def test_a_rule_that_cannot_be_read_is_told(here: World) -> None:
    release = await here.install(config_map())
    with pytest.raises(DriftError, match="invalid name regex"):
        await detect(here, release, {"paths": ["/data"], "target": {"name": "("}})


async def test_a_release_that_cannot_be_compared_is_told(here: World) -> None:
    text = "apiVersion: shop.io/v1\nkind: Gadget\nmetadata: {name: g}\n"
    with pytest.raises(DriftError, match="unable to determine cluster state: unable to build kubernetes objects"):
        await detect(here, rendered(text))


async def test_what_cannot_be_compared_hides_no_drift(here: World) -> None:
    broken = deployment().replace("replicas: 1", "replicas: many")
    release = await here.install(config_map())
    with pytest.raises(DriftError, match="Deployment/default/web dry-run failed"):
        await detect(here, rendered(config_map(), broken))
    await here.client.delete_object("v1", "ConfigMap", "default", "settings")
    found = await detect(here, rendered(release.manifest, broken))
    assert found.lines == ("ConfigMap/default/settings removed",)


async def test_a_correction_tells_what_it_did_and_what_failed(here: World) -> None:
    role = "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: reader}\nrules: []\n"
    release = await here.install(role, deployment())
    await here.client.delete_object("rbac.authorization.k8s.io/v1", "ClusterRole", "", "reader")
    await patch(here, "Deployment", "web", {"spec": {"replicas": 3}}, api_version="apps/v1")
    found = await detect(here, release)
    await here.client.delete_object("apps/v1", "Deployment", "default", "web")
    another = yaml.safe_load(deployment().replace("app: web", "app: another"))
    another["metadata"]["namespace"] = "default"
    await here.client.create_object(another)
    corrected = await here.actions.correct(drifting(), found)
    assert corrected.lines == ("ClusterRole/reader created",)
    assert corrected.error.startswith("Deployment/default/web dry-run failed (Invalid): ")


async def test_a_secret_that_has_drifted_tells_no_value(here: World) -> None:
    secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {token: hunter22, more: abcdefgh}\n"
    release = await here.install(secret)
    await patch(here, "Secret", "s", {"data": {"token": "c2VjcmV0"}})
    found = await detect(here, release)
    assert found.lines == ("Secret/default/s changed (0 additions, 1 changes, 0 removals)",)
    assert "hunter22" not in repr(found)
    await here.actions.correct(drifting(), found)
    assert (await detect(here, release)).lines == ()
