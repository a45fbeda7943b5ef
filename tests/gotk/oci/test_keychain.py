import base64
import json

import pytest

from gotk.oci import keychain
from gotk.oci.keychain import ANONYMOUS, DOCKER_CONFIG, DOCKER_CONFIG_JSON, Credentials


def config(*registries: str) -> tuple[str, bytes]:
    auths = {registry: {"username": registry, "password": "p"} for registry in registries}
    return DOCKER_CONFIG_JSON, json.dumps({"auths": auths, "credHelpers": {"x": "y"}}).encode()


@pytest.mark.parametrize(
    ("registries", "image", "chosen"),
    [
        (["ghcr.io"], "ghcr.io/a/b", "ghcr.io"),
        (["https://index.docker.io/v1/"], "index.docker.io/library/alpine", "https://index.docker.io/v1/"),
        (["https://reg.io/v2/"], "reg.io/a/b", "https://reg.io/v2/"),
        (["docker.io"], "index.docker.io/library/alpine", ""),
        (["*.example.com"], "reg.example.com/a/b", "*.example.com"),
        (["*.example.com"], "a.reg.example.com/a/b", ""),
        (["*.*.example.com"], "a.reg.example.com/a/b", "*.*.example.com"),
        (["reg.io:5000"], "reg.io/a/b", ""),
        (["reg.io"], "reg.io:5000/a/b", ""),
        (["reg.io:5000"], "reg.io:5000/a/b", "reg.io:5000"),
        (["reg.io", "reg.io/team", "reg.io/team/app"], "reg.io/team/app", "reg.io/team/app"),
        (["reg.io", "reg.io/team"], "reg.io/other/app", "reg.io"),
        (["reg.io/team"], "reg.io/other/app", ""),
        (["reg.[^a-z]o"], "reg.io/a/b", ""),
        (["reg.[a-z]o"], "reg.io/a/b", "reg.[a-z]o"),
        (["reg.?o"], "reg.io/a/b", "reg.?o"),
        ([], "reg.io/a/b", ""),
    ],
)
def test_the_kubelets_rules_choose_the_entry(registries: list[str], image: str, chosen: str):
    assert keychain.read([config(*registries)]).resolve(image).username == chosen


def test_the_first_secret_wins_where_two_have_the_same_entry():
    first = (DOCKER_CONFIG_JSON, b'{"auths":{"reg.io":{"username":"first","password":"p"}}}')
    second = (DOCKER_CONFIG_JSON, b'{"auths":{"reg.io":{"username":"second","password":"p"}}}')
    assert keychain.read([first, second]).resolve("reg.io/a").username == "first"


def test_auth_overrides_user_and_password():
    auth = base64.b64encode(b"user:pass:word").decode()
    content = json.dumps({"reg.io": {"auth": auth, "username": "other", "password": "other"}}).encode()
    found = keychain.read([(DOCKER_CONFIG, content)]).resolve("reg.io/a")
    assert (found.username, found.password) == ("user", "pass:word")


def test_tokens_are_read():
    content = b'{"auths":{"reg.io":{"identitytoken":"id","registrytoken":"reg"}}}'
    found = keychain.read([(DOCKER_CONFIG_JSON, content)]).resolve("reg.io/a")
    assert (found.identity_token, found.registry_token) == ("id", "reg")


@pytest.mark.parametrize(
    "content",
    [b"hunter2", b'{"auths": "hunter2"}', b"\xff", b'{"auths":{"reg.io":{"auth":"hunter2"}}}'],
    ids=["no json", "another shape", "no utf-8", "no base64"],
)
def test_a_broken_config_is_named_without_its_content(content: bytes):
    with pytest.raises(keychain.InvalidConfig) as raised:
        keychain.read([(DOCKER_CONFIG_JSON, content)])
    assert "docker configuration" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_credentials_never_show():
    shown = repr(Credentials(username="user", password="hunter2", identity_token="hunter2", registry_token="hunter2"))
    assert "hunter2" not in shown
    assert not ANONYMOUS
