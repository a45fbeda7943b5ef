import base64
import json
from collections.abc import Callable

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
        (["http://reg.io"], "reg.io/a/b", "http://reg.io"),
        (["HTTPS://reg.io/"], "reg.io/a/b", "HTTPS://reg.io/"),
        (["https://reg.io/v2/?x=y#z"], "reg.io/a/b", "https://reg.io/v2/?x=y#z"),
        (["http://*.io#z"], "reg.io/a/b", "http://*.io#z"),
        (["https://jane@reg.io/team/"], "reg.io/team/app", "https://jane@reg.io/team/"),
        (["reg.io/team/"], "reg.io/teams/app", ""),
        (["https://reg.io/v2/team"], "reg.io/team/app", "https://reg.io/v2/team"),
        (["https://reg.io.evil.tld/"], "reg.io/a/b", ""),
        (["https://reg.io@evil.tld/"], "reg.io/a/b", ""),
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


PLAIN = Credentials(username="user", password="passw")
AUTHS: dict[str, str] = {
    "padded": "dXNlcjpwYXNzdw==",
    "without padding": "dXNlcjpwYXNzdw",
    "with half of its padding": "dXNlcjpwYXNzdw=",
    "with a line break at its end": "dXNlcjpwYXNzdw==\\n",
    "without padding and with a line break": "dXNlcjpwYXNzdw\\r\\n",
    "broken into lines": "dXNl\\ncjpw\\nYXNzdw",
    "between blanks": " dXNlcjpwYXNzdw== ",
}


@pytest.mark.parametrize("auth", AUTHS.values(), ids=AUTHS)
def test_base64_is_read_as_tools_write_it(auth: str):
    content = b'{"auths":{"ghcr.io":{"auth":"%s"}}}' % auth.encode()
    assert keychain.read([(DOCKER_CONFIG_JSON, content)]).resolve("ghcr.io/a/b") == PLAIN


@pytest.mark.parametrize("password", [b"\xfb\xff\xfe~~?", b"p\xe4ss", b"a:b", b""])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode], ids=["usual", "url-safe"])
def test_either_alphabet_gives_the_same_bytes(password: bytes, encode: Callable[[bytes], bytes]):
    content = b'{"auths":{"ghcr.io":{"auth":"%s"}}}' % encode(b"user:" + password)
    found = keychain.read([(DOCKER_CONFIG_JSON, content)]).resolve("ghcr.io/a/b")
    assert base64.b64decode(found.basic.removeprefix("Basic ")) == b"user:" + password


NULLS: dict[str, bytes] = {
    "its fields": b'{"username":null,"password":null,"auth":"dXNlcjpwYXNzdw==","identitytoken":null,"email":null}',
    "auth": b'{"username":"user","password":"passw","auth":null,"registrytoken":null}',
    "an unknown field": b'{"username":"user","password":"passw","auth":"","x":{"y":[null]}}',
    "other letters": b'{"Username":"user","PassWord":"passw"}',
}


@pytest.mark.parametrize("entry", NULLS.values(), ids=NULLS)
def test_null_reads_as_absent(entry: bytes):
    content = b'{"auths":{"quay.io":null,"ghcr.io":%s},"credHelpers":null,"credsStore":null}' % entry
    chain = keychain.read([(DOCKER_CONFIG_JSON, content)])
    assert chain.resolve("ghcr.io/a/b") == PLAIN
    assert not chain.resolve("quay.io/a/b")
    old = keychain.read([(DOCKER_CONFIG, b'{"quay.io":null,"ghcr.io":%s}' % entry)])
    assert old.resolve("ghcr.io/a/b") == PLAIN


@pytest.mark.parametrize("content", [b'{"auths":null}', b"null", b"{}", b'{"auths":{}}', b'\xef\xbb\xbf{"auths":null}'])
def test_a_config_may_hold_nothing(content: bytes):
    assert keychain.read([(DOCKER_CONFIG_JSON, content)]).entries == ()


MISFITS: dict[str, tuple[bytes, str]] = {
    "a number": (b'{"auths":{"q.io":{"username":7}}}', ": Expected `str`, got `int` - at `$.auths.q.io.username`"),
    "a list": (b'{"auths":{"q.io":["hunter2"]}}', ": Expected `object`, got `array` - at `$.auths.q.io`"),
    "a text": (b'{"auths":"hunter2"}', ": Expected `object`, got `str` - at `$.auths`"),
    "too deep": (b'{"auths":{},"x":' + b"[" * 100_000, ": nested deeper than 500 levels"),
}


@pytest.mark.parametrize(("content", "detail"), MISFITS.values(), ids=MISFITS)
def test_a_field_of_another_type_is_named(content: bytes, detail: str):
    with pytest.raises(keychain.InvalidConfig) as raised:
        keychain.read([(DOCKER_CONFIG_JSON, content)])
    assert str(raised.value) == "the docker configuration is not valid JSON of the expected shape" + detail


def test_credentials_never_show():
    shown = repr(Credentials(username="user", password="hunter2", identity_token="hunter2", registry_token="hunter2"))
    assert "hunter2" not in shown
    assert not ANONYMOUS
