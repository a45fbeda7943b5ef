"""Which keys of `known_hosts` are believed for a host: no more than libssh2 believes."""

import base64
import hashlib
import hmac

import pytest

from gotk.git.transport import known_hosts


def key(kind: str, last: int = 1) -> str:
    """A line's type and key."""
    return (
        f"{kind} {base64.b64encode(len(kind).to_bytes(4, 'big') + kind.encode() + bytes([0, 0, 0, 1, last])).decode()}"
    )


ED, RSA, OTHER = key("ssh-ed25519"), key("ssh-rsa"), key("ssh-ed25519", 2)


def hashed(name: str) -> str:
    salt = b"s" * 20
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("text", "port", "found"),
    [
        pytest.param(f"git.example {ED}\ngit.example {RSA} a comment\nx.example {OTHER}", None, [ED, RSA], id="a host"),
        pytest.param(f"GIT.example {ED}", 22, [ED], id="a host in capitals"),
        pytest.param(f"x.example,git.example,10.0.0.1 {ED}", None, [ED], id="one of many names"),
        pytest.param(f"[git.example]:7999 {ED}", 7999, [ED], id="another port"),
        pytest.param(f"git.example {ED}", 7999, [], id="the host at its usual port only"),
        pytest.param(f"[git.example]:7999 {ED}", None, [], id="the host at another port only"),
        pytest.param(f"{hashed('git.example')} {ED}", None, [ED], id="a hashed name"),
        pytest.param(f"{hashed('[git.example]:7999')} {ED}", 7999, [ED], id="a hashed name with a port"),
        pytest.param(f"{hashed('x.example')} {ED}", None, [], id="another hashed name"),
        pytest.param(f"*.example {ED}\n* {ED}\ngit.example,!git.example {ED}", None, [], id="patterns"),
        pytest.param(f"@cert-authority git.example {ED}", None, [], id="an authority"),
        pytest.param(f"git.example {ED}\n@revoked * {ED}", None, [], id="a key that was revoked"),
        pytest.param(f"\n  # a comment\n\tgit.example\t{ED}\n", None, [ED], id="comments and blanks"),
        pytest.param("", None, [], id="nothing"),
    ],
)
def test_a_host_has_the_keys_that_stand_beside_its_name(text: str, port: int | None, found: list[str]) -> None:
    assert known_hosts.keys(text, "git.example", port) == found


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("git.example", id="no key"),
        pytest.param("git.example ssh-ed25519", id="a type alone"),
        pytest.param("git.example ssh-ed25519 AAAA", id="a short key"),
        pytest.param("git.example ssh-ed25519 !!!!", id="no base64"),
        pytest.param(f"git.example ssh-rsa {ED.split()[1]}", id="a key of another type"),
        pytest.param(f"|1|zz {ED}", id="a broken hash"),
        pytest.param(f"|1|!|! {ED}", id="a hash of no base64"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_whoever_it_is_for(line: str) -> None:
    with pytest.raises(known_hosts.Unreadable):
        known_hosts.keys(f"git.example {ED}\n{line}\n", "git.example", None)
