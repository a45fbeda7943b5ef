"""Which forge is asked as whom: each secret goes to the server that it is for, and what is missing is named."""

from typing import Any

import msgspec
import pytest

from gotk.api.source import GitRepository
from gotk.forge.bitbucket import Bitbucket
from gotk.forge.github import GitHub
from gotk.forge.gitlab import GitLab
from gotk.runtime.blocking import Limiter
from gotk.runtime.errors import Retry, Stalled
from gotk.sources.git_access import GitAccess
from image_automation.pull_requests.access import Access, Way
from image_automation.pull_requests.settings import Settings
from tests.image_automation.automating import Client, Store, automation, repository, secret

OURS, THEIRS = "https://github.com/org/web.git", "https://evil.example.com/org/web"


async def opened(source: GitRepository, settings: Settings, **secrets: dict[str, bytes]) -> tuple[Any, Way]:
    """Open the way, with Secrets by name in the automation's namespace."""
    store = Store(*(secret(name, data) for name, data in secrets.items()))
    ways: list[Way] = []

    def connect(way: Way) -> Any:
        ways.append(way)

    with Limiter(width=1) as limiter:
        git = GitAccess(objects=Client(store), limiter=limiter)
        access = Access(objects=Client(store), git=git, connect=connect)
        forge, _ = await access.open(settings, automation(), source)
    return forge, ways[0]


def of(url: str = OURS, **spec: Any) -> GitRepository:
    return repository(url, **spec)


def asking(**fields: Any) -> Settings:
    return msgspec.convert(fields, Settings)


FORGE = {"secretRef": {"name": "forge"}}
GIT = {"secretRef": {"name": "git"}}


@pytest.mark.parametrize(
    ("data", "token"),
    [
        ({"token": b"t0k3n\n"}, "t0k3n"),
        ({"bearerToken": b"b3arer"}, "b3arer"),
        ({"username": b"u", "password": b"pa55"}, "pa55"),
    ],
)
async def test_a_secret_of_its_own(data: dict[str, bytes], token: str):
    forge, way = await opened(of(), asking(**FORGE), forge=data)
    assert isinstance(forge, GitHub)
    assert (forge.token, way.secrets) == (token, (token,))
    assert token not in repr((forge, way))


@pytest.mark.parametrize("data", [{"username": b"u", "password": b"p"}, {"bearerToken": b"p"}])
async def test_the_repository_s_own_secret_unless_one_is_named(data: dict[str, bytes]):
    forge, _ = await opened(of(**GIT), asking(), git=data)
    assert (forge.token, forge.repository.path) == ("p", "org/web")


async def test_the_user_counts_where_the_forge_wants_one():
    forge, _ = await opened(
        of("https://bitbucket.org/org/web"), asking(**FORGE), forge={"username": b"ann", "password": b"p"}
    )
    assert isinstance(forge, Bitbucket)
    assert forge.username == "ann"


async def test_the_type_can_be_said_and_the_address_too():
    fields = {"type": "gitlab", "address": "https://git.example.com/a/b/c", **FORGE}
    forge, _ = await opened(of("file:///srv/web.git"), asking(**fields), forge={"token": b"t"})
    assert isinstance(forge, GitLab)
    assert (forge.repository.host, forge.repository.path) == ("https://git.example.com", "a/b/c")


async def test_ssh_at_the_https_port_has_the_same_api():
    forge, _ = await opened(of("ssh://git@ssh.github.com:443/org/web.git"), asking(**FORGE), forge={"token": b"t"})
    assert (forge.repository.host, forge.repository.path) == ("https://github.com", "org/web")


@pytest.mark.parametrize(
    ("source", "fields", "cause"),
    [
        pytest.param(of(**GIT), {"address": THEIRS}, "names another server than the GitRepository", id="another host"),
        pytest.param(of(**GIT), {"address": "http://github.com/org/web"}, "names another server", id="in the clear"),
        pytest.param(of(), {}, "has no token or password for the forge", id="no secret"),
        pytest.param(of("https://git.example.com/org/web"), FORGE, "does not show which forge", id="unknown host"),
        pytest.param(of(), {"type": "sourceforge", **FORGE}, "'sourceforge' is no type of forge", id="unknown type"),
        pytest.param(of("file:///srv/web.git"), FORGE, "say in `address`", id="no forge's"),
        pytest.param(of(), {"address": "web", **FORGE}, "`address` is none of a repository", id="no address"),
    ],
)
async def test_what_the_annotation_lacks_is_named(source: GitRepository, fields: dict[str, Any], cause: str):
    with pytest.raises(Stalled, match=cause) as caught:
        await opened(source, asking(**fields), git={"username": b"u", "password": b"s3cret"}, forge={"token": b"t"})
    assert caught.value.message.startswith("annotation image-automation.dev/pull-request: ")
    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize(
    ("secrets", "cause"),
    [
        ({}, "secret 'apps/forge' for the forge: "),
        ({"forge": {"user": b"x"}}, "secret 'apps/forge' has none of 'token', 'bearerToken', 'password'"),
        ({"forge": {"token": b"\xff"}}, "secret 'apps/forge': 'token' is not text"),
    ],
)
async def test_what_the_secret_lacks_is_named_and_tried_again(secrets: dict[str, dict[str, bytes]], cause: str):
    with pytest.raises(Retry, match=cause):
        await opened(of(), asking(**FORGE), **secrets)
