"""`.gitmodules` read as Git reads it, and addresses as Git and go-git resolve them."""

import subprocess
from pathlib import Path

import pytest

from gotk.git import errors, submodules
from gotk.git.auth import Credentials
from tests.real import child

FILE = r"""
# [submodule "commented"]
[core]
	path = not/this
[submodule "lib"]
	path = libs/lib ; a comment
	url = "https://example.com/a b#c.git" # another
	branch=main
[ Submodule "quo\"ted\\name" ]
	PATH = "x\ty" z
	url = ../x.git
	url = ../y\
z.git
[submodule "one-line"] path = o
	url = ./o
[submodule "no address"]
	path = n
[submodule "no-path"]
	url = n
[include]
	path = /etc/passwd
"""


def test_a_file_is_read_as_git_reads_it():
    assert submodules.parse(FILE.encode()) == {
        "libs/lib": submodules.Submodule("lib", "libs/lib", "https://example.com/a b#c.git"),
        "x\ty z": submodules.Submodule('quo"ted\\name', "x\ty z", "../yz.git"),
        "o": submodules.Submodule("one-line", "o", "./o"),
    }


@pytest.mark.real
def test_the_real_git_agrees(tmp_path: Path):
    (tmp_path / "m").write_text(
        FILE.replace("[ Submodule", "[Submodule").replace('" ]', '"]').partition("[include]")[0]
    )
    command = [child.program("git"), "config", "-f", "m", "-z", "--list"]
    listed = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    found: dict[str, dict[str, str]] = {}
    for item in listed.split("\0"):
        key, _, value = item.partition("\n")
        if key.startswith("submodule."):
            name, _, variable = key.removeprefix("submodule.").rpartition(".")
            found.setdefault(name, {})[variable] = value
    whole = {name: each for name, each in found.items() if "path" in each and "url" in each}
    ours = submodules.parse((tmp_path / "m").read_bytes()).values()
    assert {each.name: {"path": each.path, "url": each.url} for each in ours} == {
        name: {"path": each["path"], "url": each["url"]} for name, each in whole.items()
    }


@pytest.mark.parametrize("content", [b"", b"[", b'[submodule "', b"\xff\xfe", b"path = x\nurl = y", b"\\"])
def test_what_is_no_list_names_nothing(content: bytes):
    assert submodules.parse(content) == {}


@pytest.mark.parametrize(
    ("parent", "url", "whole"),
    [
        ("https://h/org/r.git", "../lib.git", "https://h/org/lib.git"),
        ("https://h:8443/org/r.git", "../../other/lib", "https://h:8443/other/lib"),
        ("https://h/org/r.git", "../../../../lib", "https://h/lib"),
        ("https://u:p@h/org/r.git", "./lib", "https://u@h/org/r.git/lib"),
        ("ssh://git@h/org/r.git", "../lib.git", "ssh://git@h/org/lib.git"),
        ("https://h/org/r.git", "git@g:org/lib.git", "ssh://git@g/org/lib.git"),
        ("https://h/org/r.git", "g:org/lib.git", "ssh://g/org/lib.git"),
        ("https://h/org/r.git", "https://g/lib", "https://g/lib"),
        ("file:///srv/a%20b/r.git", "../lib.git", "file:///srv/a%20b/lib.git"),
        ("file:///srv/r.git", "/srv/lib.git", "file:///srv/lib.git"),
    ],
)
def test_an_address_is_whole_or_relative_to_the_parent_s(parent: str, url: str, whole: str):
    assert submodules.address(parent, url) == whole


@pytest.mark.parametrize(
    "url",
    ["/etc/secrets.git", "file:///etc/secrets.git", "ext::sh -c id", "git://h/x", "ssh://-oProxyCommand=id/x", "-u"],
)
def test_an_address_that_leads_into_this_machine_or_runs_a_program_is_refused(url: str):
    if url == "-u":
        assert submodules.address("https://h/org/r.git", url) == "https://h/org/r.git/-u"
        return
    with pytest.raises(errors.InvalidUrl):
        submodules.address("https://h/org/r.git", url)


OURS = Credentials(username="jane", password="s3cret", certificate="c", key="k", ca="ca", proxy="http://p")


def test_a_secret_goes_to_its_origin_only():
    parent = "https://h/org/r.git"
    assert submodules.credentials(parent, OURS, "https://h/lib.git") == OURS
    for other in ("https://g/lib", "http://h/lib", "https://h:444/lib", "https://h.evil/lib"):
        assert submodules.credentials(parent, OURS, other) == Credentials(ca="ca", proxy="http://p")
    assert submodules.credentials(parent, OURS, "https://joe:own@g/lib").username == "joe"
    with pytest.raises(errors.InvalidCredentials, match="'ssh://h' is another origin than 'https://h'"):
        submodules.credentials(parent, OURS, "ssh://git@h/lib")


def test_an_identity_goes_to_its_own_host_as_whoever_the_address_says():
    ours = Credentials(username="git", identity="key", known_hosts="h")
    assert submodules.credentials("ssh://git@h/r", ours, "ssh://hg@h/lib").username == "hg"
    with pytest.raises(errors.InvalidCredentials):
        submodules.credentials("ssh://git@h/r", ours, "ssh://git@g/lib")
