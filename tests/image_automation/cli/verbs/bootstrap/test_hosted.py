"""`bootstrap` with a forge: the repository is made, and the cluster deploys it."""

from pathlib import Path

import pytest
import yaml

from image_automation.cli import root
from image_automation.cli.verbs.bootstrap import forges as known
from tests.image_automation.cli.verbs.bootstrap import forges, ground

MADE = {
    "github": ("platform", {"name": "fleet", "private": True}),
    "gitlab": (
        "platform/fleets",
        {"name": "fleet", "path": "fleet", "visibility": "private", "namespace_id": 42},
    ),
    "gitea": ("platform", {"name": "fleet", "private": True, "default_branch": "main"}),
}
GRANTED: dict[str, dict[str, object]] = {
    "github": {"ops": "maintain", "dev": "pull"},
    "gitlab": {"43": 10},
    "gitea": {"ops": "its own", "dev": "its own"},
}
TOKEN = {name: {f"{name.upper()}_TOKEN": forges.TOKEN} for name in MADE}


@pytest.mark.parametrize("kind", MADE)
async def test_a_forge_gets_a_repository_that_the_cluster_deploys(tmp_path: Path, kind: str) -> None:
    owner, body = MADE[kind]
    token = {"gitlab": "--deploy-token-auth"}.get(kind, "--token-auth")
    async with forges.serve(tmp_path, kind) as forge, ground.prepared(tmp_path) as there:
        call = (
            "bootstrap", kind, "--owner", owner, "--repository=fleet", "--path=clusters/one", token,
            "--hostname", forge.url, "--team=ops,dev:pull",
        )  # fmt: skip
        said = await there.run(*call, env=TOKEN[kind])
        web = f"{forge.url}/{owner}/fleet"
        assert f'✔ repository "{web}" created\n' in said
        assert said.endswith("✔ all components are healthy\n")
        assert forges.TOKEN not in said
        assert forges.DEPLOY_TOKEN[1] not in said
        assert '✔ granted "pull" permissions to "dev"\n✔ reconciled repository permissions\n' in said
        assert forge.granted == GRANTED[kind]
        assert forge.made == {f"{owner}/fleet": body}
        text = ground.read(forge.root / owner / "fleet.git", "clusters/one/flux-system/gotk-sync.yaml")
        assert next(yaml.safe_load_all(text))["spec"]["url"] == f"{web}.git"

        assert forge.changed == []
        again = await there.run(*call, "--reconcile", text=f"{forges.TOKEN}\n")
        assert f'✔ repository "{web}" reconciled\n' in again
        assert forge.changed in ([{"private": True}], [{"visibility": "private"}])
        assert "created" not in again
        assert "✔ sync manifests are up to date\n" in again


async def test_bitbucket_server_is_cloned_where_it_keeps_repositories(tmp_path: Path) -> None:
    async with forges.serve(tmp_path, "bitbucket-server") as forge, ground.prepared(tmp_path) as there:
        call = (
            "bootstrap", "bitbucket-server", "--owner=PLAT", "--repository=fleet", "--token-auth",
            "--username=git", "--private=false", "--branch=trunk", "--hostname", forge.url, "--group=ops",
        )  # fmt: skip
        said = await there.run(*call, env={"BITBUCKET_TOKEN": forges.TOKEN})
        assert f'✔ repository "{forge.url}/projects/PLAT/repos/fleet" created\n' in said
        assert said.endswith("✔ all components are healthy\n")
        assert forge.granted == {"ops": "REPO_WRITE"}
        made = {"name": "fleet", "scmId": "git", "defaultBranch": "trunk", "public": True}
        assert forge.made == {"scm/PLAT/fleet": made}
        text = ground.read(forge.root / "scm/PLAT/fleet.git", "flux-system/gotk-sync.yaml", branch="trunk")
        assert next(yaml.safe_load_all(text))["spec"]["url"] == f"{forge.url}/scm/PLAT/fleet.git"


def test_a_persons_repository_at_bitbucket_server_has_a_place_of_its_own() -> None:
    place = known.BITBUCKET_SERVER.place("https://git.example.com", "~ann", "fleet")
    assert place.web == "https://git.example.com/users/ann/repos/fleet"
    assert place.clone == "https://git.example.com/scm/~ann/fleet.git"


async def test_somebody_elses_repository_is_not_made(tmp_path: Path) -> None:
    async with forges.serve(tmp_path, "gitea") as forge, ground.prepared(tmp_path) as there:
        call = ("bootstrap", "gitea", "--repository=fleet", "--personal", "--token-auth", "--hostname", forge.url)
        said = await there.run(*call, "--owner=bob", env=TOKEN["gitea"], code=1)
        assert "the specified owner 'bob' doesn't match the identity associated with the given token" in said
        said = await there.run(*call, "--owner=ann", env={"GITEA_TOKEN": "wrong-one"}, code=1)
        assert "with status 401: " in said
        assert "wrong-one" not in said
        assert forge.made == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("github", "--repository=b"), "--owner is required", id="no owner"),
        pytest.param(("github", "--owner=a"), "--repository is required", id="no repository"),
        pytest.param(
            ("bitbucket-server", "--owner=a", "--repository=b"),
            "--hostname is required",
            id="no server is the usual one",
        ),
        pytest.param(
            ("github", "--owner=a", "--repository=b", "--team=ops:own"),
            'invalid permission "own" for team "ops": there are pull, triage, push, maintain, admin',
            id="a permission that no forge has",
        ),
        pytest.param(
            ("gitea", "--owner=a", "--repository=b", "--team=ops", "--personal"),
            "a person's repository has no teams at Gitea",
            id="a person's team",
        ),
        pytest.param(
            ("gitlab", "--owner=a", "--repository=b/c", "--deploy-token-auth", "--read-write-key"),
            "makes a token that only reads",
            id="a deploy token that writes",
        ),
        pytest.param(
            ("gitlab", "--owner=a", "--repository=b", "--sparse-checkout=x", "--path=y"),
            "--sparse-checkout: 'y', which --path names, is not among x",
            id="what is synced is not fetched",
        ),
        pytest.param(("gitea", "--owner=a/b", "--repository=c"), "it is OWNER/NAME at Gitea", id="a group in a group"),
        pytest.param(
            ("gitlab", "--owner=a/b", "--repository=c", "--hostname=ftp://x"), "is not the name of a host", id="no host"
        ),
    ],
)
def test_what_no_forge_takes_is_said(arguments: tuple[str, ...], said: str, capfd: pytest.CaptureFixture) -> None:
    assert root.run(["bootstrap", *arguments]) == 1
    assert said in capfd.readouterr().err
