"""A pipeline made, followed and steered by the real flux alone: no manifest is written, every wait is flux's own."""

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gotk.git.objects import seed
from gotk.git.serving import server
from gotk.oci import image
from gotk.oci.registry.files import DirectoryFiles
from gotk.oci.registry.server import RegistryServer
from gotk.oci.registry.storage import Storage
from tests.conformance import flux as real
from tests.conformance.flux import Flux
from tests.e2e import stage
from tests.e2e.test_alerts import Webhook, webhook
from tests.e2e.test_receivers import free_port
from tests.real import git_ssh

pytestmark = real.needed

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: REGISTRY/team/web:1.0.0  # {"$imagepolicy": "flux-system:web"}
"""


@dataclass(frozen=True)
class Scene:
    """A running service with a registry, a Git server and a chat room beside it, and a flux that knows the way."""

    up: stage.Stage
    flux: Flux
    registry: str
    git: str
    hooks: str
    chat: Webhook

    async def says(self, line: str) -> str:
        """Run flux, expect success, return its progress lines."""
        said = await self.flux.run(*line.split())
        assert said.code == 0, f"flux {line}: {said.err}{said.out}"
        return said.err

    async def push(self, tag: str) -> None:
        built = image.build_image(files={"version": tag.encode()})
        await image.push_image(f"http://{self.registry}", "team/web", tag, built)

    async def deployed(self, tag: str) -> None:
        """Wait for the Deployment to run this tag."""
        wanted = f"{self.registry}/team/web:{tag}"
        await self.up.until(
            "apps/v1", "Deployment", "default", "web",
            lambda obj: obj["spec"]["template"]["spec"]["containers"][0]["image"] == wanted,
        )  # fmt: skip


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    hooks = f"127.0.0.1:{free_port()}"
    auth = server.BasicAuth("git", "pass-word")
    async with contextlib.AsyncExitStack() as stack:
        registry = await stack.enter_async_context(RegistryServer(Storage(DirectoryFiles(tmp_path / "registry"))))
        git = stack.enter_context(server.GitServer(tmp_path / "git", auth=auth))
        chat = await stack.enter_async_context(webhook())
        up = await stack.enter_async_context(stage.running(tmp_path / "data", receiver_addr=hooks))
        seed.seed(tmp_path / "git" / "fleet.git", {"apps/web.yaml": WEB.replace("REGISTRY", registry.address)})
        await up.kubectl("create", "namespace", "flux-system")
        flux = Flux(up.kubeconfig, tmp_path / "home")
        yield Scene(up, flux, registry.address, git.url("fleet.git"), f"http://{hooks}", chat)


async def make_pipeline(scene: Scene) -> None:
    """Create everything from the secret to the update automation; flux waits for each to be ready."""
    await scene.says(f"create secret git fleet --url={scene.git} --username=git --password=pass-word")
    fetched = await scene.says(f"create source git fleet --url={scene.git} --branch=main --secret-ref=fleet")
    assert "✔ fetched revision: main@sha1:" in fetched
    author = "--author-name=Bot --author-email=bot@example.org"
    branches = "--checkout-branch=main --push-branch=main"
    lines = (
        "kustomization fleet --source=GitRepository/fleet --path=./apps --prune --interval=10m",
        f"image repository web --image={scene.registry}/team/web --interval=10m",
        "image policy web --image-ref=web --select-semver=1.x",
        f"image update fleet --git-repo-ref=fleet --git-repo-path=./apps {branches} {author} --interval=10m",
    )
    applied, *made = await asyncio.gather(*(scene.says(f"create {line}") for line in lines))
    assert "✔ Kustomization fleet is ready\n✔ applied revision main@sha1:" in applied
    assert all(each.endswith("reconciliation completed\n") for each in made)


async def test_a_pipeline_made_by_flux_deploys_what_is_pushed(scene: Scene) -> None:
    await scene.push("1.0.0")
    await make_pipeline(scene)
    await scene.deployed("1.0.0")

    await scene.push("1.0.1")
    assert "✔ scan fetched 2 tags\n" in await scene.says("reconcile image repository web")
    await scene.deployed("1.0.1")

    images = await scene.flux("get images all --no-header")
    assert f"imagepolicy/web\t{scene.registry}/team/web\t1.0.1\tTrue\t" in images
    assert "imagerepository/web\t" in images
    assert "imageupdateautomation/fleet\t" in images
    brought = await scene.says("reconcile kustomization fleet --with-source")
    assert re.findall(r"✔ (\w+) revision main@sha1:", brought) == ["fetched", "applied"]
    assert await scene.flux("get all -A --status-selector ready=false") == ""
    assert "└── Deployment/default/web" in await scene.flux("tree kustomization fleet")
    traced = await scene.flux("trace deployment web -n default")
    assert "Kustomization:   fleet" in traced
    assert f"URL:             {scene.git}" in traced
    assert "pushed commit" in await scene.flux("events --for ImageUpdateAutomation/fleet")

    await scene.says("suspend image repository web")
    assert await scene.flux.fails("reconcile image repository web") == "✗ resource is suspended\n"
    assert "✔ scan fetched 2 tags" in await scene.says("resume image repository web")


async def test_a_receiver_made_by_flux_is_triggered_and_its_alert_told(scene: Scene) -> None:
    await scene.push("1.0.0")
    await scene.says(f"create image repository web --image={scene.registry}/team/web --interval=1h")
    await scene.says(f"create secret receiver hook --type=generic-hmac --token=t0ken --hostname={scene.hooks}")
    made = await scene.says(
        "create receiver hook --type=generic-hmac --event=push --secret-ref=hook --resource=ImageRepository/web"
    )
    assert "✔ generated webhook URL /hook/" in made
    await scene.says(f"create alert-provider chat --type=generic --address={scene.chat.url}")
    await scene.says("create alert chat --provider-ref=chat --event-severity=info --event-source=ImageRepository/web")

    await scene.push("1.0.1")
    await scene.says(f"trigger receiver hook --type=generic-hmac --token=t0ken --url={scene.hooks}")
    await scene.up.until(
        "image.toolkit.fluxcd.io/v1", "ImageRepository", "flux-system", "web",
        lambda obj: obj["status"]["lastScanResult"]["tagCount"] == 2,
    )  # fmt: skip
    told = await scene.chat.until(reason="Succeeded")
    assert told["involvedObject"]["name"] == "web"
    assert told["message"].startswith("successful scan: found 2 tags")
    refused = await scene.flux.fails(
        f"trigger receiver hook --type=generic-hmac --token=wrong --url={scene.hooks} --retries=0"
    )
    assert "404" in refused


async def test_a_deploy_key_made_by_flux_opens_the_repository(tmp_path: Path) -> None:
    with git_ssh.serve(tmp_path) as host:
        seed.seed(host.create("fleet.git"), {"apps/web.yaml": WEB})
        async with stage.running(tmp_path / "data", controllers=frozenset({"gitrepository"})) as up:
            await up.kubectl("create", "namespace", "flux-system")
            flux, url = Flux(up.kubeconfig, tmp_path / "home"), f"--url={host.url('fleet.git')}"
            made = await flux.run("create", "secret", "git", "fleet", url)
            (key,) = re.findall(r"deploy key: (\S+ \S+)", made.err)
            with host.authorized.open("a") as file:
                file.write(f"{key}\n")
            said = await flux.run(
                "create", "source", "git", "fleet", url, "--branch=main", "--secret-ref=fleet", "--timeout=20s"
            )
    assert "✔ fetched revision: main@sha1:" in said.err


async def test_the_started_program_passes_every_check(tmp_path: Path) -> None:
    closed = [f"--{name}-addr=0" for name in ("metrics", "health", "explain", "dashboard", "receiver", "notification")]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "image_automation", "run", "--embedded", f"--data-dir={tmp_path / 'data'}",
        "--storage-addr=127.0.0.1:0", *closed, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            while not (line := await process.stderr.readline()).startswith("► kubectl".encode()):
                assert line, "the program ended"
        flux = Flux(tmp_path / "data" / "kubeconfig", tmp_path / "home")
        assert (await flux.run("check", "--timeout=20s")).err.endswith("✔ all checks passed\n")
        line = "create source git fleet --url=http://127.0.0.1:1/fleet.git --branch=main --timeout=1s"
        made = await flux.run(*line.split())
        assert "✔ GitRepository source created\n" in made.err
    finally:
        process.terminate()
        await process.communicate()
