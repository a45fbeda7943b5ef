"""Git over SSH: a key is made, the server's own is asked for, and what comes of both opens the repository."""

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from gotk.api.source import GitRepository
from gotk.git import auth
from gotk.git.objects.seed import seed
from gotk.git.transport import remote
from gotk.git.transport.operation import ListReferences, Remote
from tests.image_automation.cli.test_cluster_verbs import Terminal, answer, ready, terminal
from tests.image_automation.cli.verbs.create.said import create, export
from tests.image_automation.cli.verbs.create.test_recipe import ARTIFACT, SHA
from tests.real import git_ssh, keys

__all__ = ["terminal"]
pytestmark = pytest.mark.real


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[git_ssh.Server]:
    with git_ssh.serve(tmp_path) as server:
        seed(server.root / "r.git", {"a": "1"})
        yield server


@pytest.mark.parametrize("algorithm", ["ecdsa", "rsa", "ed25519"])
async def test_a_source_gets_a_key_that_opens_its_repository(
    terminal: Terminal, sshd: git_ssh.Server, algorithm: str
) -> None:
    url = sshd.url("r.git")
    call = ("create", "source", "git", "fleet", f"--url={url}", "--branch=main", f"--ssh-key-algorithm={algorithm}")
    async with asyncio.TaskGroup() as group:
        status = {"artifact": ARTIFACT, "conditions": [ready("True", "stored artifact")]}
        group.create_task(answer(terminal.client, GitRepository, 1, status))
        made = await terminal.run(*call, stdin="y\n")
    secret = await terminal.client.get_object("v1", "Secret", "flux-system", "fleet")
    data = {key: base64.b64decode(value) for key, value in secret["data"].items()}
    public = data["identity.pub"].decode()
    assert (made.code, made.out) == (0, "")
    assert made.err.splitlines() == [
        "✚ generating GitRepository source",
        "✔ collected public key from SSH server:",
        sshd.known_hosts.strip(),
        f"✚ deploy key: {public.strip()}",
        "",
        "Have you added the deploy key to your repository [y/N]: ► applying secret with repository credentials",
        "✔ authentication configured",
        "► applying GitRepository source",
        "✔ GitRepository source created",
        "◎ waiting for GitRepository source reconciliation",
        "✔ GitRepository source reconciliation completed",
        f"✔ fetched revision: main@sha1:{SHA}",
    ]
    with sshd.authorized.open("a") as file:
        file.write(public)
    credentials = auth.from_secret(url, data, name="flux-system/fleet")
    listed = remote.list_references(ListReferences(remote=Remote(url=url, credentials=credentials, timeout=20)))
    assert listed.head == "refs/heads/main"


async def test_without_consent_nothing_is_made(terminal: Terminal, sshd: git_ssh.Server) -> None:
    call = ("create", "source", "git", "fleet", f"--url={sshd.url('r.git')}", "--branch=main")
    for stdin in ("n\n", ""):
        refused = await terminal.run(*call, stdin=stdin)
        assert (refused.code, refused.err.splitlines()[-1].rpartition("✗ ")[2]) == (1, "aborting")
    assert await terminal.client.list_objects("v1", "Secret", "flux-system") == []
    assert await terminal.client.list(GitRepository, "flux-system") == []


def test_a_key_that_is_there_is_taken_with_its_passphrase(
    sshd: git_ssh.Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = keys.SSH["ecdsa p256"]()
    file = tmp_path / "identity"
    file.write_bytes(keys.pem(key, passphrase=b"hush"))
    git = ("secret", "git", "auth", f"--url={sshd.url('r.git')}", f"--private-key-file={file}")
    said = export(capsys, *git, "--password=hush")
    lines = said.out.partition("stringData:\n")[2].splitlines()
    assert lines[0] == "  identity: |"
    assert lines[-4:] == [
        "  identity.pub: |", f"    {keys.public(key)}",
        f"  known_hosts: '{sshd.known_hosts.strip()}'", "  password: hush",
    ]  # fmt: skip
    wrong = create(capsys, *git, "--password=wrong")
    assert (wrong.code, wrong.err) == (
        1, f"✗ unable to read private key file: {file}: the passphrase does not open it\n"
    )  # fmt: skip


def test_a_server_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    said = create(capsys, "secret", "git", "auth", "--url=ssh://git@127.0.0.1:1/r.git", "--export")
    assert said.code == 1
    assert said.err.startswith("✗ SSH key scan for host 127.0.0.1:1 failed, error: ")
