"""Bad input, each beside a healthy pipeline: the right condition names the thing and the cause, nothing else stops."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pygit2
import pytest
from aiohttp import web

from gotk.git.objects import seed
from gotk.oci import image
from gotk.oci.registry.guard import Password
from gotk.oci.registry.server import RegistryServer
from tests.e2e import stage
from tests.real import git_https

IMAGE, SOURCE, KUSTOMIZE = (
    "image.toolkit.fluxcd.io/v1", "source.toolkit.fluxcd.io/v1", "kustomize.toolkit.fluxcd.io/v1",
)  # fmt: skip
NAMESPACE = "flux-system"


def marked(name: str) -> str:
    return f'image: {name}:1.0.0 # {{"$imagepolicy": "flux-system:web"}}\n'


FILES = {
    "apps/kustomization.yaml": "resources: [config.yaml]\nnamespace: default\n",
    "apps/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n  IMAGE",
    "apps/broken.yaml": "a: [b\nIMAGE",
}

HEALTHY = """\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: flux-system}
spec: {image: REGISTRY/web, interval: 1s}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: flux-system}
spec: {imageRepositoryRef: {name: web}, policy: {semver: {range: 1.x}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: web, namespace: flux-system}
spec: {url: "file://REPOSITORY", interval: 10m, ref: {branch: main}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageUpdateAutomation
metadata: {name: web, namespace: flux-system}
spec:
  interval: 10m
  sourceRef: {kind: GitRepository, name: web}
  git: {commit: {author: {email: bot@example.com}}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: web, namespace: flux-system}
spec: {interval: 10m, path: ./apps, prune: true, sourceRef: {kind: GitRepository, name: web}}
"""


@dataclass(frozen=True)
class Pipeline:
    """A healthy pipeline and what stands around it."""

    up: stage.Stage
    registry: RegistryServer
    repository: Path

    async def push(self, tag: str) -> None:
        await image.push_image(self.registry.url, "web", tag, image.build_image(files={"version": tag.encode()}))

    async def still_works(self) -> None:
        """A further tag gets through, whatever else is wrong."""
        await self.push("1.0.1")
        wanted = f"{self.registry.address}/web:1.0.1"
        await self.up.until("v1", "ConfigMap", "default", "web", lambda obj: obj["data"]["image"] == wanted)

    async def apply(self, kind: str, name: str, spec: str) -> None:
        group = {"Image": IMAGE, "GitRe": SOURCE, "Kusto": KUSTOMIZE}[kind[:5]]
        meta = f"{{name: {name}, namespace: {NAMESPACE}}}"
        await self.up.apply(f"apiVersion: {group}\nkind: {kind}\nmetadata: {meta}\nspec: {spec}\n")

    async def failure(self, kind: str, name: str, *, type_: str = "Ready") -> Mapping[str, str]:
        """Wait until an object is not ready (or stalled), and return the condition."""
        group = {"Image": IMAGE, "GitRe": SOURCE, "Kusto": KUSTOMIZE}[kind[:5]]
        bad = "True" if type_ == "Stalled" else "False"
        obj = await self.up.until(
            group, kind, NAMESPACE, name, lambda obj: stage.condition(obj, type_).get("status") == bad
        )
        return stage.condition(obj, type_)


@pytest.fixture
async def pipeline(tmp_path: Path) -> AsyncIterator[Pipeline]:
    repository = tmp_path / "web.git"
    async with RegistryServer() as server, stage.running(tmp_path / "data") as up:
        files = {name: text.replace("IMAGE", marked(f"{server.address}/web")) for name, text in FILES.items()}
        seed.seed(repository, files)
        made = Pipeline(up, server, repository)
        await made.push("1.0.0")
        await up.kubectl("create", "namespace", NAMESPACE)
        await up.apply(HEALTHY.replace("REGISTRY", server.address).replace("REPOSITORY", str(repository)))
        await up.until(KUSTOMIZE, "Kustomization", NAMESPACE, "web", stage.is_ready)
        yield made


async def test_a_registry_that_is_down(pipeline: Pipeline) -> None:
    await pipeline.apply("ImageRepository", "down", "{image: 127.0.0.1:1/team/x, interval: 1s}")
    ready = await pipeline.failure("ImageRepository", "down")
    assert ready["reason"] == "ReadOperationFailed"
    assert "scan failed" in ready["message"]
    assert "127.0.0.1:1" in ready["message"]
    await pipeline.still_works()


async def test_a_registry_that_answers_a_web_page(pipeline: Pipeline) -> None:
    async def page(_: web.BaseRequest) -> web.Response:
        return web.Response(text="<html>Please log in</html>", content_type="text/html")

    runner = web.ServerRunner(web.Server(page))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        await pipeline.apply("ImageRepository", "page", f"{{image: '127.0.0.1:{port}/team/x', interval: 1s}}")
        ready = await pipeline.failure("ImageRepository", "page")
    finally:
        await runner.cleanup()
    assert ready["reason"] == "ReadOperationFailed"
    assert "the answer is a web page" in ready["message"]
    await pipeline.still_works()


async def test_a_registry_that_demands_credentials(pipeline: Pipeline) -> None:
    async with RegistryServer(guard=Password("user", "geheim")) as locked:
        await pipeline.apply("ImageRepository", "locked", f"{{image: '{locked.address}/team/x', interval: 1s}}")
        ready = await pipeline.failure("ImageRepository", "locked")
    assert ready["reason"] == "ReadOperationFailed"
    assert "401" in ready["message"] or "UNAUTHORIZED" in ready["message"]
    await pipeline.still_works()


async def test_an_unknown_image_host(pipeline: Pipeline) -> None:
    await pipeline.apply("ImageRepository", "nowhere", "{image: registry.invalid/team/x, interval: 1s}")
    ready = await pipeline.failure("ImageRepository", "nowhere")
    assert ready["reason"] == "ReadOperationFailed"
    assert "registry.invalid" in ready["message"]
    await pipeline.still_works()


async def test_a_policy_that_matches_no_tag(pipeline: Pipeline) -> None:
    await pipeline.apply("ImagePolicy", "nine", "{imageRepositoryRef: {name: web}, policy: {semver: {range: '>=9.0'}}}")
    ready = await pipeline.failure("ImagePolicy", "nine")
    assert ready["message"] == "unable to determine latest version from provided list"
    await pipeline.still_works()


async def test_a_kustomization_that_does_not_build(pipeline: Pipeline) -> None:
    source = "sourceRef: {kind: GitRepository, name: web}"
    spec = f"{{interval: 10m, path: ./apps, prune: true, components: [./missing], {source}}}"
    await pipeline.apply("Kustomization", "broken", spec)
    ready = await pipeline.failure("Kustomization", "broken")
    assert ready["reason"] == "BuildFailed"
    assert "missing" in ready["message"]
    await pipeline.still_works()


async def test_a_marker_in_a_file_that_is_not_yaml_is_left_alone_and_said(pipeline: Pipeline) -> None:
    await pipeline.still_works()
    repository = pygit2.Repository(str(pipeline.repository))
    tree = repository[repository.branches["main"].target].peel(pygit2.Tree)
    assert (tree / "apps" / "broken.yaml").data.decode() == "a: [b\n" + marked(f"{pipeline.registry.address}/web")
    events = await pipeline.up.kubectl("get", "events", "-n", NAMESPACE, "-o", "yaml")
    assert "apps/broken.yaml" in events


async def test_an_object_written_past_its_schema_is_stalled_by_itself(pipeline: Pipeline) -> None:
    patch = '[{"op":"replace","path":"/spec/interval","value":"soon"}]'
    refused = await pipeline.up.kubectl(
        "patch", "imagerepository", "web", "-n", NAMESPACE, "--type=json", "-p", patch, fails=True
    )
    assert "spec.interval" in refused
    await pipeline.still_works()


@pytest.mark.real
async def test_a_repository_that_rejects_the_push(pipeline: Pipeline, tmp_path: Path) -> None:
    with git_https.serve(tmp_path) as server:
        repository = server.create("strict.git")
        seed.seed(repository, {"web.yaml": marked(f"{pipeline.registry.address}/web").replace("1.0.0", "0.9.0")})
        hook = repository / "hooks" / "pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho 'changes need a review' >&2\nexit 1\n")
        hook.chmod(0o755)
        before = pygit2.Repository(str(repository)).branches["main"].target
        data = "\n".join(f"  {key}: {value.decode()!r}" for key, value in server.secret.items() if key != "ca.crt")
        await pipeline.up.apply(
            f"apiVersion: v1\nkind: Secret\nmetadata: {{name: strict, namespace: {NAMESPACE}}}\nstringData:\n{data}\n"
             "  ca.crt: |\n" + "\n".join(f"    {line}" for line in server.ca.splitlines())
        )  # fmt: skip
        spec = (
            f"{{url: '{server.url('strict.git')}', interval: 10m, ref: {{branch: main}}, secretRef: {{name: strict}}}}"
        )
        await pipeline.apply("GitRepository", "strict", spec)
        spec = (
            "{interval: 10m, sourceRef: {kind: GitRepository, name: strict}, git: {commit: {author: {email: b@e.com}}}}"
        )
        await pipeline.apply("ImageUpdateAutomation", "strict", spec)
        ready = await pipeline.failure("ImageUpdateAutomation", "strict")
        assert ready["reason"] == "GitOperationFailed"
        assert "failed to push to remote" in ready["message"]
        assert server.url("strict.git") in ready["message"]
        assert pygit2.Repository(str(repository)).branches["main"].target == before
        await pipeline.still_works()
