"""Every forge spells the same status in its own words, and is not told twice."""

import json
from typing import Any

import pytest

from gotk.forge import repository
from gotk.forge.azuredevops import AzureDevOps
from gotk.forge.bitbucket import Bitbucket
from gotk.forge.bitbucket_server import BitbucketServer
from gotk.forge.gitea import Gitea
from gotk.forge.github import GitHub
from gotk.forge.gitlab import GitLab
from gotk.forge.status import State, Status
from gotk.http.exchange import Answer, Unusable
from tests.gotk.forge import published

COMMIT = "b" * 40
WEB = repository.parse("git@git.example.com:org/web.git")
AZURE = repository.parse("https://dev.azure.com/org/project/_git/web")
SERVER = BitbucketServer(address="https://git.example.com/scm/org/web.git", identity={"Authorization": "Bearer t"})
FORGES: dict[str, tuple[Any, str, str, str]] = {
    "GitHub": (GitHub(repository=WEB, token="t"), "success", "failure", "pending"),
    "GitLab": (GitLab(repository=WEB, token="t"), "success", "failed", "pending"),
    "Gitea": (Gitea(repository=WEB, token="t"), "success", "failure", "pending"),
    "Bitbucket": (Bitbucket(repository=WEB, username="u", password="p"), "SUCCESSFUL", "FAILED", "INPROGRESS"),
    "Bitbucket Data Center": (SERVER, "SUCCESSFUL", "FAILED", "INPROGRESS"),
    "Azure DevOps": (AzureDevOps(repository=AZURE, token="t"), "succeeded", "error", "pending"),
}


@pytest.mark.parametrize("name", FORGES)
def test_a_state_is_spelt_as_the_forge_spells_it(name: str) -> None:
    forge, *words = FORGES[name]
    for state, word in zip((State.SUCCESS, State.FAILURE, State.PENDING), words, strict=True):
        exchange = forge.keep_status(COMMIT, Status(state=state, name="n", description="d", title="t", group="g"))
        looked = next(exchange)
        published.hold_against(forge, looked.method, looked.url, looked.body)
        listed = b"[]" if name in {"GitHub", "GitLab", "Gitea"} else b"{}"
        written = exchange.send(Answer(status=200, body=listed))
        published.hold_against(forge, written.method, written.url, written.body)
        assert json.loads(written.body)["state"] == word


@pytest.mark.parametrize(
    ("address", "host", "path"),
    [
        pytest.param("https://github.com/org/web.git", "https://github.com", "org/web", id="https"),
        pytest.param("ssh://git@github.com:22/org/web", "https://github.com", "org/web", id="ssh, without its port"),
        pytest.param("git@github.com:org/web.git", "https://github.com", "org/web", id="as scp writes it"),
        pytest.param("http://git.local:3000/a/b/c", "http://git.local:3000", "a/b/c", id="a port of its own"),
    ],
)
def test_a_repository_is_read_from_the_address_that_git_clones(address: str, host: str, path: str) -> None:
    assert repository.parse(address) == repository.Repository(host, path)


@pytest.mark.parametrize("address", ["", "web", "ftp://host/org/web", "https:///org/web"])
def test_what_is_no_address_of_a_repository_is_refused(address: str) -> None:
    with pytest.raises(Unusable, match="address of a Git repository"):
        repository.parse(address)


@pytest.mark.parametrize("forge", [forge for forge, *_ in FORGES.values()], ids=list(FORGES))
def test_no_token_shows_in_a_repr(forge: object) -> None:
    assert not any(secret in repr(forge) for secret in ("token='t'", "password='p'", "Bearer t"))
