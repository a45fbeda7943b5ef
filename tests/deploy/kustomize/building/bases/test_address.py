"""Addresses of remote bases: a table, what is refused, and the real kustomize with a git that only takes notes."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from deploy.kustomize.building import build
from deploy.kustomize.building.bases import address
from deploy.kustomize.building.bases.address import BadAddress

try:
    COMMAND = build.find_command()
except FileNotFoundError:
    COMMAND = ()

ADDRESSES = {
    "https://github.com/org/repo//deploy/base?ref=v1.2": ("https://github.com/org/repo", "v1.2", "deploy/base"),
    "https://github.com/org/repo/deploy/base?ref=main": ("https://github.com/org/repo", "main", "deploy/base"),
    "github.com/org/repo?version=abc": ("https://github.com/org/repo", "abc", "."),
    "github.com/org/repo": ("https://github.com/org/repo", "", "."),
    "GitHub.com:org/repo/x": ("https://github.com/org/repo", "", "x"),
    "https://git.example.com/a/b/c.git//x?ref=r&timeout=30s": ("https://git.example.com/a/b/c.git", "r", "x"),
    "https://git.example.com/a/b.git/x/y": ("https://git.example.com/a/b.git", "", "x/y"),
    "git::https://git.example.com/a/b//base.yaml": ("https://git.example.com/a/b", "", "base.yaml"),
    "https://git.example.com/a/b/c": ("https://git.example.com/a/b", "", "c"),
    "https://git.example.com/a/b//x//y": ("https://git.example.com/a/b", "", "x/y"),
    "https://git.example.com/o/_git/repo/p/q?ref=1": ("https://git.example.com/o/_git/repo", "1", "p/q"),
    "https://me@dev.example.com/o/p/_git/r/x": ("https://dev.example.com/o/p/_git/r", "", "x"),
    "ssh://git@host.example/org/repo//sub?ref=v1": ("ssh://git@host.example/org/repo", "v1", "sub"),
    "ssh://git@host.example:2222/org/repo//sub": ("ssh://git@host.example:2222/org/repo", "", "sub"),
    "SSH://host.example/org/repo/x": ("ssh://git@host.example/org/repo", "", "x"),
    "ssh://me@[::1]:22/org/repo//x": ("ssh://me@[::1]:22/org/repo", "", "x"),
    "git::ssh://git@host.example/org/repo//sub?version=v2": ("ssh://git@host.example/org/repo", "v2", "sub"),
    "git@host.example:org/repo//sub?ref=v1": ("ssh://git@host.example/org/repo", "v1", "sub"),
    "git@host.example:org/repo.git/sub?ref=v1": ("ssh://git@host.example/org/repo.git", "v1", "sub"),
    "git@host.example:org/repo/sub/deep": ("ssh://git@host.example/org/repo", "", "sub/deep"),
    "git::git@host.example:org/repo": ("ssh://git@host.example/org/repo", "", "."),
    "git@host.example:repo//x": ("ssh://git@host.example/repo", "", "x"),
    "git@host.example:/srv/repo//x": ("ssh://git@host.example/srv/repo", "", "x"),
    "git@host.example:a/b/c.yaml": ("ssh://git@host.example/a/b", "", "c.yaml"),
    "git@host.example:v3/o/p/_git/repo/x": ("ssh://git@host.example/v3/o/p/_git/repo", "", "x"),
    "me-1@host.example:a/b/c": ("ssh://me-1@host.example/a/b", "", "c"),
    "git@github.com/org/repo/x": ("ssh://git@github.com/org/repo", "", "x"),
    "ssh://github.com/org/repo/x": ("ssh://git@github.com/org/repo", "", "x"),
    "org-7@github.com:org/repo/x": ("ssh://org-7@github.com/org/repo", "", "x"),
}

FURTHER = (
    "https://git.example.com/a/b?ref=x&submodules=false",
    "https://git.example.com/a/b?ref=x&submodules=maybe",
    "https://git.example.com/a/b?timeout=soon",
    "https://git.example.com//a/b",
    "git@host.example:2222/org/repo/x",
    "git@host.example:a/b.github/x",
    "ssh://git@host.example/a/b?ref=a/b&submodules=0",
)


@pytest.mark.parametrize(("entry", "expected"), ADDRESSES.items(), ids=ADDRESSES)
def test_an_address_of_a_repository_is_taken_apart(entry: str, expected: tuple[str, str, str]) -> None:
    found = address.parse(entry)
    assert found.repository
    assert (found.url, found.reference, found.path) == expected


@pytest.mark.real
@pytest.mark.skipif(not COMMAND, reason="neither kustomize nor kubectl is installed")
@pytest.mark.parametrize("entry", [*ADDRESSES, *FURTHER])
def test_kustomize_takes_it_apart_alike(entry: str, tmp_path: Path) -> None:
    told, path = asked_of_git(entry, tmp_path)
    found = address.parse(entry)
    _, _, whole, reference = next(words for words in told if words[0] == "fetch")
    assert (found.url, found.reference or "HEAD", found.path) == (as_url(whole), reference, path)
    assert found.submodules is (["submodule", "update", "--init", "--recursive"] in told)


def asked_of_git(entry: str, directory: Path) -> tuple[list[list[str]], str]:
    """Let kustomize build a base; return what it told git, and where in the clone it looked."""
    git = directory / "bin" / "git"
    git.parent.mkdir()
    git.write_text('#!/bin/sh\necho "$@" >> "$WRITTEN"\n')
    git.chmod(0o755)
    source, clones, written = directory / "source", directory / "clones", directory / "written"
    for folder in (source, clones):
        folder.mkdir()
    (source / "kustomization.yaml").write_text(f"resources: ['{entry}']\n")
    nowhere = "http://127.0.0.1:9"
    environment = {
        "PATH": f"{git.parent}:{os.environ['PATH']}", "HOME": str(directory), "TMPDIR": str(clones),
        "WRITTEN": str(written), "HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere,
    }  # fmt: skip
    ended = subprocess.run([*COMMAND, source], env=environment, capture_output=True, text=True, check=False, timeout=60)
    looked = re.search(rf"'{clones}/kustomize-\d+(?:/([^']*))?'", ended.stderr)
    assert looked, ended.stderr
    return [line.split() for line in written.read_text().splitlines()], looked[1] or "."


def as_url(whole: str) -> str:
    """Write what git is told as an address is written here: no user over https, over SSH one always."""
    short = re.fullmatch(r"(?:([\w-]+)@)?([^/:@]+):(?!//)/?(.*)", whole)
    if short:
        return f"ssh://{short[1] or 'git'}@{short[2]}/{short[3]}"
    if whole.startswith("https://"):
        return re.sub("//[^/]*@", "//", whole)
    return whole if "@" in whole else whole.replace("ssh://", "ssh://git@")


def test_an_address_of_a_file_is_one() -> None:
    found = address.parse("https://example.com/release/v1/install.yaml?raw=true")
    assert not found.repository
    assert (found.url, found.host) == ("https://example.com/release/v1/install.yaml?raw=true", "example.com")
    assert found.target.endswith("/install.yaml")


def test_what_an_address_asks_for_is_kept() -> None:
    for query, seconds in {"timeout=90": 90, "timeout=2m": 120, "timeout=soon": None, "timeout=0": None}.items():
        assert address.parse(f"https://example.com/a/b.git?{query}").timeout == seconds
    one, two = (address.parse(f"git@example.com:a/b.git//{path}?ref=v1") for path in ("x", "y"))
    assert one.place == two.place
    others = ("git@example.com:a/b.git//x?ref=v2", "git@example.com:a/b.git//x?ref=v1&submodules=false")
    assert one.place not in {address.parse(each).place for each in others}


REFUSED = {
    "http://example.com/a.yaml": "is neither an https nor an ssh address",
    "file:///etc": "is neither an https nor an ssh address",
    "ext::sh -c id": "is neither an https nor an ssh address",
    "host.example:org/repo": "is neither an https nor an ssh address",
    "https://user:secret@example.com/a/b.git": "has no host, or a password",
    "https://user:secret@example.com/a.yaml": "has no host, or a password",
    "ssh://git:secret@example.com/a/b": "has no host, or a password",
    "ssh://git@other@example.com/a/b": "has no host, or a password",
    "ssh://git@-oProxyCommand=id/a/b": "has no host, or a password",
    "git@example.com/a/b": "has no ':' behind its host",
    "https://example.com/a.git//../../etc": "leads out of its repository",
    "git@example.com:a/b//../c": "leads out of its repository",
    "https://example.com": "names no repository",
    "https://example.com/a": "names no repository",
    "git@example.com:repo": "names no repository",
    "https://example.com/a/b#c": "has no host, or a password or fragment",
    "git@example.com:a/b?ref=c#d": "has a fragment",
    "https://github.com/a b//x": "is no address: ",
    "git::https://xn--/a//b": "is no address",
    "git::https://+[::1]a/b//c": "is no address",
}


@pytest.mark.parametrize(("entry", "told"), REFUSED.items(), ids=REFUSED)
def test_an_address_that_none_may_have_is_told(entry: str, told: str) -> None:
    with pytest.raises(BadAddress) as raised:
        address.parse(entry)
    assert str(raised.value).startswith(told)
    assert "secret" not in str(raised.value)


PARTS: Sequence[str] = (
    "git::", "ssh://", "https://", "http://", "git@", "u:p@", "host", "github.com", ":", "/", "//", "..", "a", ".git",
    "_git/", "?", "ref=", "&", "timeout=", "#", "[", "]", "%", " ", "é", "\\", "-",
)  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=14).map("".join))
def test_whatever_is_named_is_of_the_host_that_is_asked_and_stays_in_its_repository(entry: str) -> None:
    try:
        found = address.parse(entry)
    except BadAddress:
        return
    assert found.host
    assert found.url.startswith(("https://", "ssh://"))
    url = URL(found.url)
    assert (url.user or "git", url.password) == ("git", None)
    assert not found.path.startswith(("..", "/"))
    assert found.target.startswith(f"{found.place}/") or found.target == found.place
