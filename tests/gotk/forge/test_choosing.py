"""A repository's address tells its forge where the host's name does, and is asked for it otherwise."""

import pytest

from gotk.forge import choosing
from gotk.forge.azuredevops import AzureDevOps
from gotk.forge.bitbucket import Bitbucket
from gotk.forge.bitbucket_server import BitbucketServer
from gotk.forge.gitea import Gitea
from gotk.forge.github import GitHub
from gotk.forge.gitlab import GitLab
from gotk.forge.pull_request import Method
from gotk.http.exchange import Unusable

GUESSED = {
    "https://github.com/org/web": GitHub,
    "git@github.com:org/web.git": GitHub,
    "https://github.example.com/org/web.git": GitHub,
    "https://acme.ghe.com/org/web.git": GitHub,
    "https://gitlab.com/org/group/web.git": GitLab,
    "ssh://git@gitlab.example.com:2222/org/web.git": GitLab,
    "https://codeberg.org/org/web.git": Gitea,
    "https://forgejo.example.com/org/web.git": Gitea,
    "https://bitbucket.org/org/web.git": Bitbucket,
    "https://git.example.com/scm/ORG/web.git": BitbucketServer,
    "ssh://git@bitbucket.example.com:7999/ORG/web.git": BitbucketServer,
    "https://dev.azure.com/org/project/_git/web": AzureDevOps,
    "git@ssh.dev.azure.com:v3/org/project/web": AzureDevOps,
}


@pytest.mark.parametrize("address", GUESSED)
def test_a_name_that_is_the_forges_own_tells_it(address: str) -> None:
    assert type(choosing.choose(address, token="t")) is GUESSED[address]


@pytest.mark.parametrize("address", ["https://git.example.com/org/web.git", "https://notgithub.com/org/web.git"])
def test_another_name_tells_nothing(address: str) -> None:
    with pytest.raises(Unusable, match="does not show which forge it is: name its type, one of github, gitlab"):
        choosing.choose(address, token="t")


def test_a_type_that_is_named_counts() -> None:
    assert type(choosing.choose("https://github.com/org/web", token="t", kind="gitea")) is Gitea
    with pytest.raises(Unusable, match="'gogs' is no type of forge"):
        choosing.choose("https://github.com/org/web", token="t", kind="gogs")


@pytest.mark.parametrize(("username", "begin"), [("ann", "Basic "), ("x-token-auth", "Bearer "), ("", "Bearer ")])
def test_bitbucket_is_asked_as_a_person_or_with_an_access_token(username: str, begin: str) -> None:
    for address in ("https://bitbucket.org/org/web.git", "https://git.example.com/scm/ORG/web.git"):
        forge = choosing.choose(address, token="t", username=username)
        request = next(forge.get_pull_request(1))
        assert request.headers["Authorization"].startswith(begin)


def test_data_center_is_found_from_both_of_its_addresses() -> None:
    for address in (
        "https://bitbucket.example.com/scm/ORG/web.git",
        "ssh://git@bitbucket.example.com:7999/ORG/web.git",
    ):
        request = next(choosing.choose(address, token="t").get_pull_request(1))
        assert request.url == "https://bitbucket.example.com/rest/api/latest/projects/ORG/repos/web/pull-requests/1"


@pytest.mark.parametrize(
    "address",
    [
        "https://dev.azure.com/org/web/_git/web",
        "https://org@dev.azure.com/org/_git/web",
        "https://org.visualstudio.com/web/_git/web",
        "https://org.visualstudio.com/_git/web",
        "git@ssh.dev.azure.com:v3/org/web/web",
        "org@vs-ssh.visualstudio.com:v3/org/web/web",
    ],
)
def test_azure_is_asked_at_one_place_whatever_it_was_called(address: str) -> None:
    request = next(choosing.choose(address, token="t").get_pull_request(1))
    assert request.url.startswith("https://dev.azure.com/org/web/_apis/git/repositories/web/pullrequests/1?")


@pytest.mark.parametrize(
    ("address", "api"),
    [
        ("https://github.com/org/web", "https://api.github.com"),
        ("https://acme.ghe.com/org/web", "https://api.acme.ghe.com"),
        ("https://github.example.com/org/web", "https://github.example.com/api/v3"),
    ],
)
def test_github_is_asked_where_its_api_is(address: str, api: str) -> None:
    forge = choosing.choose(address, token="t")
    assert next(forge.get_pull_request(1)).url == f"{api}/repos/org/web/pulls/1"
    asked = next(forge.enable_auto_merge(1, "a" * 40, Method.MERGE))
    assert asked.url == f"{api.removesuffix('/v3')}/graphql"
