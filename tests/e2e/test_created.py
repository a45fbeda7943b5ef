"""The whole way from nothing but commands: Secrets, sources, images and what is deployed, each made with `create`."""

import asyncio
import base64
import os
from pathlib import Path

import pytest

from gotk.git.objects import seed
from tests import typed
from tests.e2e import stage
from tests.e2e.test_pipeline import FILES, image_of, push, registry
from tests.real import git_ssh

__all__ = ["registry"]


async def run(up: stage.Stage, *arguments: str) -> str:
    """Run a verb as a user of the cluster, which must go well; return its last line."""
    environment = {"HOME": str(up.home), "PATH": os.environ["PATH"], "KUBECONFIG": str(up.kubeconfig)}
    done = await typed.run(*arguments, environment=environment, together=True)
    assert done.code == 0, done.out
    return done.out.splitlines()[-1]


@pytest.mark.real
async def test_a_tag_reaches_the_cluster_by_commands_alone(tmp_path: Path, registry: str) -> None:
    with git_ssh.serve(tmp_path) as server:
        url = server.url("fleet.git")
        seed.seed(
            server.create("fleet.git"), {name: text.replace("REGISTRY", registry) for name, text in FILES.items()}
        )
        await push(registry, "1.0.0")
        async with stage.running(tmp_path / "data") as up:
            await up.kubectl("create", "namespace", "flux-system")
            await run(up, "create", "secret", "git", "fleet", f"--url={url}")
            secret = await up.client.get_object("v1", "Secret", "flux-system", "fleet")
            with server.authorized.open("a") as file:
                file.write(base64.b64decode(secret["data"]["identity.pub"]).decode())
            first = await asyncio.gather(
                run(up, "create", "kustomization", "fleet", "--source=fleet", "--path=./apps", "--prune"),
                run(up, "create", "image", "policy", "web", "--image-ref=web", "--select-semver=1.x"),
                _later(up, url, registry),
            )
            assert first[0].startswith("✔ applied revision main@sha1:")
            assert first[1] == "✔ ImagePolicy reconciliation completed"
            await run(
                up, "create", "image", "update", "fleet", "--git-repo-ref=fleet", "--git-repo-path=./apps",
                "--checkout-branch=main", "--author-name=Bot", "--author-email=bot@example.com",
            )  # fmt: skip
            await push(registry, "1.0.1")
            await run(up, "reconcile", "image", "repository", "web")
            await up.until(
                "apps/v1", "Deployment", "apps", "web", lambda obj: image_of(obj) == f"{registry}/team/web:1.0.1"
            )


async def _later(up: stage.Stage, url: str, registry: str) -> None:
    """Make what the others depend on, once they are there and wait for it."""
    for kind, group in (("Kustomization", "kustomize"), ("ImagePolicy", "image")):
        name = "fleet" if kind == "Kustomization" else "web"
        await up.until(f"{group}.toolkit.fluxcd.io/v1", kind, "flux-system", name, _waits)
    git = await run(up, "create", "source", "git", "fleet", f"--url={url}", "--branch=main", "--secret-ref=fleet")
    assert git.startswith("✔ fetched revision: main@sha1:")
    await run(up, "create", "image", "repository", "web", f"--image={registry}/team/web")


def _waits(obj: dict) -> bool:
    return stage.condition(obj, "Ready").get("status") == "False"
