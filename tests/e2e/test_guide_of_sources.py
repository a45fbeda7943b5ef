"""Every example of the guide's pages on sources and Kustomizations.

Each is a manifest that the API takes, and those that are whole become ready, against servers of this machine in the
place of those that the pages name.
"""

import base64
import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from deploy.kustomize.building.bases import address
from gotk.git.objects import seed
from gotk.oci.registry.server import RegistryServer
from tests import artifacts
from tests.deploy.kustomize import sources
from tests.deploy.source import helm_server
from tests.deploy.source.charts.packed import chart
from tests.deploy.source.helm_server import HelmServer
from tests.e2e import stage
from tests.e2e.stage import Stage, is_ready
from tests.real import s3

pytestmark = pytest.mark.real

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
PAGES = (
    "git-repositories", "oci-repositories", "buckets", "helm-repositories", "helm-charts", "external-artifacts",
    "artifact-generators", "kustomizations", "secrets",
)  # fmt: skip
LOGIN = ("jane", "s3cret")
SITE = sources.archive(
    {"site/cm.yaml": sources.config_map("site").replace("name: site", "name: site\n  namespace: default")}
)


def config(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: default}}\n"


def examples(page: str) -> Iterator[list[Any]]:
    """Yield the documents of each YAML example of a page."""
    text = (GUIDE / f"{page}.md").read_text()
    for found in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield list(yaml.safe_load_all(found))


def is_whole(document: Mapping[str, Any]) -> bool:
    return "kind" in document


def manifests(page: str) -> Iterator[dict[str, Any]]:
    """Yield what a page shows as objects: the whole ones, and what it shows a part of, put into the page's first."""
    first: dict[str, Any] = {}
    for document in (each for example in examples(page) for each in example):
        if is_whole(document):
            first = first or document
            yield document
        elif not document.keys() & {"status", "resources", "extraArgs"}:
            part = document.get("spec", document)
            yield {**first, "spec": {**first["spec"], **part}}


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage.running(tmp_path / "data", external_artifacts=True, simulate_workloads=True) as running:
        await running.kubectl("create", "namespace", "flux-system")
        yield running


async def test_every_example_is_a_manifest_without_unknown_fields(up: Stage) -> None:
    shown = {page: list(manifests(page)) for page in PAGES}
    assert all(shown.values()), "each page has one"
    for page, objects in shown.items():
        for each in objects:
            said = await up.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", text=json.dumps(each))
            assert "server dry run" in said, (page, said)


def test_every_address_of_a_remote_base_is_one() -> None:
    (named,) = (each[0]["resources"] for each in examples("kustomizations") if "resources" in each[0])
    assert [address.parse(each).host for each in named] == [
        "github.com", "github.com", "git.example.com", "raw.githubusercontent.com", "git.example.com",
    ]  # fmt: skip


@contextlib.asynccontextmanager
async def elsewhere(folder: Path) -> AsyncIterator[Mapping[str, str]]:
    """Serve what the pages name, and yield what stands for each address of theirs."""
    seed.seed(
        folder / "fleet.git",
        {
            "apps/production/cm.yaml": config("apps"),
            "apps/web/cm.yaml": config("web"),
            "apps/web/README.md": "not for the cluster",
        },
    )
    with s3.store(folder) as store:
        await s3.put(store, "fleet", {"clusters/production/cm.yaml": config("bucket").encode()})
        charts = HelmServer(login=LOGIN)
        packed = chart("1.2.0")
        entry = {"name": "web", "version": "1.2.0", "urls": ["web-1.2.0.tgz"]}
        charts.files["/stable/web-1.2.0.tgz"] = packed
        charts.files["/stable/index.yaml"] = json.dumps({"apiVersion": "v1", "entries": {"web": [entry]}}).encode()
        async with helm_server.serving(charts), RegistryServer() as registry, serving(SITE) as site:
            files = {"deploy/cm.yaml": config("oci").encode()}
            await artifacts.push_flux(f"http://{registry.address}", "org/manifests/app", "1.1.0", files)
            yield {
                "https://github.com/org/fleet": f"file://{folder / 'fleet.git'}",
                "oci://ghcr.io/org/manifests/app": f"oci://{registry.address}/org/manifests/app",
                "minio.example.com:9000": store,
                "https://charts.example.com/stable": f"{charts.url}/stable",
                "http://127.0.0.1:8000": site,
            }


@contextlib.asynccontextmanager
async def serving(body: bytes) -> AsyncIterator[str]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body)

    app = web.Application()
    app.router.add_get("/{name}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def here(document: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """Return a manifest as it is on this machine: other addresses, and no TLS."""
    text = json.dumps(document)
    for theirs, ours in known.items():
        text = text.replace(theirs, ours)
    made: dict[str, Any] = json.loads(text)
    if document["kind"] in {"OCIRepository", "Bucket"}:
        made["spec"]["insecure"] = True
    return made


def secret(name: str, **data: str) -> dict[str, Any]:
    coded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "flux-system"}, "data": coded}


@pytest.mark.timeout(200)
async def test_every_whole_example_becomes_ready(up: Stage, tmp_path: Path) -> None:
    async with elsewhere(tmp_path) as known:
        secrets = [
            secret("fleet-auth"), secret("fleet-keys", accesskey="AKIDEXAMPLE", secretkey="s3cret"),
            secret("charts-login", username=LOGIN[0], password=LOGIN[1]),
        ]  # fmt: skip
        pages = [page for page in PAGES if page != "secrets"]  # `tests/deploy/kustomize/test_decryption.py`
        whole = [each for page in pages for example in examples(page) for each in example if is_whole(each)]
        objects = [here(each, known) for each in whole if each["kind"] != "Secret"]
        await up.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": [*secrets, *objects]}))
        await patched(up, known)
        for each in objects:
            kind, metadata = each["kind"], each["metadata"]
            if kind == "ExternalArtifact" or each["spec"].get("type") == "oci":
                continue  # nobody's status: the page's own commands give it one, or it is an address
            await up.until(each["apiVersion"], kind, metadata["namespace"], metadata["name"], is_ready)
        for name in ("apps", "web", "site", "oci"):
            assert await up.client.get_object("v1", "ConfigMap", "default", name)


async def patched(up: Stage, known: Mapping[str, str]) -> None:
    """Give the ExternalArtifact its status, as the page's example does."""
    (text,) = re.findall(
        r"^```sh\n(.*?)^kubectl -n flux-system wait",
        (GUIDE / "external-artifacts.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    (body,) = re.findall(r"-p \"\n(status:.*?)\"$", text, re.MULTILINE | re.DOTALL)
    digest = sources.digest(SITE).removeprefix("sha256:")
    body = body.replace("$digest", digest).replace("$(date -u +%FT%TZ)", "2026-01-01T00:00:00Z")
    for theirs, ours in known.items():
        body = body.replace(theirs, ours)
    await up.kubectl(
        "-n", "flux-system", "patch", "externalartifact", "site", "--subresource=status", "--type=merge", "-p", body
    )
