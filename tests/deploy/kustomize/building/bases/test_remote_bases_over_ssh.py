"""Remote bases over SSH: OpenSSH's own server, the real kustomize beside ours, and whose keys are used."""

import asyncio
import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.kustomize.building.bases import address, remote, ssh
from tests.deploy.kustomize import sources
from tests.deploy.kustomize.building.bases import far
from tests.real import child, git_ssh, keys

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not far.COMMAND, reason="neither kustomize nor kubectl is installed"),
]

HOSTS = frozenset({"127.0.0.1"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[git_ssh.Server]:
    with git_ssh.serve(tmp_path_factory.mktemp("far")) as running:
        part = running.create("part.git")
        parts = {"kustomization.yaml": "resources: [cm.yaml]", "cm.yaml": sources.config_map("part")}
        of_part = far.commit(part, parts)
        base = running.create("base.git")
        modules = '[submodule "part"]\n\tpath = vendor/part\n\turl = ../part.git\n'
        files = {
            ".gitmodules": modules,
            "app/kustomization.yaml": kustomization(resources=["cm.yaml", "../vendor/part", "link.yaml"]),
            "app/cm.yaml": sources.config_map("app"),
            "app/deep/cm.yaml": sources.config_map("linked"),
            "alone/kustomization.yaml": kustomization(resources=["cm.yaml"], namePrefix="alone-"),
            "alone/cm.yaml": sources.config_map(),
        }
        links, submodules = {"app/link.yaml": "deep/cm.yaml"}, {"vendor/part": of_part}
        far.commit(base, files, links=links, submodules=submodules, tag="v1")
        far.commit(base, {**files, "app/cm.yaml": sources.config_map("newer")}, links=links, submodules=submodules)
        yield running


@pytest.fixture
def files(server: git_ssh.Server, tmp_path: Path) -> ssh.Keys:
    given = ssh.Keys(tmp_path / "known_hosts", tmp_path / "identity")
    assert given.known_hosts
    assert given.identity
    given.known_hosts.write_text(server.known_hosts)
    given.identity.write_text(server.identity)
    given.identity.chmod(0o600)
    return given


@pytest.fixture
async def builds(files: ssh.Keys, tmp_path: Path) -> AsyncIterator[far.Builds]:
    async with far.builds(tmp_path, hosts=HOSTS, keys=files) as builds:
        yield builds


def kustomization(**fields: Any) -> str:
    return json.dumps(fields)


def by_kustomize(files: dict[str, str], directory: Path, known: ssh.Keys) -> str:
    """Return what kustomize builds by itself, with git and ssh behind it."""
    root = sources.write(directory / "peer", files)
    command = f"ssh -F none -i {known.identity} -o UserKnownHostsFile={known.known_hosts} -o IdentitiesOnly=yes"
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(directory), "TMPDIR": str(directory), "GIT_SSH_COMMAND": command,
    }  # fmt: skip
    child.program("git")
    arguments = [*far.COMMAND, root, "--load-restrictor=LoadRestrictionsNone"]
    ended = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize(
    "query",
    [
        "//app?ref=v1",
        "//app?ref=tags/v1",
        "//app?ref=HEAD",
        "//app",
        "/app?timeout=50s",
        "//alone?ref=main&submodules=false",
    ],
)
async def test_a_base_is_built_as_kustomize_builds_it(
    server: git_ssh.Server, builds: far.Builds, files: ssh.Keys, tmp_path: Path, query: str
) -> None:
    for prefix in ("", "git::"):
        named = {"kustomization.yaml": kustomization(resources=[f"{prefix}{server.url('base.git')}{query}"])}
        built = await builds.build(named)
        assert built.text == by_kustomize(named, tmp_path, files)
        assert built.text.count("kind: ConfigMap") == (1 if "alone" in query else 3)


async def test_a_commit_that_is_no_tip_any_more_is_found(server: git_ssh.Server, builds: far.Builds) -> None:
    repository = server.create("moved.git")
    pinned = far.commit(
        repository, {"kustomization.yaml": "resources: [cm.yaml]", "cm.yaml": sources.config_map("old")}
    )
    far.commit(repository, {"kustomization.yaml": "resources: []"})
    named = {"kustomization.yaml": kustomization(resources=[f"{server.url('moved.git')}?ref={pinned}"])}
    assert await builds.names(named) == ["old"]


async def test_a_key_that_is_given_anew_is_used(server: git_ssh.Server, builds: far.Builds, files: ssh.Keys) -> None:
    named = {"kustomization.yaml": kustomization(resources=[f"{server.url('base.git')}//app"])}
    assert files.identity
    files.identity.write_bytes(keys.pem(keys.SSH["ed25519"]()))
    assert (await builds.refusal(named)).endswith("the server does not take the key of --remote-bases-identity")
    files.identity.write_text(server.identity)
    assert len(await builds.names(named)) == 3


async def test_only_files_for_bases_are_used(
    server: git_ssh.Server, files: ssh.Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the key nor the configuration of the user, nor an agent."""
    home = tmp_path / "home" / ".ssh"
    home.mkdir(parents=True, mode=0o700)
    (home / "known_hosts").write_text(server.known_hosts)
    key = home / "id_ed25519"
    key.write_text(server.identity)
    key.chmod(0o600)
    (home / "config").write_text(f"Host *\n  IdentityFile {key}\n")
    monkeypatch.setenv("HOME", str(home.parent))
    named = {"kustomization.yaml": kustomization(resources=[f"{server.url('base.git')}//app"])}
    sock = tmp_path / "agent"
    with child.running([child.program("ssh-agent"), "-D", "-a", str(sock)], log=tmp_path / "log", path=sock):
        monkeypatch.setenv("SSH_AUTH_SOCK", str(sock))
        added = await asyncio.create_subprocess_exec("ssh-add", "-q", str(key))
        assert await added.wait() == 0
        async with far.builds(tmp_path, hosts=HOSTS, keys=ssh.Keys(files.known_hosts)) as builds:
            said = await builds.refusal(named)
    assert said.endswith("the server wants a key: give one for remote bases with --remote-bases-identity")


async def test_a_server_whose_key_is_not_in_the_file_gets_none(
    server: git_ssh.Server, builds: far.Builds, files: ssh.Keys
) -> None:
    named = {"kustomization.yaml": kustomization(resources=[f"{server.url('base.git')}//app"])}
    assert files.known_hosts
    files.known_hosts.write_text(server.foreign_known_hosts)
    assert (await builds.refusal(named)).endswith("the server's key is not in the file of --remote-bases-known-hosts")


async def test_what_is_not_given_is_told_by_its_flag(server: git_ssh.Server, files: ssh.Keys, tmp_path: Path) -> None:
    named = {"kustomization.yaml": kustomization(resources=[f"{server.url('base.git')}//app"])}
    known = "give its host key with --remote-bases-known-hosts"
    for number, (hosts, given, told) in enumerate(
        (
            (frozenset[str](), ssh.Keys(), f"or add 127.0.0.1 there, and {known}"),
            (frozenset[str](), files, "not of a host that --remote-bases allows"),
            (
                HOSTS,
                ssh.Keys(),
                f"is remote and over SSH: keep a copy in the source, use its https address, and {known}",
            ),
            (HOSTS, ssh.Keys(tmp_path / "none"), "--remote-bases-known-hosts: "),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with far.builds(folder, hosts=hosts, keys=given) as builds:
            said = await builds.refusal(named)
        assert told in said, said


@pytest.mark.parametrize(
    ("url", "told"),
    {
        "ssh://git@elsewhere.example/part.git": "not of a host that --remote-bases allows",
        "file:///etc": "file addresses are for the embedded mode only",
        "ext::sh -c id": "it holds a space or control character",
        "https://127.0.0.1\\\\@elsewhere.example/part": "add elsewhere.example there",
        "https://xn--/part": "add xn-- there",
        "https://127.0.0.1/\udc80": "it is no UTF-8",
        "http://127.0.0.1/part.git": "is neither an https nor an ssh address",
        "../none.git": "submodule 'x': unable to clone",
    }.items(),
)
async def test_a_submodule_comes_from_where_bases_may_come_from(
    server: git_ssh.Server, builds: far.Builds, url: str, told: str
) -> None:
    name = f"of-{told.rsplit(maxsplit=1)[-1]}.git"
    modules = f'[submodule "x"]\n\tpath = x\n\turl = {url}\n'
    files = {".gitmodules": modules, "kustomization.yaml": "resources: [x]"}
    far.commit(server.create(name), files, submodules={"x": "0" * 39 + "1"})
    said = await builds.refusal({"kustomization.yaml": kustomization(resources=[server.url(name)])})
    assert told in said, said


async def test_submodules_that_lead_on_and_on_end_somewhere(server: git_ssh.Server, builds: far.Builds) -> None:
    modules = "".join(f'[submodule "{each}"]\n\tpath = {each}\n\turl = ../part.git\n' for each in range(201))
    part = far.commit(server.create("one.git"), {"kustomization.yaml": "resources: []"})
    server.create("many.git")
    modules = modules.replace("part.git", "one.git")
    far.commit(server.root / "many.git", {".gitmodules": modules}, submodules={str(each): part for each in range(201)})
    said = await builds.refusal({"kustomization.yaml": kustomization(resources=[server.url("many.git")])})
    assert said.endswith("there are more than 200 submodules")


async def test_a_list_of_submodules_may_be_too_long(server: git_ssh.Server, builds: far.Builds) -> None:
    far.commit(server.create("long.git"), {".gitmodules": "#\n" * 600_000})
    said = await builds.refusal({"kustomization.yaml": kustomization(resources=[server.url("long.git")])})
    assert said.endswith("'.gitmodules' is larger than 1048576 bytes"), said


async def test_a_link_that_leads_elsewhere_is_nothing(server: git_ssh.Server, builds: far.Builds) -> None:
    repository = server.create("links.git")
    targets = {"out.yaml": "../../../etc/passwd", "abs.yaml": "/app/cm.yaml", "self.yaml": "self.yaml", "dir": "app"}
    far.commit(repository, {"app/cm.yaml": sources.config_map()}, links=targets)
    commit = await builds.bases.fetch(address.parse(server.url("links.git")), timeout=60)
    assert [commit.kind(each) for each in targets] == ["none"] * 4


async def test_a_server_that_says_nothing_is_given_up(builds: far.Builds, server: git_ssh.Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ssh://git@127.0.0.1:{silent.getsockname()[1]}/a/b?timeout=1"
        said = await builds.refusal({"kustomization.yaml": kustomization(resources=[url])})
    assert "failed to fetch remote base" in said


BAD = {
    "no key": (b"-----BEGIN PRIVATE KEY-----", "is not a private key"),
    "a key under a passphrase": (keys.pem(keys.SSH["rsa"](), passphrase=b"secret"), "is encrypted: give a key without"),
    "no text": (b"\xff", "is no text of at most"),
}


@pytest.mark.parametrize(("content", "told"), BAD.values(), ids=BAD)
def test_a_file_that_holds_no_key_is_told(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "identity").write_bytes(content)
    with pytest.raises(remote.FetchError) as raised:
        ssh.Keys(None, tmp_path / "identity").credentials()
    assert str(raised.value).startswith(f"--remote-bases-identity: '{tmp_path / 'identity'}' {told}")


async def test_a_submodule_without_a_user_is_asked_for_as_git(server: git_ssh.Server, builds: far.Builds) -> None:
    part = server.url("part.git")
    url = part.replace(part[len("ssh://") : part.index("@") + 1], "")
    modules = f'[submodule "x"]\n\tpath = x\n\turl = {url}\n'
    files = {".gitmodules": modules, "kustomization.yaml": "resources: [x]"}
    far.commit(server.create("of-nobody.git"), files, submodules={"x": "0" * 39 + "1"})
    said = await builds.refusal({"kustomization.yaml": kustomization(resources=[server.url("of-nobody.git")])})
    assert said.endswith("the server does not take the key of --remote-bases-identity"), said  # who knows no git
