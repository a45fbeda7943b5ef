"""`build kustomization` of folders on this machine: what it prints and leaves out, and how it says what is wrong."""

from pathlib import Path

import pytest
import yaml

from image_automation.cli import root
from tests.deploy.kustomize import sources
from tests.image_automation.cli.test_cluster_verbs import Terminal, terminal

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
  commonMetadata: {labels: {team: blue}}
  postBuild:
    substitute: {region: eu}
    substituteFrom: [{kind: ConfigMap, name: cluster}]
"""
CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: app, namespace: apps}
data: {region: "${region}", zone: "${zone:=a}"}
"""
SECRETS = """\
apiVersion: v1
kind: Secret
metadata: {name: whole}
stringData: {password: "ENC[AES256_GCM,data:x]"}
sops: {mac: "ENC[AES256_GCM,data:y]"}
---
apiVersion: v1
kind: Secret
metadata: {name: docker}
type: kubernetes.io/dockerconfigjson
data: {.dockerconfigjson: "ENC[AES256_GCM,data:x]"}
sops: {mac: "ENC[AES256_GCM,data:y]"}
---
apiVersion: v1
kind: Secret
metadata: {name: plain}
stringData: {user: jane}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return sources.write(tmp_path, {"flux.yaml": FLUX, "app/cm.yaml": CONFIG, ".git/HEAD": "no clone"})


def build(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert (
        root.run(["build", "kustomization", "app", "--kustomization-file", "flux.yaml", "--dry-run", *arguments]) == 0
    )
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_a_folder_is_printed_as_it_would_be_applied(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(folder.rglob("*"))
    assert build("--path", "app", capsys=capsys) == (
        "apiVersion: v1\n"
        "data:\n"
        "  region: eu\n"
        "  zone: a\n"
        "kind: ConfigMap\n"
        "metadata:\n"
        "  labels:\n"
        "    kustomize.toolkit.fluxcd.io/name: app\n"
        "    kustomize.toolkit.fluxcd.io/namespace: flux-system\n"
        "    team: blue\n"
        "  name: app\n"
        "  namespace: apps\n"
        "---\n"
    )
    assert sorted(folder.rglob("*")) == before


def test_objects_come_in_the_order_of_the_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    later = sources.config_map().replace("ConfigMap", "Namespace")
    sources.write(folder, {"app/later.yaml": later, "app/kustomization.yaml": "resources: [cm.yaml, later.yaml]\n"})
    kinds = [each["kind"] for each in yaml.safe_load_all(build("--path", "app", capsys=capsys)) if each]
    assert kinds == ["ConfigMap", "Namespace"]
    (folder / "app" / "kustomization.yaml").unlink()
    kinds = [each["kind"] for each in yaml.safe_load_all(build("--path", "app", capsys=capsys)) if each]
    assert kinds == ["ConfigMap", "Namespace"]


def test_what_is_encrypted_is_masked_and_the_rest_keeps_its_form(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "app" / "cm.yaml").write_text(SECRETS)
    found = {
        each["metadata"]["name"]: each for each in yaml.safe_load_all(build("--path", "app", capsys=capsys)) if each
    }
    assert found["whole"]["stringData"] == {"password": "**SOPS**"}
    assert found["docker"]["data"] == {".dockerconfigjson": "eyJtYXNrIjoiKipTT1BTKioifQ=="}
    assert found["plain"]["stringData"] == {"user": "jane"}
    assert not any("sops" in each for each in found.values())


def test_an_overlay_reads_its_base_and_an_ignored_file_is_left_out_even_where_it_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources.write(
        folder,
        {
            "overlay/kustomization.yaml": "resources: [../base]\nnamespace: prod\n",
            "base/kustomization.yaml": "resources: [cm.yaml, secret.enc.yaml]\n",
            "base/cm.yaml": sources.config_map(),
            "base/secret.enc.yaml": sources.config_map("left-out"),
        },
    )
    out = build("--path", "overlay", capsys=capsys)
    assert (out.count("namespace: prod"), out.count("name: left-out")) == (2, 1)
    out = build("--path", "overlay", "--ignore-paths", "*.txt,secret.enc.yaml", capsys=capsys)
    assert out.count("namespace: prod") == 2  # the scope of patterns is the overlay


def test_patterns_and_a_sourceignore_decide_what_a_folder_without_a_kustomization_holds(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources.write(
        folder,
        {
            "app/.sourceignore": "/*\n",
            "app/one.yaml": sources.config_map("one"),
            "app/two.yaml": sources.config_map("two"),
        },
    )
    out = build("--path", "app", "--ignore-paths", "!one.yaml", capsys=capsys)
    assert [each["metadata"]["name"] for each in yaml.safe_load_all(out) if each] == ["one"]


def test_kustomizations_among_the_manifests_are_built_from_local_sources(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inner = FLUX.replace("name: app", "name: inner").replace("./app", "./deep").replace("blue", "red")
    sources.write(folder, {"app/inner.yaml": inner, "other/deep/cm.yaml": CONFIG, "app/again.yaml": FLUX})
    arguments = ["--path", "app", "--recursive"]
    out = build(*arguments, "--local-sources", "GitRepository/flux-system/fleet=other", capsys=capsys)
    found = [each for each in yaml.safe_load_all(out) if each]
    assert [each["kind"] for each in found] == ["Kustomization", "ConfigMap", "Kustomization", "ConfigMap"]
    assert found[3]["metadata"]["labels"] == {
        "kustomize.toolkit.fluxcd.io/name": "inner",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
        "team": "red",
    }
    assert root.run(["build", "ks", "app", "--kustomization-file", "flux.yaml", "--dry-run", *arguments]) == 1
    assert capsys.readouterr().err == (
        "✗ cannot get local path for GitRepository/flux-system/fleet of kustomization inner: say where it lies with"
        " --local-sources GitRepository/flux-system/fleet=DIR\n"
    )


MISTAKES = {
    "no name": (["--path", "app"], "kustomization name is required"),
    "no path": (["app"], 'invalid resource path "": --path names the folder of the manifests'),
    "no such path": (
        ["app", "--path", "none"],
        'invalid resource path "none": --path names the folder of the manifests',
    ),
    "no file in a dry run": (
        ["app", "--path", "app", "--dry-run"],
        "dry-run mode requires a kustomization file: name it with --kustomization-file",
    ),
    "no such file": (
        ["app", "--path", "app", "--kustomization-file", "none.yaml"],
        'invalid kustomization file "none.yaml"',
    ),
    "another name": (
        ["web", "--path", "app", "--kustomization-file", "flux.yaml", "--dry-run"],
        "failed find kustomization with name 'web' and namespace 'flux-system' in file 'flux.yaml'",
    ),
    "a variable without a value": (
        ["app", "--path", "odd", "--kustomization-file", "flux.yaml", "--dry-run", "--strict-substitute"],
        (
            "Kustomization flux-system/app: post build failed for 'ConfigMap.v1.[noGrp]/${none}': envsubst error: "
            'variable substitution failed: variable not set (strict mode): "none"'
        ),
    ),
    "a source of no form": (
        ["app", "--path", "app", "--local-sources", "fleet=app"],
        "--local-sources: 'fleet=app' is not of the form Kind/namespace/name=path",
    ),
    "no such resource": (
        ["app", "--path", "bad", "--kustomization-file", "flux.yaml", "--dry-run"],
        "Kustomization flux-system/app: kustomize build failed: bad/kustomization.yaml: resources: 'none.yaml' is",
    ),
}


async def test_the_object_and_its_variables_come_from_the_cluster(terminal: Terminal, folder: Path) -> None:
    (folder / "app" / "cm.yaml").write_text(CONFIG.replace("zone:=a", "zone:-none"))
    await terminal.client.create_object(yaml.safe_load(FLUX))
    values = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cluster", "namespace": "flux-system"}}
    missing = await terminal.run("build", "kustomization", "app", "--path", str(folder / "app"))
    assert (missing.code, missing.err) == (
        1,
        (
            "✗ Kustomization flux-system/app: substitute from 'ConfigMap/cluster' error: "
            'configmaps "cluster" not found\n'
        ),
    )
    await terminal.client.create_object({**values, "data": {"zone": "b", "region": "us"}})
    done = await terminal.run("build", "kustomization", "app", "--path", str(folder / "app"))
    assert (done.code, done.err) == (0, "")
    assert next(yaml.safe_load_all(done.out))["data"] == {"region": "eu", "zone": "b"}
    none = await terminal.run("build", "kustomization", "web", "--path", str(folder / "app"))
    assert (none.code, none.err) == (
        1,
        (
            '✗ failed to get kustomization object: kustomizations.kustomize.toolkit.fluxcd.io "web" not found: '
            "name a file that holds it with --kustomization-file\n"
        ),
    )


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_one_line_that_says_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str], mistake: str
) -> None:
    sources.write(
        folder, {"odd/cm.yaml": sources.config_map("${none}"), "bad/kustomization.yaml": "resources: [none.yaml]"}
    )
    arguments, message = MISTAKES[mistake]
    assert root.run(["build", "kustomization", *arguments]) == 1
    assert capsys.readouterr().err.startswith(f"✗ {message}")
