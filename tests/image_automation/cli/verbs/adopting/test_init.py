"""`init` on checkouts, against a real registry: what is proposed does what it says."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from image_automation.cli import root
from tests.image_automation.fleets import Registry

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
        - name: web
          image: REGISTRY/team/web:1.4.2
        - name: job
          image: REGISTRY/team/job:main-a1b2c3d-1700000000
        - name: gone
          image: REGISTRY/team/gone:1.0.0
        - name: moving
          image: REGISTRY/team/web:latest
"""
SOURCE = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: fleet, namespace: flux-system}
spec: {interval: 1m, url: "https://git.example.com/team/fleet", ref: {branch: trunk}}
"""


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry().running() as made:
        made.push("1.4.2", "1.4.3", "2.0.0")
        made.push("main-a1b2c3d-1700000000", "main-b1b2c3d-1700000001", repository="team/job")
        yield made


@pytest.fixture
def checkout(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    folder = tmp_path / "clone"
    put(folder, "apps/web.yaml", DEPLOYMENT.replace("REGISTRY", registry.address))
    put(folder, "clusters/one/flux-system/gotk-sync.yaml", SOURCE)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


UNREAD = "no registry told the tags of the image: see the causes above; --no-scan proposes without them"


def put(folder: Path, path: str, text: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)


def run(*arguments: str | Path) -> int:
    return root.run(list(map(str, arguments)))


def test_a_proposal_is_shown_and_nothing_written(
    checkout: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
):
    before = (checkout / "apps/web.yaml").read_text()
    assert run("init", checkout) == 2
    out, err = capsys.readouterr()
    at = registry.address
    assert out.startswith(
        f"+ web  {at}/team/web  semver 1.x: 1.4.2 -> 1.4.3\n"
        "    apps/web.yaml:10  Deployment/web\n"
        f"+ job  {at}/team/job  the latest time: main-a1b2c3d-1700000000 -> main-b1b2c3d-1700000001\n"
        "    apps/web.yaml:12  Deployment/web\n"
        "+ ImageUpdateAutomation image-updates\n"
        f"? apps/web.yaml:14  Deployment/web: {at}/team/gone:1.0.0: the registry was not read: "
    )
    assert f"? apps/web.yaml:16  Deployment/web: {at}/team/web:latest: 'latest' moves" in out
    assert f'+          image: {at}/team/web:1.4.2 # {{"$imagepolicy": "flux-system:web"}}\n' in out
    assert "+++ b/clusters/one/image-automation.yaml\n" in out
    assert out.endswith("\nProposal: 2 new policies, 2 markers, 0 followed already, 2 undecided.\n")
    assert err == "► nothing was written: --write does\n"
    assert (checkout / "apps/web.yaml").read_text() == before
    assert not (checkout / "clusters/one/image-automation.yaml").exists()


def test_what_was_written_is_what_plan_updates(checkout: Path, registry: Registry, capsys: pytest.CaptureFixture[str]):
    before = (checkout / "apps/web.yaml").read_text()
    assert run("init", checkout, "--write") == 0
    out, err = capsys.readouterr()
    assert "✔ wrote 2 files" in err
    assert "+++" not in out
    after = (checkout / "apps/web.yaml").read_text()
    unmarked = [line.partition(" # {")[0] for line in after.splitlines()]
    assert unmarked == before.splitlines()
    assert run("plan", checkout, "-o", "json") == 2
    plan = json.loads(capsys.readouterr().out)
    assert {bump["policy"]: bump["new"] for bump in plan["bumps"]} == {
        "flux-system/web": "1.4.3", "flux-system/job": "main-b1b2c3d-1700000001",
    }  # fmt: skip
    assert plan["errors"] == []
    objects = (checkout / "clusters/one/image-automation.yaml").read_text()
    assert "branch: trunk" in objects
    assert "name: fleet" in objects


def test_a_second_run_has_nothing_to_add_and_later_images_use_what_is_there(
    checkout: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
):
    run("init", checkout, "--write")
    assert run("init", checkout) == 0
    assert "Proposal: 0 new policies, 0 markers, 2 followed already, 2 undecided.\n" in capsys.readouterr().out
    put(checkout, "apps/compose.yaml", f"services:\n  web:\n    image: {registry.address}/team/web:1.4.2\n")
    put(checkout, "apps/values.yaml", f"image:\n  repository: {registry.address}/team/web\n  tag: 2.0.0\n")
    assert run("init", checkout, "--write") == 0
    out = capsys.readouterr().out
    assert f"= web  {registry.address}/team/web  the policy that is there: 1.4.2 -> 1.4.3\n" in out
    assert f"+ web-2  {registry.address}/team/web  semver 2.x: 2.0.0\n" in out or "+ web-2-x" in out
    objects = (checkout / "clusters/one/image-automation.yaml").read_text()
    assert objects.count("kind: ImageUpdateAutomation") == 1
    assert objects.count("kind: ImageRepository") == 2


def test_without_scans_guesses_are_said_to_be_unchecked(
    checkout: Path, registry: Registry, capsys: pytest.CaptureFixture[str]
):
    assert run("init", checkout, "--no-scan", "-n", "apps") == 2
    out = capsys.readouterr().out
    assert f"+ gone  {registry.address}/team/gone  semver 1.x: 1.0.0  (not checked)\n" in out
    assert '{"$imagepolicy": "apps:gone"}' in out


def test_credentials_come_from_a_docker_config(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "none"))
    with Registry(guarded=True).running() as guarded:
        guarded.push("1.4.2")
        put(tmp_path, "clone/compose.yaml", f"services: \n a:\n  image: {guarded.address}/team/web:1.4.2\n")
        assert run("init", tmp_path / "clone") == 1
        out, err = capsys.readouterr()
        assert "the registry was not read: " in out
        assert err == f"✗ {UNREAD}\n"
        put(tmp_path, "config.json", guarded.docker_config())
        assert run("init", tmp_path / "clone", "--docker-config", tmp_path / "config.json") == 2
        out, err = capsys.readouterr()
        assert "+ web  " in out
        assert f"read with credentials of this machine: {guarded.address}/team/web; the cluster needs them too" in err


def test_credentials_are_named_and_the_cluster_gets_the_name_of_its_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "none"))
    with Registry(guarded=True).running() as guarded, Registry().running() as public:
        guarded.push("1.4.2")
        public.push("1.0.0", repository="team/open")
        images = {"a": f"{guarded.address}/team/web:1.4.2", "b": f"{public.address}/team/open:1.0.0"}
        services = {name: {"image": image} for name, image in images.items()}
        put(tmp_path, "clone/compose.yaml", yaml.safe_dump({"services": services}))
        login = base64.b64decode(json.loads(guarded.docker_config())["auths"][guarded.address]["auth"]).decode()
        creds = f"--registry-creds={guarded.address}={login}"
        assert run("init", tmp_path / "clone", creds, "--secret-ref=pull", "--write") == 0
        out, err = capsys.readouterr()
        assert "+ web  " in out
        assert login.partition(":")[2] not in out + err
        assert "read with credentials" not in err
        written = list(yaml.safe_load_all((tmp_path / "clone/image-automation.yaml").read_text()))
        asked = [each for each in written if each["kind"] == "ImageRepository"]
        secrets = {each["metadata"]["name"]: each["spec"].get("secretRef") for each in asked}
        assert (secrets["web"], secrets["open"]) == ({"name": "pull"}, None)


def test_a_secret_among_the_manifests_opens_private_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "none"))
    with Registry(guarded=True).running() as guarded:
        guarded.push("1.4.2")
        secret = {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull", "namespace": "flux-system"},
            "type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": guarded.docker_config()},
        }  # fmt: skip
        put(tmp_path, "pull.yaml", yaml.safe_dump(secret))
        put(tmp_path, "compose.yaml", f"services:\n a:\n  image: {guarded.address}/team/web:1.4.2\n")
        assert run("init", tmp_path, "--secret-ref=pull") == 2
        assert "+  secretRef:\n+    name: pull\n" in capsys.readouterr().out


def test_what_a_kustomization_replaces_is_marked_there_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    put(tmp_path, "web.yaml", DEPLOYMENT.replace("REGISTRY/team/web:1.4.2", "web"))
    put(tmp_path, "kustomization.yaml", "images:\n- name: web\n  newName: x.example.com/web\n  newTag: v1.0.0\n")
    assert run("init", tmp_path, "--no-scan") == 2
    out, err = capsys.readouterr()
    assert "    kustomization.yaml:4  Kustomization\n" in out
    assert "web.yaml:10" not in out
    assert "► add image-automation.yaml to the resources of kustomization.yaml, or it is not applied\n" in err


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["nowhere"], "there is no 'nowhere'"),
        ([".", "--objects", "/etc/x.yaml"], "--objects /etc/x.yaml: name a .yaml"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path,
    arguments: list[str],
    cause: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "compose.yaml", "services:\n a:\n  image: web:1.0.0\n")
    assert run("init", "--no-scan", *arguments) == 1
    assert cause in capsys.readouterr().err


def test_an_import_of_images_whose_registries_are_away_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    label = "labels: [com.centurylinklabs.watchtower.enable=true]"
    put(tmp_path, "compose.yaml", f"services:\n a:\n  image: 127.0.0.1:9/web:1.0.0\n  {label}\n")
    assert run("import", "watchtower", tmp_path) == 1
    out, err = capsys.readouterr()
    assert out.endswith("Proposal: 0 new policies, 0 markers, 0 followed already, 1 undecided.\n")
    assert err.endswith(f"✗ {UNREAD}\n")


def test_a_folder_without_images_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run("init", tmp_path) == 0
    out, err = capsys.readouterr()
    assert out == "Proposal: 0 new policies, 0 markers, 0 followed already, 0 undecided.\n"
    assert err == f"► there is no image below '{tmp_path}': name the folder that holds the manifests\n"


def test_a_link_out_of_the_folder_is_passed_over_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    put(tmp_path, "other.yaml", "services:\n a:\n  image: other:1.0.0\n")
    put(tmp_path, "here/compose.yaml", "services:\n a:\n  image: web:1.0.0\n")
    (tmp_path / "here/compose.other.yaml").symlink_to("../other.yaml")
    assert run("init", tmp_path / "here", "--no-scan") == 2
    out, err = capsys.readouterr()
    assert "+ web  " in out
    assert "other:1.0.0" not in out
    assert "compose.other.yaml: the file is a link that leads out of the folder" in err


def test_the_guide_shows_what_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    guide = (Path(__file__).parents[5] / "docs" / "guide" / "init.md").read_text()
    given = guide.partition("```yaml\n")[2].partition("```")[0]
    shown = guide.partition("$ image-automation init --no-scan\n")[2].partition("```")[0]
    put(tmp_path, "apps/web.yaml", given)
    monkeypatch.chdir(tmp_path)
    assert run("init", "--no-scan") == 2
    out = capsys.readouterr().out
    first, last = shown.split("...\n\n")
    assert out.startswith(first)
    assert out.endswith(last)
