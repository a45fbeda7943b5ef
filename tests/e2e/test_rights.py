"""The whole pipeline under the rights that the kit gives, and not one right that nothing uses."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from gotk.git.objects import seed
from gotk.git.serving.server import BasicAuth, GitServer
from gotk.kube import config
from gotk.kube.client import Client
from gotk.oci import image
from gotk.oci.registry.server import RegistryServer
from gotk.oci.registry.storage import Storage
from gotk.runtime.leader_election import Election
from image_automation.app import embedded, leadership, service
from image_automation.app.settings import Settings
from tests.e2e.stage import Stage, condition
from tests.e2e.test_pipeline import FILES, OBJECTS

KIT = Path(__file__).parents[2] / "deploy" / "manifests"
_CLUSTER_ADMIN = "image-automation-cluster-admin"
ACCOUNT = "system:serviceaccount:flux-system:image-automation"
#: Used when a write meets another's, or by what has no deterministic moment; each with where it is asked for.
ONLY_AFTER_A_CONFLICT = {
    ("image.toolkit.fluxcd.io", "imagepolicies", "get"),
    ("image.toolkit.fluxcd.io", "imagerepositories", "get"),
    ("image.toolkit.fluxcd.io", "imageupdateautomations", "get"),
    ("helm.toolkit.fluxcd.io", "helmreleases", "get"),
    ("kustomize.toolkit.fluxcd.io", "kustomizations", "get"),
    ("notification.toolkit.fluxcd.io", "receivers", "get"),
    ("source.toolkit.fluxcd.io", "gitrepositories", "get"),
    ("source.toolkit.fluxcd.io", "helmrepositories", "get"),
    ("source.toolkit.fluxcd.io", "helmcharts", "get"),
    ("source.toolkit.fluxcd.io", "buckets", "get"),
    ("source.toolkit.fluxcd.io", "ocirepositories", "get"),
    ("source.extensions.fluxcd.io", "artifactgenerators", "get"),
    # Asked for by an apply of an object that is there already, where that is a create of one that is not.
    ("source.toolkit.fluxcd.io", "externalartifacts", "create"),
}
#: Read live only where `DirectSourceFetch` is on, too.
ONLY_BEHIND_A_GATE: set[tuple[str, str, str]] = set()
#: Asked for by whoever applies what is not there: the request is a patch.
MADE_BY_APPLYING = {("source.toolkit.fluxcd.io", "helmcharts", "create")}
#: Rights on what the repository of this test holds; the kit leaves these to the operator.
MANIFESTS = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: manifests}
rules:
  - {apiGroups: [""], resources: [namespaces], verbs: [get, create, patch, delete]}
  - {apiGroups: [apps], resources: [deployments], verbs: [get, create, patch, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: manifests}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: manifests}
subjects: [{kind: ServiceAccount, name: image-automation, namespace: flux-system}]
"""
#: What makes the rest of the rights needed: secrets, service accounts, other namespaces, variables, alerts, receivers.
MORE = """\
apiVersion: v1
kind: Namespace
metadata: {name: images, labels: {shared: "yes"}}
---
apiVersion: v1
kind: Secret
metadata: {name: fleet, namespace: flux-system}
stringData: {username: bot, password: s3cret}
---
apiVersion: v1
kind: Secret
metadata: {name: hook, namespace: flux-system}
stringData: {token: t0ken}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: vars, namespace: flux-system}
data: {cluster: test}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: puller, namespace: images}
---
apiVersion: notification.toolkit.fluxcd.io/v1
kind: Receiver
metadata: {name: hook, namespace: flux-system}
spec:
  type: generic
  secretRef: {name: hook}
  resources: [{kind: ImageRepository, name: web, namespace: images}, {kind: GitRepository, name: fleet}]
---
apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Provider
metadata: {name: chat, namespace: flux-system, finalizers: [finalizers.fluxcd.io]}
spec: {type: generic, address: "http://127.0.0.1:9/", secretRef: {name: hook}}
---
apiVersion: notification.toolkit.fluxcd.io/v1beta3
kind: Alert
metadata: {name: all, namespace: flux-system, finalizers: [finalizers.fluxcd.io]}
spec:
  providerRef: {name: chat}
  eventSources: [{kind: Kustomization, name: "*"}]
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: flux-system}
spec: {url: "http://127.0.0.1:9/charts"}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmChart
metadata: {name: web, namespace: flux-system}
spec: {chart: web, interval: 1m, sourceRef: {kind: HelmRepository, name: charts}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web, namespace: flux-system}
spec:
  interval: 1m
  chart: {spec: {chart: web, sourceRef: {kind: HelmRepository, name: charts}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: away, namespace: images}
spec: {url: "oci://127.0.0.1:9/nobody", interval: 1m}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: Bucket
metadata: {name: fleet, namespace: flux-system}
spec: {bucketName: fleet, endpoint: "127.0.0.1:9", insecure: true, interval: 1m}
---
apiVersion: source.extensions.fluxcd.io/v1beta1
kind: ArtifactGenerator
metadata: {name: parts, namespace: flux-system}
spec:
  sources: [{alias: fleet, kind: GitRepository, name: fleet}]
  artifacts: [{name: part, copy: [{from: "@fleet/**", to: "@artifact/"}]}]
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: away, namespace: images}
spec: {image: "127.0.0.1:9/nobody", interval: 1s}
"""


def objects(registry: str, git: str) -> str:
    """Return the objects of the pipeline's own test, with the image's repository in another namespace."""
    found = list(yaml.safe_load_all(OBJECTS.replace("REGISTRY", registry).replace("URL", git)))
    repository, policy, _, kustomization, _ = found
    repository["metadata"]["namespace"] = "images"
    repository["spec"] |= {
        "serviceAccountName": "puller",
        "accessFrom": {"namespaceSelectors": [{"matchLabels": {"kubernetes.io/metadata.name": "flux-system"}}]},
    }
    policy["spec"]["imageRepositoryRef"]["namespace"] = "images"
    kustomization["spec"]["postBuild"] = {"substituteFrom": [{"kind": "ConfigMap", "name": "vars"}]}
    return yaml.safe_dump_all(found)


@contextlib.asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Stage]:
    """Run a control plane that enforces roles and notes every request, with the kit's objects on it."""
    features = embedded.Features(authorization_mode="RBAC", trace=folder / "trace.jsonl")
    async with (
        embedded.control_plane(folder / "plane", features) as up,
        Client(await config.from_kubeconfig([up.kubeconfig])) as client,
    ):
        stage = Stage(client=client, kubeconfig=up.kubeconfig, home=folder)
        kit = await stage.kubectl("kustomize", str(KIT / "overlays" / "all"))
        given = [
            each for each in yaml.safe_load_all(kit) if each["metadata"]["name"] != "image-automation-cluster-admin"
        ]
        await stage.kubectl("apply", "--server-side", "-f", "-", text=yaml.safe_dump_all(given))
        await stage.apply(MANIFESTS)
        yield stage


async def as_the_service(stage: Stage, folder: Path, *, namespace: str = "flux-system") -> config.Config:
    """Return the cluster as the kit's service account sees it."""
    token = (await stage.kubectl("create", "token", "image-automation", "-n", namespace)).strip()
    document = yaml.safe_load(stage.kubeconfig.read_text())
    document["users"] = [{"name": document["users"][0]["name"], "user": {"token": token}}]
    own = folder / "service-kubeconfig"
    own.write_text(yaml.safe_dump(document))
    return await config.from_kubeconfig([own])


def used(trace: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (group, resource, verb) of every request of the service, refused ones as a failure."""
    for line in trace.read_text().splitlines():
        noted = json.loads(line)
        if noted["user"] != ACCOUNT:
            continue
        url = urlsplit(noted["path"])
        parts = url.path.strip("/").split("/")
        if len(parts) < 3 or parts[0] not in {"api", "apis"}:
            continue
        assert noted["status"] != 403, noted
        group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
        if rest and rest[0] == "namespaces" and len(rest) > 2:
            rest = rest[2:]
        if not rest:
            continue
        resource = "/".join([rest[0], *rest[2:3]])
        watching = "watch" in parse_qs(url.query)
        reading = "watch" if watching else "list" if len(rest) == 1 else "get"
        verb = {"GET": reading, "POST": "create", "PATCH": "patch", "DELETE": "delete", "PUT": "update"}
        yield group, resource, verb[noted["method"]]


def granted() -> set[tuple[str, str, str]]:
    """Return what the kit's roles for the service allow."""
    rules = [
        rule
        for name in ("image", "deploy")
        for role in yaml.safe_load_all((KIT / "rights" / name / "roles.yaml").read_text())
        for rule in role.get("rules", ())
    ]
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


async def test_the_pipeline_runs_under_the_kits_rights_and_uses_each_of_them(tmp_path: Path) -> None:
    async with RegistryServer(Storage()) as registry, cluster(tmp_path) as stage:
        with GitServer(tmp_path / "git", auth=BasicAuth("bot", "s3cret")) as git:
            files = {name: text.replace("REGISTRY", registry.address) for name, text in FILES.items()}
            seed.seed(tmp_path / "git" / "fleet.git", files)
            await push(registry.address, "1.0.1")
            address = await as_the_service(stage, tmp_path)
            await stage.apply(MORE)
            for name in ("web-0", "web-1"):
                await stage.apply(pod(name, "web-1"))
            await stage.apply(objects(registry.address, git.url("fleet.git")))
            async with service.beside(settings(tmp_path), address):
                await stage.until(
                    "apps/v1", "Deployment", "apps", "web",
                    lambda obj: obj["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":1.0.1"),
                )  # fmt: skip
                for kind, api, name in (
                    ("Kustomization", "kustomize.toolkit.fluxcd.io/v1", "fleet"),
                    ("Receiver", "notification.toolkit.fluxcd.io/v1", "hook"),
                    ("ArtifactGenerator", "source.extensions.fluxcd.io/v1beta1", "parts"),
                ):
                    await stage.until(
                        api, kind, "flux-system", name,
                        lambda obj: condition(obj, "Ready").get("status") == "True",
                    )  # fmt: skip
                await repeated(stage)
                await delete_everything(stage)
        leaders = await stage.kubectl(
            "get", "pods", "-n", "flux-system", "-l", "image-automation.dev/leader=true", "-o", "name"
        )
    assert leaders.split() == ["pod/web-0"], "the label moved to the pod that leads now"
    rights, seen = granted(), set(used(tmp_path / "trace.jsonl"))
    assert sorted(rights - seen - ONLY_AFTER_A_CONFLICT - ONLY_BEHIND_A_GATE - MADE_BY_APPLYING) == []


def settings(folder: Path) -> Settings:
    election = Election(
        namespace="flux-system", name="lease", identity="me", lease_duration=15, renew_deadline=10, retry_period=0.5,
        release_on_cancel=True,
    )  # fmt: skip
    return Settings(
        data_dir=folder / "data", storage_addr="127.0.0.1:0", metrics_addr="0", health_addr="0", grace=2.0,
        min_retry_delay=0.2, requeue_dependency=0.5, election=election, external_artifacts=True,
        pod=leadership.Pod(namespace="flux-system", name="web-0"),
    )  # fmt: skip


async def repeated(stage: Stage) -> None:
    """Wait until the cluster has counted an event again: that of the registry that is away."""
    async for _, event in stage.client.watch_objects("v1", "Event", "images"):
        if event.get("count", 1) > 1:
            return


async def delete_everything(stage: Stage) -> None:
    """Delete what the service holds finalizers of, so that it has to let them go."""
    for kind, namespace in (
        ("kustomization", "flux-system"), ("imageupdateautomation", "flux-system"), ("imagepolicy", "flux-system"),
        ("imagerepository", "images"), ("artifactgenerator", "flux-system"), ("gitrepository", "flux-system"),
        ("helmrelease", "flux-system"),
        ("bucket", "flux-system"), ("helmchart", "flux-system"), ("helmrepository", "flux-system"),
        ("receiver", "flux-system"),
        ("provider", "flux-system"), ("ocirepository", "images"),
    ):  # fmt: skip
        await stage.kubectl("delete", kind, "--all", "-n", namespace, "--timeout=20s")


async def push(registry: str, tag: str) -> None:
    await image.push_image(f"http://{registry}", "team/web", tag, image.build_image(files={"version": tag.encode()}))


def pod(name: str, leader: str) -> str:
    labels: dict[str, Any] = {"app": "image-automation"}
    if name == leader:
        labels["image-automation.dev/leader"] = "true"
    spec = {"containers": [{"name": "manager", "image": "image-automation"}]}
    metadata = {"name": name, "namespace": "flux-system", "labels": labels}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
