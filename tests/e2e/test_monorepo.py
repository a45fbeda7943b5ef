"""A repository that deploys everything, itself included: clusters, infrastructure, apps, as Flux's guides lay it out.

One service goes through the life of such a repository; every step asks what stands in the cluster afterwards.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pygit2
import pytest

from gotk.git.objects import seed
from gotk.kube import errors
from tests.e2e import stage
from tests.e2e.stage import Stage, condition, is_ready

API = "kustomize.toolkit.fluxcd.io/v1"
SYNC = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1s, ref: {branch: main}, url: "file://REPOSITORY"}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 10m0s, path: ./clusters/staging, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
"""


def kustomization(name: str, path: str, **spec: str) -> str:
    """A Kustomization over the one repository; `spec` holds further fields in YAML."""
    more = "".join(f"  {field}: {value}\n" for field, value in spec.items())
    return (
        f"apiVersion: {API}\nkind: Kustomization\nmetadata: {{name: {name}, namespace: flux-system}}\nspec:\n"
        f"  interval: 1h\n  retryInterval: 1s\n  timeout: 1m\n  prune: true\n  path: {path}\n"
        f"  sourceRef: {{kind: GitRepository, name: flux-system}}\n{more}"
    )


def config(name: str, value: str, namespace: str = "", more: str = "") -> str:
    """A ConfigMap with one value."""
    where = f", namespace: {namespace}" if namespace else ""
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}{where}{more}}}\ndata: {{v: '{value}'}}\n"


def folder(*resources: str, **fields: str) -> str:
    """A kustomization.yaml."""
    more = "".join(f"{field}: {value}\n" for field, value in fields.items())
    named = ", ".join(resources)
    return f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [{named}]\n{more}"


WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.com/web:1.0.0", env: [{name: CLUSTER, value: "${cluster}"}]}]}
"""
SCALED = "[{target: {kind: Deployment, name: web}, patch: '- {op: replace, path: /spec/replicas, value: 2}'}]"
SUBSTITUTED = "{substitute: {cluster: staging}, substituteFrom: [{kind: ConfigMap, name: settings}]}"
AFTER = "[{name: infra-configs}]"

REPOSITORY: Mapping[str, str] = {
    "clusters/staging/flux-system/gotk-sync.yaml": SYNC,
    "clusters/staging/flux-system/kustomization.yaml": folder("gotk-sync.yaml"),
    "clusters/staging/infrastructure.yaml": kustomization(
        "infra-controllers", "./infrastructure/controllers", wait="true"
    )
    + "---\n"
    + kustomization("infra-configs", "./infrastructure/configs", dependsOn="[{name: infra-controllers}]"),
    "clusters/staging/apps.yaml": kustomization(
        "apps", "./apps/staging", dependsOn=AFTER, wait="true", postBuild=SUBSTITUTED
    ),
    "infrastructure/controllers/namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: ingress}\n",
    "infrastructure/controllers/controller.yaml": config("controller", "one", "ingress"),
    "infrastructure/configs/settings.yaml": config("settings", "x", "flux-system"),
    "infrastructure/configs/class.yaml": config("class", "of the controller", "ingress"),
    "apps/base/web/deployment.yaml": WEB,
    "apps/base/web/config.yaml": config("web", "of ${cluster}"),
    "apps/base/web/kustomization.yaml": folder("deployment.yaml", "config.yaml"),
    "apps/base/tool/config.yaml": config("tool", "base"),
    "apps/base/tool/kustomization.yaml": folder("config.yaml"),
    "apps/staging/kustomization.yaml": folder(
        "../base/web", "../base/tool", "only.yaml", namespace="default", patches=SCALED
    ),
    "apps/staging/only.yaml": config("only", "in staging"),
    "apps/production/kustomization.yaml": folder("../base/web", namespace="production"),
}


class Fleet:
    """The repository, and the service that deploys it."""

    def __init__(self, up: Stage, repository: Path) -> None:
        self.up = up
        self.repository = repository

    async def commit(self, files: Mapping[str, str], *awaited: str) -> None:
        """Commit, and wait until the named Kustomizations have applied it."""
        commit = seed.seed(self.repository, files)
        for name in awaited:
            await self.applied(name, commit)

    async def delete(self, path: str, awaited: str) -> None:
        """Delete a file, and wait until a Kustomization has applied that."""
        repository, index = pygit2.Repository(str(self.repository)), pygit2.Index()
        tip = repository.references["refs/heads/main"]
        index.read_tree(repository[tip.target].peel(pygit2.Tree))
        index.remove(path)
        person = pygit2.Signature("A person", "a@example.com")
        tree, parents = index.write_tree(repository), [tip.target]
        commit = repository.create_commit("refs/heads/main", person, person, "Remove it", tree, parents)
        await self.applied(awaited, str(commit))

    async def applied(self, name: str, commit: str) -> dict[str, Any]:
        revision = f"main@sha1:{commit}"
        return await self.up.until(
            API, "Kustomization", "flux-system", name,
            lambda obj: is_ready(obj) and obj["status"]["lastAppliedRevision"] == revision,
        )  # fmt: skip

    async def reconcile(self, name: str) -> None:
        """Ask for a reconciliation and wait for it."""
        asked = f"reconcile.fluxcd.io/requestedAt={name}"
        await self.up.kubectl("annotate", "kustomization", name, "-n", "flux-system", asked)
        await self.up.until(
            API, "Kustomization", "flux-system", name,
            lambda obj: is_ready(obj) and obj["status"].get("lastHandledReconcileAt") == name,
        )  # fmt: skip

    async def config(self, name: str, namespace: str = "default") -> dict[str, Any]:
        return await self.up.client.get_object("v1", "ConfigMap", namespace, name)

    async def is_gone(self, name: str, namespace: str = "default") -> bool:
        try:
            await self.config(name, namespace)
        except errors.NotFound:
            return True
        return False


async def test_a_repository_of_clusters_infrastructure_and_apps_lives_its_life(tmp_path: Path) -> None:
    repository = tmp_path / "fleet.git"
    files = {path: text.replace("REPOSITORY", str(repository)) for path, text in REPOSITORY.items()}
    first = seed.seed(repository, files)
    async with stage.running(tmp_path / "data", simulate_workloads=True) as up:
        fleet = Fleet(up, repository)
        await up.kubectl("create", "namespace", "flux-system")
        await up.apply(SYNC.replace("REPOSITORY", str(repository)))

        await everything_stands(fleet, first)
        await drift_is_corrected_and_what_is_alike_stays(fleet)
        await an_app_that_is_removed_is_pruned_and_a_renamed_object_replaced(fleet)
        await an_object_that_moves_to_another_kustomization_stays(fleet)
        await what_waits_for_what_fails_waits_and_goes_on(fleet)
        await a_kustomization_that_is_removed_takes_its_objects_along(fleet)


async def everything_stands(fleet: Fleet, commit: str) -> None:
    for name in ("flux-system", "infra-controllers", "infra-configs", "apps"):
        await fleet.applied(name, commit)
    web = await fleet.up.client.get_object("apps/v1", "Deployment", "default", "web")
    assert web["spec"]["replicas"] == 2
    assert web["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == "staging"
    assert (await fleet.config("web"))["data"] == {"v": "of staging"}
    assert web["metadata"]["labels"] == {
        "kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
    }
    assert await fleet.is_gone("web", "production")


async def drift_is_corrected_and_what_is_alike_stays(fleet: Fleet) -> None:
    drifted, alike = await fleet.config("only"), await fleet.config("tool")
    await fleet.up.kubectl(
        "patch", "configmap", "only", "-n", "default", "--type=merge", "-p", '{"data": {"v": "by hand"}}'
    )
    await fleet.up.kubectl("delete", "configmap", "web", "-n", "default")
    await fleet.reconcile("apps")
    assert (await fleet.config("only"))["data"] == drifted["data"]
    assert (await fleet.config("web"))["data"] == {"v": "of staging"}
    assert (await fleet.config("tool"))["metadata"]["resourceVersion"] == alike["metadata"]["resourceVersion"]


async def an_app_that_is_removed_is_pruned_and_a_renamed_object_replaced(fleet: Fleet) -> None:
    files = {
        "apps/staging/kustomization.yaml": folder("../base/web", "only.yaml", namespace="default", patches=SCALED),
        "apps/staging/only.yaml": config("renamed", "in staging"),
    }
    await fleet.commit(files, "apps")
    assert await fleet.is_gone("tool")
    assert await fleet.is_gone("only")
    assert (await fleet.config("renamed"))["data"] == {"v": "in staging"}


async def an_object_that_moves_to_another_kustomization_stays(fleet: Fleet) -> None:
    """Take it over first, then let the old owner forget it: the way that Flux's documentation gives."""
    before = await fleet.config("class", "ingress")
    await fleet.commit(
        {"infrastructure/controllers/class.yaml": config("class", "moved", "ingress")}, "infra-controllers"
    )
    await fleet.delete("infrastructure/configs/class.yaml", "infra-configs")
    after = await fleet.config("class", "ingress")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["data"] == {"v": "moved"}
    assert after["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] == "infra-controllers"


async def what_waits_for_what_fails_waits_and_goes_on(fleet: Fleet) -> None:
    good = config("controller", "two", "ingress")
    seed.seed(
        fleet.repository,
        {
            "infrastructure/controllers/controller.yaml": "kind: ConfigMap\n",
            "apps/staging/only.yaml": config("renamed", "later"),
        },
    )
    await fleet.up.until(
        API, "Kustomization", "flux-system", "infra-configs",
        lambda obj: condition(obj, "Ready").get("reason") == "DependencyNotReady",
    )  # fmt: skip
    assert (await fleet.config("renamed"))["data"] == {"v": "in staging"}
    await fleet.commit(
        {"infrastructure/controllers/controller.yaml": good}, "infra-controllers", "infra-configs", "apps"
    )
    assert (await fleet.config("renamed"))["data"] == {"v": "later"}


async def a_kustomization_that_is_removed_takes_its_objects_along(fleet: Fleet) -> None:
    await fleet.delete("clusters/staging/apps.yaml", "flux-system")
    await fleet.up.kubectl("wait", "kustomization/apps", "-n", "flux-system", "--for=delete", "--timeout=60s")
    assert await fleet.is_gone("web")
    assert await fleet.is_gone("renamed")
    with pytest.raises(errors.NotFound):
        await fleet.up.client.get_object("apps/v1", "Deployment", "default", "web")
    assert (await fleet.config("controller", "ingress"))["data"] == {"v": "two"}
