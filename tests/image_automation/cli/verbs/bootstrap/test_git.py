"""`bootstrap git` from an empty repository and an empty cluster to one that deploys itself."""

from pathlib import Path

import pygit2
import pytest
import yaml

from gotk.git.objects import seed
from gotk.git.serving.server import BasicAuth, GitServer
from image_automation.cli import root
from image_automation.cli.verbs.bootstrap import files
from tests.image_automation.cli.verbs.bootstrap import ground
from tests.real import git_ssh

PATCH = """\
patches:
- target: {kind: Deployment}
  patch: |
    - {op: add, path: /metadata/annotations, value: {team: platform}}
"""
NEWS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: news, namespace: default}
data: {said: hello}
"""


async def test_an_empty_repository_becomes_what_the_cluster_deploys(tmp_path: Path) -> None:
    repository = ground.empty(tmp_path / "repositories" / "fleet.git")
    with GitServer(tmp_path / "repositories", auth=BasicAuth("git", "s3cret")) as server:
        call = (
            "bootstrap", "git", "--url", server.url("fleet.git"), "--token-auth", "--allow-insecure-http",
            "--path=clusters/one", "--author-name=Ops", "--author-email=ops@example.com", "--network-policy=false",
        )  # fmt: skip
        async with ground.prepared(tmp_path) as there:
            said = await there.run(*call, env={"GIT_PASSWORD": "s3cret"})
            assert '✔ committed component manifests to "main" ("' in said
            assert "✔ reconciled components\n" in said
            assert said.endswith("✔ image-automation: deployment ready\n✔ all components are healthy\n")
            assert "s3cret" not in said
            assert ground.log(repository) == [
                "Add sync manifests",
                "Add image-automation v0.1.0 component manifests",
            ]
            kit = list(yaml.safe_load_all(ground.read(repository, "clusters/one/flux-system/gotk-components.yaml")))
            assert "NetworkPolicy" not in {each["kind"] for each in kit}
            source, applied = yaml.safe_load_all(ground.read(repository, "clusters/one/flux-system/gotk-sync.yaml"))
            assert source["spec"] == {
                "interval": "1m0s", "ref": {"branch": "main"}, "secretRef": {"name": "flux-system"},
                "url": server.url("fleet.git"),
            }  # fmt: skip
            assert applied["spec"]["path"] == "./clusters/one"
            synced = await there.get("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "flux-system")
            entries = {each["id"] for each in synced["status"]["inventory"]["entries"]}
            assert "flux-system_image-automation_apps_Deployment" in entries

            # Again: nothing to do, the Secret opens the repository, and what is not named is as it was.
            again = await there.run(*call[:4], "--allow-insecure-http")
            assert "► reusing what the cluster syncs: --path=clusters/one --token-auth=true\n" in again
            assert "► reusing options of the installation: --network-policy=false (" in again
            assert "✔ component manifests are up to date\n" in again
            assert "✔ source secret up to date\n" in again
            assert "✔ sync manifests are up to date\n" in again
            assert "installing components" not in again
            assert len(ground.log(repository)) == 2

            # The user's own kustomization stays, and what is pushed is deployed.
            own = files.FIRST_KUSTOMIZATION + "- news.yaml\n"
            seed.seed(
                repository,
                {
                    "clusters/one/flux-system/kustomization.yaml": own,
                    "clusters/one/flux-system/news.yaml": NEWS,
                },
            )
            fewer = "--components=source-controller,kustomize-controller"
            said = await there.run(*call, "--commit-message-appendix=[ci skip]", "--interval=2m", fewer)
            assert "the kit comes whole: helm-controller, image-automation-controller" in said
            assert ground.read(repository, "clusters/one/flux-system/kustomization.yaml") == own
            assert ground.log(repository)[0] == "Add sync manifests"
            assert (await there.up.client.get_object("v1", "ConfigMap", "default", "news"))["data"] == {"said": "hello"}
            source = await there.get("source.toolkit.fluxcd.io/v1", "GitRepository", "flux-system")
            assert source["spec"]["interval"] == "2m0s"

            # Another path by the same name would take away what is there.
            refused = await there.run(*call[:6], "--path=clusters/two", code=1)
            assert 'sync path configuration ("./clusters/two") would overwrite path ("./clusters/one")' in refused
            assert len(ground.log(repository)) == 4


async def test_a_cluster_that_runs_no_pods_is_told_apart(tmp_path: Path) -> None:
    repository = ground.empty(tmp_path / "repositories" / "fleet.git")
    seed.seed(repository, {"flux-system/kustomization.yaml": files.FIRST_KUSTOMIZATION + PATCH})
    with GitServer(tmp_path / "repositories", auth=BasicAuth("git", "s3cret")) as server:
        call = ("bootstrap", "git", "--url", server.url("fleet.git"), "--token-auth", "--allow-insecure-http")
        async with ground.prepared(tmp_path, simulate=False) as there:
            refused = await there.run(*call, env={"GIT_PASSWORD": "wrong"}, code=1)
            assert "installing components" not in refused
            assert "fleet.git" in refused.splitlines()[-1]
            said = await there.run(*call, env={"GIT_PASSWORD": "s3cret"})
            assert "image-automation: no controller of this cluster runs Deployments" in said
            assert "all components are healthy" not in said
            # What the repository had patched was so from the first moment, before anything was synced.
            deployment = await there.get("apps/v1", "Deployment", "image-automation")
            owned = {each["manager"]: each["fieldsV1"] for each in deployment["metadata"]["managedFields"]}
            assert "f:team" in owned["image-automation"]["f:metadata"]["f:annotations"]


@pytest.mark.real
async def test_a_key_opens_the_repository_over_ssh_and_signs(tmp_path: Path) -> None:
    with git_ssh.serve(tmp_path) as server:
        repository = server.create("fleet.git")
        key = tmp_path / "key"
        key.write_text(server.identity)
        call = ("bootstrap", "git", "--url", server.url("fleet.git"))
        async with ground.prepared(tmp_path) as there:
            said = await there.run(*call, "--private-key-file", str(key), "--ssh-signing-reuse-private-key")
            assert "✔ public key: ssh-ed25519 " in said
            assert said.endswith("✔ all components are healthy\n")
            # Again without the key: the cluster's Secret holds it.
            again = await there.run(*call)
            assert "✔ source secret up to date\n" in again
    opened = pygit2.Repository(str(repository))
    assert b"BEGIN SSH SIGNATURE" in opened[opened.branches["main"].target].read_raw()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param((), "url is required", id="no address"),
        pytest.param(("--url=http://git.example.com/a/b",), "--allow-insecure-http", id="no encryption"),
        pytest.param(("--url=ssh://git@a.example/b", "--token-auth"), "needs an https URL", id="a token over ssh"),
        pytest.param(
            ("--url=https://a.example/b", "--components=helm-controller"),
            "component source-controller is required",
            id="no source",
        ),
        pytest.param(
            ("--url=https://a.example/b", "--components-extra=helm-mover"), "helm-mover is not available", id="unknown"
        ),
        pytest.param(("--url=https://a.example/b", "--version=2.0"), "must be prefixed with 'v'", id="no v"),
        pytest.param(("--url=https://a.example/b", "--version=v9.9.9"), "v9.9.9' is not in this program", id="another"),
        pytest.param(("--url=https://a.example/b", "--path=../b"), "leads out of the repository", id="out"),
        pytest.param(("--url=https://a.example/b", "--branch=a..b"), "is no name of a branch", id="no branch"),
        pytest.param(
            ("--url=https://a.example/b", "--gpg-key-ring=/none"), "unable to read signing key", id="no signing key"
        ),
    ],
)
def test_what_cannot_be_bootstrapped_is_said(
    arguments: tuple[str, ...], said: str, capfd: pytest.CaptureFixture
) -> None:
    assert root.run(["bootstrap", "git", *arguments]) == 1
    assert said in capfd.readouterr().err
