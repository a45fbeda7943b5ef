"""`import` of what other updaters were told."""

import shutil
from pathlib import Path

import pytest
import yaml

from gotk.api import scheme
from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from image_automation.cli import root
from image_automation.gating import approvals, freeze, windows
from image_automation.proposing.importing import readers
from image_automation.pull_requests import settings
from policies import age, choose
from tests.image_automation.fleets import Registry

CASES = Path(__file__).parent / "imports"

APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: web
  annotations:
    argocd-image-updater.argoproj.io/image-list: web=ghcr.io/acme/web:~1.4, ghcr.io/acme/job
    argocd-image-updater.argoproj.io/web.allow-tags: regexp:^[0-9.]+$
    argocd-image-updater.argoproj.io/web.pull-secret: pullsecret:argocd/ghcr
    argocd-image-updater.argoproj.io/write-back-target: kustomization
spec:
  source: {path: apps/web}
"""
WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations:
    keel.sh/policy: POLICY
    keel.sh/trigger: poll
    keel.sh/notify: chat
spec:
  template:
    spec:
      containers:
        - name: web
          image: ghcr.io/acme/web:TAG
"""
COMPOSE = """\
services:
  a:
    image: ghcr.io/acme/a:1.0.0
    labels:
      - com.centurylinklabs.watchtower.enable=true
      - com.centurylinklabs.watchtower.scope=one
  b:
    image: ghcr.io/acme/b:1.0.0
    labels:
      com.centurylinklabs.watchtower.enable: "true"
      com.centurylinklabs.watchtower.monitor-only: "true"
  c:
    image: ghcr.io/acme/c:1.0.0
"""


def put(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def run(*arguments: str | Path) -> int:
    return root.run(["import", *map(str, arguments), "--no-scan"])


def policies(folder: Path) -> dict[str, dict[str, object]]:
    objects = yaml.safe_load_all((folder / "image-automation.yaml").read_text())
    return {each["metadata"]["name"]: each["spec"] for each in objects if each["kind"] == "ImagePolicy"}


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_every_updater_has_a_case() -> None:
    assert {path.name for path in CASES.iterdir()} == set(readers.READERS)


@pytest.mark.parametrize("source", readers.READERS)
def test_what_another_updater_was_told_is_taken_over(source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    shutil.copytree(CASES / source / "original", tmp_path, dirs_exist_ok=True)
    assert run(source, tmp_path) == 2
    assert files(tmp_path) == files(CASES / source / "original")
    capsys.readouterr()
    assert run(source, tmp_path, "--write") == 0
    assert files(tmp_path) == files(CASES / source / "expected")
    assert capsys.readouterr().out == (CASES / source / "said.txt").read_text()


@pytest.mark.parametrize("source", readers.READERS)
def test_what_is_written_is_read_by_the_service(source: str):
    structs = {struct.__name__: struct for struct in (ImageRepository, ImagePolicy, ImageUpdateAutomation)}
    for obj in yaml.safe_load_all((CASES / source / "expected" / "image-automation.yaml").read_text()):
        found = scheme.convert(obj, structs[obj["kind"]])
        windows.of(found.metadata.annotations)
        freeze.stated(found.metadata.annotations)
        approvals.groups_asked(found.metadata.annotations)
        if isinstance(found, ImagePolicy):
            age.wanted(found.metadata.annotations)
            assert choose.ranked(found.spec, []) == []
        if isinstance(found, ImageUpdateAutomation):
            settings.read(found)


def test_annotations_of_argo_cd_become_policies(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    put(tmp_path, "argo/web.yaml", APPLICATION)
    workload = WORKLOAD.replace("TAG", "1.4.2")
    put(tmp_path, "apps/web/web.yaml", workload)
    put(tmp_path, "apps/other/web.yaml", workload)
    assert run("argocd-image-updater", tmp_path, "--write") == 0
    out = capsys.readouterr().out
    assert policies(tmp_path) == {
        "web": {
            "imageRepositoryRef": {"name": "web"},
            "policy": {"semver": {"range": "~1.4"}},
            "filterTags": {"pattern": "^[0-9.]+$"},
        }
    }
    assert "imagepolicy" in (tmp_path / "apps/web/web.yaml").read_text()
    assert (tmp_path / "apps/other/web.yaml").read_text() == workload
    where = "? argo/web.yaml: Application/web"
    assert f"{where}: ghcr.io/acme/job: no place of this image is among the files of the application\n" in out
    assert f"{where}: web.pull-secret: pullsecret:argocd/ghcr is not carried over\n" in out
    assert f"{where}: write-back-target: kustomization is not carried over\n" in out


def test_what_was_asked_for_need_not_take_the_tag_in_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with Registry().running() as registry:
        registry.push("1.4.2", "1.4.3", "1.9.0", "2.0.0", "latest")
        image = f"{registry.address}/team/web"
        ignored = "argocd-image-updater.argoproj.io/web.ignore-tags: '1.9.*'\n    argocd"
        listed = APPLICATION.replace("ghcr.io/acme/web:~1.4", f"{image}:>=1.0 <2.0").replace("argocd", ignored, 1)
        put(tmp_path, "argo/web.yaml", listed.replace("    argocd-image-updater.argoproj.io/web.allow-tags", "    x/y"))
        put(tmp_path, "apps/web/web.yaml", WORKLOAD.replace("ghcr.io/acme/web:TAG", f"{image}:latest"))
        assert root.run(["import", "argocd-image-updater", str(tmp_path), "--write"]) == 0
    assert f"+ web  {image}  semver >=1.0 <2.0: latest -> 1.4.3\n" in capsys.readouterr().out
    written = yaml.safe_load_all((tmp_path / "image-automation.yaml").read_text())
    assert next(written)["spec"]["exclusionList"] == [r"^.*\.sig$", r"^1\.9\.[^/]*$"]


def test_a_build_date_is_guessed_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    strategy = "argocd-image-updater.argoproj.io/web.update-strategy: newest-build\n    argocd"
    put(tmp_path, "argo/web.yaml", APPLICATION.replace("argocd", strategy, 1))
    put(tmp_path, "apps/web/web.yaml", WORKLOAD.replace("TAG", "main-a1b2c3d-1700000000"))
    assert run("argocd-image-updater", tmp_path) == 2
    out = capsys.readouterr().out
    assert "the latest time: main-a1b2c3d-1700000000" in out
    assert "update-strategy newest-build orders by what no tag says: the policy is guessed from the tag in use\n" in out


@pytest.mark.parametrize(
    ("policy", "tag", "wanted"),
    [
        ("minor", "v1.4.2", {"semver": {"range": "1.x"}}),
        ("patch", "1.4.2", {"semver": {"range": "1.4.x"}}),
        ("major", "1.4.2", {"semver": {"range": ">=0.0.0"}}),
        ("all", "1.4.2-rc.1", {"semver": {"range": ">=0.0.0-0"}}),
        ("'regexp:^main-(?P<compare>[0-9]+)$'", "main-7", {"alphabetical": {"order": "asc"}}),
        ("'glob:build-*'", "build-7", {"alphabetical": {"order": "asc"}}),
        ("force", "build-7", {"numerical": {"order": "asc"}}),
    ],
)
def test_policies_of_keel(
    tmp_path: Path, policy: str, tag: str, wanted: dict[str, object], capsys: pytest.CaptureFixture[str]
):
    put(tmp_path, "web.yaml", WORKLOAD.replace("POLICY", policy).replace("TAG", tag))
    assert run("keel", tmp_path, "--write") == 0
    assert policies(tmp_path)["web"]["policy"] == wanted
    out = capsys.readouterr().out
    assert "? web.yaml: Deployment/web: keel.sh/notify: chat is not carried over\n" in out
    assert ("guessed from the tag in use" in out) == (policy == "force")


def test_services_that_watchtower_updates_follow_policies(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    put(tmp_path, "compose.yaml", COMPOSE)
    assert run("watchtower", tmp_path, "--write") == 0
    assert sorted(policies(tmp_path)) == ["a"]
    out = capsys.readouterr().out
    assert "? compose.yaml: service a: scope: one is not carried over\n" in out
    assert "? compose.yaml: service b: monitor-only: it is not updated, and gets no policy\n" in out
    assert (tmp_path / "compose.yaml").read_text().count("imagepolicy") == 1


@pytest.mark.parametrize("source", readers.READERS)
def test_a_folder_that_is_meant_for_nobody_is_an_error(tmp_path: Path, source: str, capsys: pytest.CaptureFixture[str]):
    put(tmp_path, "web.yaml", WORKLOAD.replace("keel.sh/", "example.com/"))
    assert run(source, tmp_path) == 1
    assert f"is meant for {source}: `image-automation init` looks at all images" in capsys.readouterr().err
