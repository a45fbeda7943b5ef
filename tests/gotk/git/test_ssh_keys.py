"""Every kind of SSH key, locked or not, of users and of hosts, on OpenSSH's own server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gotk.git import auth, errors
from gotk.git.objects.seed import seed
from gotk.git.transport import remote
from gotk.git.transport.operation import ListReferences, Remote
from tests.real import git_ssh, keys

MAIN = "refs/heads/main"
pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[git_ssh.Server]:
    with git_ssh.serve(tmp_path_factory.mktemp("sshd")) as server:
        seed(server.root / "r.git", {"a": "1"})
        yield server


def head(server: git_ssh.Server, **secret: bytes) -> str:
    url = server.url("r.git")
    credentials = auth.from_secret(url, {**server.secret, **secret}, name="apps/git")
    return remote.list_references(ListReferences(remote=Remote(url=url, credentials=credentials, timeout=20))).head


@pytest.mark.parametrize("passphrase", [pytest.param(None, id="open"), pytest.param("s3 crët", id="locked")])
@pytest.mark.parametrize(
    ("kind", "form"),
    [
        *((kind, "OpenSSH") for kind in keys.SSH),
        *((kind, "PKCS8") for kind in ("ed25519", "ecdsa p256", "rsa")),
        *((kind, "TraditionalOpenSSL") for kind in ("ecdsa p256", "rsa")),
    ],
)
def test_every_kind_of_key_is_let_in(sshd: git_ssh.Server, kind: str, form: str, passphrase: str | None) -> None:
    key = keys.SSH[kind]()
    sshd.authorize(key)
    locked = passphrase.encode() if passphrase else None
    assert head(sshd, identity=keys.pem(key, form, locked), **({"password": locked} if locked else {})) == MAIN


def test_a_wrong_passphrase_is_no_wrong_key(sshd: git_ssh.Server) -> None:
    locked = keys.pem(keys.SSH["ed25519"](), passphrase=b"right")
    with pytest.raises(errors.InvalidCredentials, match="'password' of the secret 'apps/git' does not open 'identity'"):
        head(sshd, identity=locked, password=b"wrong")


@pytest.mark.parametrize("kind", ["ecdsa p256", "ecdsa p384", "rsa"])
def test_every_kind_of_host_key_is_known(tmp_path: Path, kind: str) -> None:
    with git_ssh.serve(tmp_path, host=keys.SSH[kind]()) as server:
        seed(server.root / "r.git", {"a": "1"})
        assert head(server) == MAIN
        for foreign in (kind, "ed25519"):
            line = f"[127.0.0.1]:{server.port} {keys.public(keys.SSH[foreign]())}\n"
            with pytest.raises(errors.HostKeyMismatch):
                head(server, known_hosts=line.encode())
