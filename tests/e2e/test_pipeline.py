"""The whole way on real parts: Debian's registry, Git over https and over ssh, kubectl as the client."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest

from gotk.git.objects import seed
from gotk.oci import image
from tests.e2e import stage
from tests.real import git_https, git_ssh
from tests.registries import docker_registry, installed

FILES = {
    "apps/kustomization.yaml": "resources: [web.yaml]\nnamespace: apps\n",
    "apps/web.yaml": """\
apiVersion: v1
kind: Namespace
metadata:
  name: apps
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: REGISTRY/team/web:1.0.0  # {"$imagepolicy": "flux-system:web"}
""",
}

OBJECTS = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: flux-system}
spec: {image: REGISTRY/team/web, interval: 1s}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: flux-system}
spec:
  imageRepositoryRef: {name: web}
  policy: {semver: {range: 1.x}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: flux-system}
spec: {url: "URL", interval: 10m, ref: {branch: main}, secretRef: {name: fleet}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: fleet, namespace: flux-system}
spec: {interval: 10m, path: ./apps, prune: true, sourceRef: {kind: GitRepository, name: fleet}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: fleet, namespace: flux-system}
spec:
  interval: 10m
  sourceRef: {kind: GitRepository, name: fleet}
  git: {commit: {author: {name: Bot, email: bot@example.com}}, push: {branch: main}}
  update: {path: ./apps}
"""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    if not installed():
        pytest.skip("docker-registry is not installed")
    with docker_registry(tmp_path) as address:
        yield address


def secret(data: dict[str, bytes]) -> str:
    lines = "\n".join(f"  {key}: {base64.b64encode(value).decode()}" for key, value in data.items())
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: fleet, namespace: flux-system}}\ndata:\n{lines}\n"


async def push(registry: str, tag: str) -> None:
    await image.push_image(f"http://{registry}", "team/web", tag, image.build_image(files={"version": tag.encode()}))


@pytest.mark.real
@pytest.mark.parametrize("transport", [git_https, git_ssh], ids=["https", "ssh"])
async def test_a_pushed_tag_reaches_the_cluster(tmp_path: Path, registry: str, transport) -> None:
    with transport.serve(tmp_path) as server:
        repository = server.create("fleet.git")
        seed.seed(repository, {name: text.replace("REGISTRY", registry) for name, text in FILES.items()})
        await push(registry, "1.0.0")
        async with stage.running(tmp_path / "data") as up:
            await up.kubectl("create", "namespace", "flux-system")
            await up.apply(secret(server.secret))
            await up.apply(OBJECTS.replace("REGISTRY", registry).replace("URL", server.url("fleet.git")))
            await up.until(
                "apps/v1", "Deployment", "apps", "web", lambda obj: image_of(obj) == f"{registry}/team/web:1.0.0"
            )

            await push(registry, "1.0.1")

            await up.until(
                "apps/v1", "Deployment", "apps", "web", lambda obj: image_of(obj) == f"{registry}/team/web:1.0.1"
            )
            for kind in ("imagerepository", "imagepolicy", "imageupdateautomation", "gitrepository", "kustomization"):
                await up.kubectl("wait", "-n", "flux-system", kind, "--all", "--for=condition=Ready", "--timeout=20s")

        opened = pygit2.Repository(str(repository))
        commit = opened[opened.branches["main"].target]
        assert [len(commit.parents), commit.author.name, commit.author.email] == [1, "Bot", "bot@example.com"]
        assert (commit.tree / "apps" / "web.yaml").data.decode() == (
            FILES["apps/web.yaml"].replace("REGISTRY/team/web:1.0.0", f"{registry}/team/web:1.0.1")
        )


@pytest.mark.real
async def test_a_wrong_host_key_is_refused(tmp_path: Path) -> None:
    with git_ssh.serve(tmp_path) as server:
        seed.seed(server.create("fleet.git"), FILES)
        data = {**server.secret, "known_hosts": server.foreign_known_hosts.encode()}
        async with stage.running(tmp_path / "data", controllers=frozenset({"gitrepository"})) as up:
            await up.kubectl("create", "namespace", "flux-system")
            await up.apply(secret(data))
            await up.apply(OBJECTS.split("---\n")[2].replace("URL", server.url("fleet.git")))
            failed = await up.until(
                "source.toolkit.fluxcd.io/v1", "GitRepository", "flux-system", "fleet",
                lambda obj: stage.condition(obj, "Ready").get("status") == "False",
            )  # fmt: skip
    message = stage.condition(failed, "Ready")["message"]
    assert "host key" in message
    assert "artifact" not in failed["status"]


def image_of(deployment: dict) -> str:
    return deployment["spec"]["template"]["spec"]["containers"][0]["image"]
