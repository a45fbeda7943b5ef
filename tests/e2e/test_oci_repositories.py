"""An artifact of a registry, deployed: OCIRepository, Kustomization, and what the command line says of them."""

import asyncio
import sys
from pathlib import Path

from gotk.oci.registry.server import RegistryServer
from gotk.oci.registry.storage import Storage
from tests import artifacts
from tests.e2e import stage
from tests.e2e.stage import condition

OBJECTS = """\
apiVersion: source.toolkit.fluxcd.io/v1beta2
kind: OCIRepository
metadata: {name: app, namespace: default}
spec: {url: "oci://ADDRESS/team/app", interval: 1h, ref: {semver: 1.x}}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: app, namespace: default}
spec: {interval: 1h, prune: true, path: ./deploy, sourceRef: {kind: OCIRepository, name: app}}
"""
CONTROLLERS = frozenset({"ocirepository", "kustomization"})


def files(value: str) -> dict[str, bytes]:
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app, namespace: default}}\ndata: {{v: '{value}'}}\n"
    return {"deploy/app.yaml": text.encode()}


async def test_an_artifact_of_a_registry_is_deployed_and_replaced(tmp_path: Path) -> None:
    async with (
        RegistryServer(Storage()) as registry,
        stage.running(tmp_path / "data", controllers=CONTROLLERS) as up,
    ):
        await artifacts.push_flux(registry.url, "team/app", "1.0.0", files("one"))
        await up.apply(OBJECTS.replace("ADDRESS", registry.address))
        await up.until("v1", "ConfigMap", "default", "app", lambda obj: obj["data"]["v"] == "one")
        digest = await artifacts.push_flux(registry.url, "team/app", "1.1.0", files("two"))
        said = await command_line(up, "reconcile", "source", "oci", "app", "-n", "default")
        assert said.splitlines()[-1].endswith(f"fetched revision 1.1.0@{digest}")
        await up.until("v1", "ConfigMap", "default", "app", lambda obj: obj["data"]["v"] == "two")
        applied = await up.until(
            "kustomize.toolkit.fluxcd.io/v1", "Kustomization", "default", "app",
            lambda obj: condition(obj, "Ready").get("status") == "True"
            and obj["status"]["lastAppliedRevision"] == f"1.1.0@{digest}",
        )  # fmt: skip
        assert applied["status"]["lastAppliedOriginRevision"] == "main@sha1:" + "b" * 40
        printed = (await command_line(up, "get", "sources", "oci", "-n", "default")).splitlines()
        short = digest[: len("sha256:") + 8]
        assert [cell.strip() for cell in printed[1].rstrip().split("\t")] == [
            *("app", f"1.1.0@{short}", "False", "True", f"stored artifact for digest '1.1.0@{short}'")
        ]
        await command_line(up, "suspend", "source", "oci", "app", "-n", "default")
        suspended = await up.client.get_object("source.toolkit.fluxcd.io/v1", "OCIRepository", "default", "app")
        assert suspended["spec"]["suspend"] is True
        await up.kubectl("delete", "ocirepository,kustomization", "--all", "-n", "default", "--timeout=20s")
        assert not list((tmp_path / "data" / "artifacts").rglob("*.tar.gz"))


async def test_what_push_artifact_pushed_is_deployed(tmp_path: Path) -> None:
    async with (
        RegistryServer(Storage()) as registry,
        stage.running(tmp_path / "data", controllers=CONTROLLERS) as up,
    ):
        for name, content in files("pushed").items():
            (tmp_path / "app" / name).parent.mkdir(parents=True)
            (tmp_path / "app" / name).write_bytes(content)
        revision = "main@sha1:" + "c" * 40
        said = ("--path", str(tmp_path / "app"), "--source", "https://example.com/app", "--revision", revision)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "image_automation", "push", "artifact"),
            *(f"oci://{registry.address}/team/app:1.0.0", *said),
            env={"HOME": str(tmp_path), "PATH": ""},
        )
        assert await process.wait() == 0
        await up.apply(OBJECTS.replace("ADDRESS", registry.address))
        await up.until("v1", "ConfigMap", "default", "app", lambda obj: obj["data"]["v"] == "pushed")
        applied = await up.until("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "default", "app", stage.is_ready)
        assert applied["status"]["lastAppliedOriginRevision"] == revision


async def command_line(up: stage.Stage, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "image_automation", *arguments, "--kubeconfig", str(up.kubeconfig)),
        env={"HOME": str(up.home), "PATH": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return (out + err).decode()
