"""Git over SSH from OpenSSH's sshd, with host and user keys of its own.

with git_ssh.serve(tmp_path) as server:
    server.create("fleet.git")          # a bare repository in server.root
    server.url("fleet.git")             # ssh://<user>@127.0.0.1:<port>/.../fleet.git
    server.secret                       # {"identity": ..., "known_hosts": ...}
    server.foreign_known_hosts          # a line for this address with another key
    server.authorize(key)               # let another key in
    server.logins                       # how often anybody was let in
"""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pygit2
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.real import child, keys


@dataclass(frozen=True)
class Server:
    """A running server; repositories are the bare ones below `root`."""

    port: int
    root: Path
    user: str
    identity: str
    host_key: str
    authorized: Path
    pid: int

    @property
    def logins(self) -> int:
        """How often anybody was let in so far."""
        return self.authorized.with_name("log").read_text().count("Accepted publickey")

    def create(self, name: str) -> Path:
        """Make an empty bare repository whose default branch is main."""
        path = self.root / name
        pygit2.init_repository(str(path), bare=True, initial_head="main")
        return path

    def url(self, name: str) -> str:
        """The address of a repository."""
        return f"ssh://{self.user}@127.0.0.1:{self.port}{self.root}/{name}"

    def authorize(self, key: serialization.SSHPrivateKeyTypes) -> None:
        """Let a key in."""
        with self.authorized.open("a") as file:
            file.write(keys.public(key) + "\n")

    @property
    def known_hosts(self) -> str:
        """The line of `known_hosts` for this server."""
        return f"[127.0.0.1]:{self.port} {self.host_key}\n"

    @property
    def foreign_known_hosts(self) -> str:
        """A line for this server's address with a key that is not its own."""
        return f"[127.0.0.1]:{self.port} {keys.public(ed25519.Ed25519PrivateKey.generate())}\n"

    @property
    def secret(self) -> dict[str, bytes]:
        """The data of a secret that is let in."""
        return {"identity": self.identity.encode(), "known_hosts": self.known_hosts.encode()}


@contextmanager
def serve(
    directory: Path, *, host: serialization.SSHPrivateKeyTypes | None = None, settings: str = "", port: int = 0
) -> Iterator[Server]:
    """Serve the bare repositories below `directory/repositories` to the user who runs the tests; `port` 0 is any."""
    sshd = child.program("sshd")
    child.program("git-upload-pack")
    home = directory / "git-ssh"
    root = directory / "repositories"
    for path in (home, root):
        path.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd gives up its privileges
    host, user = host or ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    host_key = home / "host_key"
    host_key.touch(mode=0o600)
    host_key.write_bytes(keys.pem(host))
    authorized = home / "authorized_keys"
    authorized.write_text(keys.public(user) + "\n")
    port = port or child.free_port()
    configuration = home / "sshd_config"
    configuration.write_text(
        f"""
Port {port}
ListenAddress 127.0.0.1
HostKey {host_key}
PidFile {home}/sshd.pid
AuthorizedKeysFile {authorized}
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
{settings}
"""
    )
    with child.running([sshd, "-D", "-e", "-f", str(configuration)], log=home / "log", port=port) as pid:
        yield Server(port, root, getpass.getuser(), private(user), keys.public(host), authorized, pid)


def private(key: ed25519.Ed25519PrivateKey) -> str:
    """Print a private key as OpenSSH does."""
    return keys.pem(key).decode()
