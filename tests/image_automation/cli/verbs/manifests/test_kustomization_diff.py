"""`diff kustomization` as a user runs it, against the embedded control plane."""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gotk.api.kustomize import Kustomization
from tests.deploy.kustomize import sources
from tests.image_automation.cli.test_cluster_verbs import Terminal, put, terminal

__all__ = ["terminal"]

FLUX = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: app, namespace: flux-system}
spec:
  interval: 1m
  prune: true
  path: ./app
  sourceRef: {kind: GitRepository, name: fleet}
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: empty}
spec:
  ports: [{name: http, port: 9898, targetPort: 9898}]
"""
SECRET = """\
apiVersion: v1
kind: Secret
metadata: {name: token, namespace: empty}
stringData: {password: new, user: jane}
"""
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME, namespace: empty}\n"
LABELS = {
    "kustomize.toolkit.fluxcd.io/name": "app",
    "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
}


def spec(**more: Any) -> dict[str, Any]:
    return {"interval": "1m", "prune": True, "sourceRef": {"kind": "GitRepository", "name": "fleet"}, **more}


def applied(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    """Return an object as the Kustomization has applied it."""
    metadata = {"name": name, "namespace": "empty", "labels": LABELS}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields}


async def have(terminal: Terminal, obj: dict[str, Any]) -> None:
    await terminal.client.apply_object(obj, field_manager="kustomize-controller")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return sources.write(tmp_path, {"flux.yaml": FLUX, "app/web.yaml": SERVICE, "app/token.yaml": SECRET})


async def diff(terminal: Terminal, files: Path, *arguments: str) -> tuple[int, str, str]:
    program = replace(terminal, environment=terminal.environment | {"HOME": str(files)})
    result = await program.run("diff", "kustomization", "app", "--path", str(files / "app"), *arguments)
    return result.code, result.out, result.err


async def test_of_a_kustomization_in_a_file_everything_is_created(terminal: Terminal, files: Path) -> None:
    code, out, err = await diff(terminal, files, "--kustomization-file", str(files / "flux.yaml"))
    assert out == "► Secret/empty/token created\n► Service/empty/web created\n"
    assert code == 1
    assert err.splitlines() == [
        "✓  Kustomization diffing...", "⚠️ identified at least one change, exiting with non-zero exit code",
    ]  # fmt: skip
    assert await terminal.client.list_objects("v1", "Service", "empty") == []


async def test_what_differs_is_told_place_by_place_without_secrets(terminal: Terminal, files: Path) -> None:
    await put(terminal.client, "Kustomization", "app", spec(path="./app"))
    ports = [{"name": "http", "port": 9899, "targetPort": 9898}]
    await have(terminal, applied("Service", "web", spec={"ports": ports}))
    await have(terminal, applied("Secret", "token", data={"password": "b2xk", "left": "b3Zlcg=="}))
    code, out, _ = await diff(terminal, files, "--progress-bar=false")
    assert out == (
        "► Secret/empty/token drifted\n"
        "\n"
        "data\n"
        "  - one map entry removed:\n"
        "    left: '*****'\n"
        "\n"
        "  + one map entry added:\n"
        "    user: '*****'\n"
        "\n"
        "data.password\n"
        "  ± value change\n"
        "    - *** (before)\n"
        "    + *** (after)\n"
        "\n"
        "► Service/empty/web drifted\n"
        "\n"
        "spec.ports.http.port\n"
        "  ± value change\n"
        "    - 9899\n"
        "    + 9898\n"
        "\n"
    )
    assert code == 1


async def test_where_nothing_would_change_nothing_is_said(terminal: Terminal, files: Path) -> None:
    await put(terminal.client, "Kustomization", "app", spec(path="./app"))
    await have(terminal, applied("Service", "web", spec={"ports": [{"name": "http", "port": 9898}]}))
    data = {"password": base64.b64encode(b"new").decode(), "user": base64.b64encode(b"jane").decode()}
    await have(terminal, applied("Secret", "token", data=data))
    assert await diff(terminal, files, "--progress-bar=false") == (0, "", "")


async def test_what_sops_encrypted_and_what_is_ignored_counts_as_the_same(terminal: Terminal, files: Path) -> None:
    ignore = [{"paths": ["/spec/ports"], "target": {"kind": "Service"}}]
    await put(terminal.client, "Kustomization", "app", spec(path="./app", ignore=ignore))
    await have(terminal, applied("Service", "web", spec={"ports": [{"name": "http", "port": 9899}]}))
    await have(terminal, applied("Secret", "token", stringData={"password": "real", "user": "jane"}))
    encrypted = SECRET.replace("new, user: jane", '"ENC[AES256_GCM,x]", user: "ENC[AES256_GCM,y]"')
    (files / "app" / "token.yaml").write_text(encrypted + 'sops: {mac: "ENC[AES256_GCM,z]"}\n')
    assert await diff(terminal, files, "--progress-bar=false") == (0, "", "")


async def test_what_is_declared_no_more_goes_unless_it_asks_to_stay(terminal: Terminal, files: Path) -> None:
    await put(
        terminal.client, "Kustomization", "app", spec(path="./app"),
        {"inventory": {"entries": [{"id": f"empty_{name}__ConfigMap", "v": "v1"} for name in ("old", "dear", "gone")]}},
    )  # fmt: skip
    await have(terminal, applied("ConfigMap", "old"))
    dear = applied("ConfigMap", "dear")
    dear["metadata"]["annotations"] = {"kustomize.toolkit.fluxcd.io/prune": "disabled"}
    await have(terminal, dear)
    for file in ("web.yaml", "token.yaml"):
        (files / "app" / file).unlink()
    (files / "app" / "kustomization.yaml").write_text("resources: []\n")
    code, out, _ = await diff(terminal, files)
    assert (code, sorted(out.splitlines())) == (1, ["► ConfigMap/empty/dear skipped", "► ConfigMap/empty/old deleted"])


async def test_what_comes_with_its_namespace_or_definition_is_created(terminal: Terminal, files: Path) -> None:
    sources.write(files, {
        "app/space.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: young}\n",
        "app/web.yaml": SERVICE.replace("empty", "young"),
        "app/token.yaml": "apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: one, namespace: young}\n",
        "app/crd.yaml": (
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"
            "metadata: {name: gadgets.example.com}\nspec:\n"
            "  group: example.com\n  names: {kind: Gadget, plural: gadgets}\n  scope: Namespaced\n"
            "  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]\n"
        ),
    })  # fmt: skip
    code, out, _ = await diff(terminal, files, "--kustomization-file", str(files / "flux.yaml"))
    assert (code, sorted(out.splitlines())) == (1, [
        "► CustomResourceDefinition/gadgets.example.com created", "► Gadget/young/one created",
        "► Namespace/young created", "► Service/young/web created",
    ])  # fmt: skip


async def test_what_cannot_be_tried_is_an_error_and_the_rest_is_shown(terminal: Terminal, files: Path) -> None:
    (files / "app" / "token.yaml").write_text("apiVersion: example.com/v1\nkind: Gadget\nmetadata: {name: one}\n")
    code, out, err = await diff(terminal, files, "--kustomization-file", str(files / "flux.yaml"))
    assert (code, out) == (2, "► Service/empty/web created\n")
    assert 'no matches for kind "Gadget" in version "example.com/v1"' in err
    missing = await diff(terminal, files)
    assert missing[0] == 2
    assert "✗ failed to get kustomization object" in missing[2]


async def test_kustomizations_among_the_manifests_are_compared_too_and_those_that_go(
    terminal: Terminal, files: Path
) -> None:
    entries = [{"id": "flux-system_old_kustomize.toolkit.fluxcd.io_Kustomization", "v": "v1"}]
    await put(terminal.client, "Kustomization", "app", spec(path="./app"), {"inventory": {"entries": entries}})
    entries = [{"id": "empty_old__ConfigMap", "v": "v1"}]
    await put(terminal.client, "Kustomization", "old", spec(), {"inventory": {"entries": entries}})
    await terminal.client.merge_patch(Kustomization, "flux-system", "old", {"metadata": {"labels": LABELS}})
    config = applied("ConfigMap", "old")
    config["metadata"]["labels"] = LABELS | {"kustomize.toolkit.fluxcd.io/name": "old"}
    await have(terminal, config)
    child = FLUX.replace("name: app", "name: child").replace("./app", "./child")
    for file in ("web.yaml", "token.yaml"):
        (files / "app" / file).unlink()
    sources.write(files, {"app/child.yaml": child, "child/config.yaml": CONFIG.replace("NAME", "inner")})
    code, out, _ = await diff(terminal, files, "-r", "--local-sources", f"GitRepository/flux-system/fleet={files}")
    assert (code, out.splitlines()) == (1, [
        "► Kustomization/flux-system/child created",
        "► Kustomization/flux-system/old deleted",
        "📁 Kustomization/flux-system/old deleted resources",
        "► ConfigMap/empty/old deleted",
        "📁 Kustomization/flux-system/child changed",
        "► ConfigMap/empty/inner created",
    ])  # fmt: skip
