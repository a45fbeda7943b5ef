"""Artifacts pushed, pulled, listed, tagged and compared as a user does it, with our registry and with the real one."""

import base64
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from image_automation.cli import root
from tests import registries
from tests.deploy.kustomize.sources import write
from tests.image_automation.fleets import USER, Registry

SAID = ("--source", "https://example.com/fleet", "--revision", "main@sha1:" + "a" * 40)
REAL = pytest.param("real", marks=[
    pytest.mark.real, pytest.mark.skipif(not registries.installed(), reason="docker-registry is not installed")
])  # fmt: skip


@pytest.fixture(params=["ours", REAL])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "ours":
        with Registry().running() as registry:
            yield registry.address
    else:
        with registries.docker_registry(tmp_path) as found:
            yield found


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("DOCKER_CONFIG", "IMAGE_AUTOMATION_REGISTRY_CREDS"):
        monkeypatch.delenv(name, raising=False)
    return write(tmp_path / "app", {"deploy/a.yaml": "a: 1\n", "b.yaml": "b: 1\n", "logo.png": "", ".git/HEAD": "x"})


def run(*arguments: str) -> int:
    return root.run(list(arguments))


def test_an_artifact_travels_there_and_back(address: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"oci://{address}/team/app:1.0.0"
    assert run("push", "artifact", url, "--path", "app", *SAID) == 0
    first, second = capsys.readouterr().err.splitlines()
    assert first == f"► pushing artifact to {address}/team/app:1.0.0"
    assert second.startswith(f"✔ artifact successfully pushed to {address}/team/app@sha256:")
    digest = second.rpartition("@")[2]

    assert run("pull", "artifact", url, "--output", "back") == 0
    assert capsys.readouterr().err.splitlines() == [
        f"► pulling artifact from {address}/team/app:1.0.0",
        f"✔ source {SAID[1]}",
        f"✔ revision {SAID[3]}",
        f"✔ digest {address}/team/app@{digest}",
        "✔ artifact content extracted to back",
    ]
    back = folder.parent / "back"
    assert {path.relative_to(back).as_posix() for path in back.rglob("*") if path.is_file()} == {
        "deploy/a.yaml",
        "b.yaml",
    }

    assert run("tag", "artifact", url, "--tag", "latest,v1.0.1") == 0
    assert capsys.readouterr().err.splitlines() == [
        "► tagging artifact",
        f"✔ artifact tagged as {address}/team/app:latest",
        f"✔ artifact tagged as {address}/team/app:v1.0.1",
    ]
    assert run("list", "artifacts", f"oci://{address}/team/app", "--filter-regex", "^[1l]") == 0
    lines = [[cell.strip() for cell in line.split("\t")[:4]] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["ARTIFACT", "DIGEST", "SOURCE", "REVISION"],
        [f"{address}/team/app:latest", digest, SAID[1], SAID[3]],
        [f"{address}/team/app:1.0.0", digest, SAID[1], SAID[3]],
    ]
    assert run("list", "artifact", f"oci://{address}/team/app", "--filter-semver", ">=1.0.0") == 0
    assert [line.split()[0].rpartition(":")[2] for line in capsys.readouterr().out.splitlines()[1:]] == [
        "v1.0.1",
        "1.0.0",
    ]


def test_a_difference_is_told_file_by_file(address: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"oci://{address}/team/app"
    assert run("push", "artifact", url, "-p", "app", *SAID) == 0
    capsys.readouterr()
    assert run("diff", "artifact", url, "--path", "app") == 0
    assert capsys.readouterr().err == "✔ no changes detected\n"
    (folder / "b.yaml").write_text("b: 2\n")
    (folder / "c.yaml").write_text("c: 1\n")
    (folder / "deploy" / "a.yaml").unlink()
    assert run("diff", "artifact", url, "--path", "app") == 1
    assert capsys.readouterr() == (
        "~ b.yaml\n+ c.yaml\n- deploy/a.yaml\n",
        "✗ the remote artifact contents differs from the local one\n",
    )


def test_equal_content_is_an_equal_artifact_where_that_is_wanted(
    address: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = ["--path", "app", *SAID, "--reproducible", "-a", "team=blue", "-a", "note=x=y"]
    assert run("push", "artifact", f"oci://{address}/team/app:one", *said, "-o", "json") == 0
    one = json.loads(capsys.readouterr().out)
    assert run("push", "artifact", f"oci://{address}/team/app:two", *said, "-o", "yaml") == 0
    out, err = capsys.readouterr()
    two = yaml.safe_load(out)
    assert err == ""
    assert (one["tag"], two["tag"]) == ("one", "two")
    assert one["digest"] == two["digest"]
    assert one["url"] == f"oci://{one['repository']}@{one['digest']}"


def test_standard_input_is_an_artifact_of_one_manifest(address: str, folder: Path) -> None:
    command = [sys.executable, "-m", "image_automation"]
    environment = {"PYTHONPATH": str(Path(root.__file__).parents[2]), "HOME": str(folder)}
    url = f"oci://{address}/team/app:in"
    subprocess.run(
        [*command, "push", "artifact", url, "--path", "-", *SAID], input=b"a: 1\n\n", env=environment, check=True
    )
    assert run("pull", "artifact", url, "-o", "back") == 0
    assert (folder.parent / "back" / "manifests.yaml").read_bytes() == b"a: 1"


def test_credentials_come_from_docker_s_configuration_or_the_option(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Registry(guarded=True).running() as registry:
        push = ["push", "artifact", f"oci://{registry.address}/team/app:1", "--path", "app", *SAID]
        assert run(*push) == 1
        told = capsys.readouterr().err.splitlines()[-1]
        assert told.startswith("✗ pushing artifact failed: ")
        assert told.endswith("config.json: log in with docker, or give --creds")
        assert run(*push, "--creds", f"{USER.username}:{USER.password}") == 0
        assert "► logging in to registry with credentials" in capsys.readouterr().err
        auth = base64.b64encode(f"{USER.username}:{USER.password}".encode()).decode()
        write(folder.parent, {".docker/config.json": json.dumps({"auths": {registry.address: {"auth": auth}}})})
        assert run(*push) == 0
        monkeypatch.setenv("IMAGE_AUTOMATION_REGISTRY_CREDS", "jane:wrong")
        assert run(*push) == 1
        told = capsys.readouterr().err
        assert "the credentials are those of --creds" in told
        assert "wrong" not in told


def test_an_artifact_is_built_into_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(
            "build",
            "artifact",
            "-p",
            "app",
            "-o",
            "app.tgz",
            "--ignore-paths",
            "*.png",
            "--add-ignore-paths",
            "/deploy/",
        )
        == 0
    )
    assert capsys.readouterr().err == "► building artifact from app\n✔ artifact created at app.tgz\n"
    with tarfile.open("app.tgz") as tar:
        assert tar.getnames() == [".", "b.yaml"]


MISTAKES = {
    "no address": (["push", "artifact", "-p", "app", *SAID], "artifact URL is required"),
    "no scheme": (
        ["pull", "artifact", "example.com/app", "-o", "x"],
        "URL must be in format 'oci://<domain>/<org>/<repo>', not 'example.com/app'",
    ),
    "no source": (["push", "artifact", "oci://example.com/app:1", "-p", "app"], "--source is required"),
    "no path": (
        ["push", "artifact", "oci://127.0.0.1:1/app:1", *SAID],
        "invalid path '', must point to an existing directory or file: name it with --path",
    ),
    "no such path": (
        ["build", "artifact", "-p", "none"],
        "invalid path 'none', must point to an existing directory or file: name it with --path",
    ),
    "no output": (["pull", "artifact", "oci://example.com/app:1"], "invalid output path '': --output names a folder"),
    "no tag": (["tag", "artifact", "oci://example.com/app:1"], "--tag is required"),
    "a bad tag": (
        ["tag", "artifact", "oci://example.com/app:1", "--tag", "a/b"],
        "'oci://example.com/app:a/b' invalid URL: could not parse reference: example.com/app:a/b",
    ),
    "a bad annotation": (
        ["push", "artifact", "oci://example.com/app:1", "-p", "app", *SAID, "-a", "x"],
        "invalid annotation 'x', must be in the format key=value",
    ),
    "a digest to push to": (
        ["push", "artifact", "oci://example.com/app@sha256:" + "a" * 64, "-p", "app", *SAID],
        f"'oci://example.com/app@sha256:{'a' * 64}' names a digest: an artifact is pushed under a tag",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_one_line(capsys: pytest.CaptureFixture[str], mistake: str) -> None:
    arguments, message = MISTAKES[mistake]
    assert run(*arguments) == 1
    assert capsys.readouterr().err.splitlines()[-1] == f"✗ {message}"


def test_a_registry_that_is_not_there_and_an_artifact_that_is_not_are_said(
    address: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("pull", "artifact", f"oci://{address}/team/none:1", "-o", "back") == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("✗ pulling artifact failed: GET http")
    assert not (folder.parent / "back").exists()
    assert run("list", "artifacts", f"oci://127.0.0.1:{registries.free_port()}/app") == 1
    assert capsys.readouterr().err.startswith("✗ listing artifacts failed: ")
    assert run("list", "artifacts", f"oci://{address}/team/none", "--filter-semver", "x.y.z.q") == 1
