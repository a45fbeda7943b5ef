"""The image: built without Docker, and started as the manifests start it, by a pod's own service account."""

import asyncio
import base64
import contextlib
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from gotk.git.objects import seed
from gotk.git.serving.server import GitServer
from gotk.kube import config
from gotk.kube.client import Client
from gotk.oci.registry.server import RegistryServer
from gotk.oci.registry.storage import Storage
from image_automation.app import embedded, leadership
from image_automation.cli.verbs import version
from tests.conftest import REFUSED
from tests.deploy.test_manifests import build, of_kind, pod_of
from tests.e2e.stage import Stage
from tests.e2e.test_pipeline import FILES, OBJECTS
from tests.e2e.test_replicas import deployed, free_port, push
from tests.real import container

ROOT = Path(__file__).parents[2]
BUILDER = ROOT / "scripts" / "image"
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
#: Wheels come from what the environment's own installation has left in the user's cache, and from nowhere else.
_ENVIRONMENT = {**os.environ, "HOME": pwd.getpwuid(os.getuid()).pw_dir, "UV_OFFLINE": "1"}
_UV = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")


def missing() -> str:
    """Return what this machine lacks for building and starting the image, or nothing."""
    if os.geteuid() != 0:
        return "not root"
    programs = [name for name in ("apt-cache", "buildah", "dpkg-query", "runc") if shutil.which(name) is None]
    programs += [] if Path(_UV).exists() else ["uv"]
    return f"there is no {' and no '.join(programs)} here" if programs else ""


def buildah_refused() -> str:
    """Tell what keeps buildah from its store on this machine, or nothing."""
    try:
        name = said("buildah", "from", "scratch")
        try:
            said("buildah", "mount", name)
        finally:
            said("buildah", "rm", name)
    except subprocess.CalledProcessError as error:
        return f"buildah: {error.stderr.strip()}"
    return ""


def uv_refused(folder: Path) -> str:
    """Tell why the locked wheels cannot be had from what installing this environment has left behind, or nothing."""
    command = [
        _UV,
        "pip",
        "install",
        "--quiet",
        "--link-mode",
        "hardlink",
        "--target",
        folder / "wheels",
        "--python",
        sys.executable,
        "--no-deps",
    ]
    try:
        for lock in ("run", "tools"):
            said(
                *map(str, [*command, "--require-hashes", "-r", ROOT / "requirements" / f"{lock}.txt"]), env=_ENVIRONMENT
            )
        said(*map(str, [*command, ROOT]), env=_ENVIRONMENT)
    except subprocess.CalledProcessError as error:
        return f"uv, without a network: {error.stderr.strip()}"
    return ""


@contextlib.contextmanager
def image() -> Iterator[tuple[Path, dict[str, Any], float]]:
    """Build the image, and lead to its files, what it says of itself, and how many seconds that took."""
    tag = f"localhost/test-{uuid.uuid4().hex[:12]}"
    began = time.monotonic()
    subprocess.run(
        [sys.executable, BUILDER / "build.py", "--tag", tag, "--uv", _UV, "--installed"], check=True, env=_ENVIRONMENT
    )
    took = time.monotonic() - began
    name = said("buildah", "from", tag)
    try:
        yield Path(said("buildah", "mount", name)), json.loads(said("buildah", "inspect", "--type", "image", tag)), took
    finally:
        said("buildah", "rm", name)
        said("buildah", "rmi", tag)


def said(*command: str, env: Mapping[str, str] | None = None) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout.strip()


@pytest.mark.real
@pytest.mark.timeout(600)
@pytest.mark.skipif(bool(missing()), reason=missing())
async def test_the_image_runs_as_the_manifests_start_it(tmp_path: Path) -> None:
    if refusal := buildah_refused() or container.refused(tmp_path / "probe") or uv_refused(tmp_path):
        pytest.skip(REFUSED + refusal)
    pod = pod_of(of_kind(build("all"), "Deployment")["image-automation"])
    with image() as (root, inspected, took):
        says = inspected["OCIv1"]["config"]
        assert (says["User"], says["Entrypoint"]) == ("65532:65532", ["image-automation"])
        holds_nothing_to_build_or_become_root_with(root)
        size = everything_is_listed(root, tmp_path / "sbom.json")
        variables = dict(each.split("=", 1) for each in says["Env"])
        containers = container.Containers(root=root, environment=variables, pod=pod, folder=tmp_path / "containers")
        confined(containers)
        programs_run(containers)
        ready = await a_tag_travels(tmp_path, containers)
    assert ready > 0
    print(f"image: {size >> 20} MiB, built in {took:.0f} s, ready {ready:.1f} s after its start")


def holds_nothing_to_build_or_become_root_with(root: Path) -> None:
    programs = {
        path.name
        for folder in ("usr/bin", "usr/sbin", "opt/image-automation/bin")
        for path in (root / folder).iterdir()
    }
    assert programs & {"apt", "bash", "cc", "dpkg", "gcc", "ld", "make", "perl", "pip", "pip3", "sh", "uv"} == set()
    site = next((root / "opt/image-automation/lib").iterdir()) / "site-packages"
    assert not (site / "pip").exists()
    assert not (root / "root/.cache").exists()
    privileged = [
        path
        for path in root.rglob("*")
        if not path.is_symlink() and path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID)
    ]
    assert privileged == []


def everything_is_listed(root: Path, file: Path) -> int:
    """Write the bill of materials, compare it with what is there, and return the size of the files."""
    subprocess.run([sys.executable, BUILDER / "sbom.py", root, "--output", file], check=True)
    bill = json.loads(file.read_bytes())
    listed = {(each["type"], each["name"]) for each in bill["components"]}
    site = next((root / "opt/image-automation/lib").iterdir()) / "site-packages"
    packages = {path.name.split("-")[0].lower().replace("_", "-") for path in site.glob("*.dist-info")}
    assert packages <= {name.lower().replace("_", "-").replace(".", "-") for _, name in listed}
    assert {path.name for path in (root / "var/lib/dpkg/status.d").iterdir()} <= {name for _, name in listed}
    assert {("application", name) for name in ("helm", "kubectl", "sops")} <= listed
    return sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def confined(containers: container.Containers) -> None:
    """See what the kernel holds a container to, and that nothing can be written but in its volumes."""
    status = dict(line.split(":", 1) for line in containers.run("python3", "-c", _STATUS).splitlines() if ":" in line)
    assert {status[name].split()[0] for name in ("Uid", "Gid")} == {"65532"}
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {0}
    assert (status["NoNewPrivs"].strip(), status["Seccomp"].strip()) == ("1", "2")
    assert containers.run("python3", "-c", _WRITES).split() == [
        "/",
        "EROFS",
        "/opt",
        "EROFS",
        "/data",
        "ok",
        "/tmp",
        "ok",
    ]


_STATUS = "print(open('/proc/self/status').read())"
_WRITES = """\
import errno
for place in ("/", "/opt", "/data", "/tmp"):
    try:
        open(place.rstrip("/") + "/written", "w").close()
        print(place, "ok")
    except OSError as error:
        print(place, errno.errorcode[error.errno])
"""


def programs_run(containers: container.Containers) -> None:
    assert f"image-automation: {version.program()}" in containers.run("image-automation", "version", "--client")
    checked = containers.run("image-automation", "check")
    assert "✔ kustomize builds: /opt/image-automation/bin/kubectl" in checked
    assert "✔ children are confined: files, network" in checked
    assert checked.endswith("✔ prerequisites checks passed\n")
    assert "clientVersion" in containers.run("kubectl", "version", "--client", "-o", "json")
    assert containers.run("helm", "version", "--short").startswith("v")
    assert containers.run("sops", "--version", "--disable-version-check").startswith("sops ")


async def a_tag_travels(folder: Path, containers: container.Containers) -> float:
    """Install the kit with the image, start it as its own pod, and see a tag go from a registry to a Deployment.

    Returns after how many seconds it was ready.
    """
    features = embedded.Features(authorization_mode="RBAC", simulate_workloads=True)
    async with (
        embedded.control_plane(folder / "plane", features) as plane,
        Client(await config.from_kubeconfig([plane.kubeconfig])) as client,
        RegistryServer(Storage()) as registry,
    ):
        stage = Stage(client=client, kubeconfig=plane.kubeconfig, home=folder)
        readable = folder / "kubeconfig"
        readable.write_bytes(plane.kubeconfig.read_bytes())
        readable.chmod(0o644)
        installer = replace(containers, given={"/kubeconfig": readable})
        installed = await blocking(installer.run, "image-automation", "install", "--kubeconfig=/kubeconfig")
        assert "✔ image-automation: deployment ready" in installed
        (name,) = [each["metadata"]["name"] for each in await client.list_objects("v1", "Pod", "flux-system")]
        with GitServer(folder / "git") as git:
            files = {path: text.replace("REGISTRY", registry.address) for path, text in FILES.items()}
            seed.seed(folder / "git" / "fleet.git", files)
            await push(registry.address, "1.0.1")
            objects = OBJECTS.replace("REGISTRY", registry.address).replace("URL", git.url("fleet.git"))
            await stage.apply(objects.replace(", secretRef: {name: fleet}", ""))
            async with started(stage, containers, name) as ready:
                await deployed(stage, registry.address, "1.0.1")
                pod = await client.get_object("v1", "Pod", "flux-system", name)
                assert pod["metadata"]["labels"][leadership.LABEL] == "true"
    return ready


@contextlib.asynccontextmanager
async def started(stage: Stage, containers: container.Containers, name: str) -> AsyncIterator[float]:
    """Start the service as the pod of that name, on ports of this test; leads to the seconds until it was ready."""
    account = await account_of(stage)
    health, storage = free_port(), free_port()
    arguments = [
        *containers.pod["containers"][0]["args"], "--metrics-addr=0", "--receiver-addr=0", "--notification-addr=0",
        "--explain-addr=0", "--dashboard-addr=0", f"--health-addr=127.0.0.1:{health}",
        f"--storage-addr=127.0.0.1:{storage}", f"--storage-adv-addr=127.0.0.1:{storage}",
    ]  # fmt: skip
    host, _, port = stage.client.config.host.removeprefix("https://").partition(":")
    command = replace(containers, given={ACCOUNT: account}).command(
        "image-automation", *arguments, RUNTIME_NAMESPACE="flux-system", POD_NAME=name, HOME="/tmp",
        KUBERNETES_SERVICE_HOST=host, KUBERNETES_SERVICE_PORT=port,
    )  # fmt: skip
    began = time.monotonic()
    log = containers.folder / "log"
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(*command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
    try:
        for path in ("healthz", "readyz"):
            await answers(f"http://127.0.0.1:{health}/{path}", process)
        yield time.monotonic() - began
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    except BaseException:
        print(log.read_text()[-4000:])
        raise
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answers(url: str, process: asyncio.subprocess.Process) -> None:
    """Wait until an address answers well; fails when the process ends before."""
    async with aiohttp.ClientSession() as session:
        while process.returncode is None:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(url) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.05)
    raise AssertionError(f"it ended with {process.returncode}")


async def account_of(stage: Stage) -> Path:
    """Lay down what a kubelet puts into a pod of the kit's service account."""
    folder = stage.home / "account"
    folder.mkdir()
    cluster = yaml.safe_load(stage.kubeconfig.read_text())["clusters"][0]["cluster"]
    (folder / "ca.crt").write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    (folder / "token").write_text(await stage.kubectl("create", "token", "image-automation", "-n", "flux-system"))
    (folder / "namespace").write_text("flux-system")
    for path in folder.iterdir():
        path.chmod(0o644)
    folder.chmod(0o755)
    return folder


async def blocking(work: Callable[..., str], *arguments: str) -> str:
    """Run what waits for a process beside the event loop, which serves the control plane."""
    return await asyncio.get_running_loop().run_in_executor(None, work, *arguments)
