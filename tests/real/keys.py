"""Keys to sign with, and the real `git verify-commit` to ask about the result.

gpg keys come from the real gpg, in a home of its own below the given directory; SSH keys from `cryptography`.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.real import child

PERSON = "bot@example.com"

SSH: dict[str, Callable[[], serialization.SSHPrivateKeyTypes]] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ecdsa p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ecdsa p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
}


def pem(key: serialization.SSHPrivateKeyTypes, form: str = "OpenSSH", passphrase: bytes | None = None) -> bytes:
    """Write a private key in one of `cryptography`'s forms: OpenSSH, PKCS8, TraditionalOpenSSL."""
    sealed = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), sealed)


def public(key: serialization.SSHPrivateKeyTypes) -> str:
    """Write a public key on one line."""
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return line.decode()


def fingerprint(key: serialization.SSHPrivateKeyTypes, file: Path) -> str:
    """Ask the real ssh-keygen for a key's fingerprint; `file` is where it is written to."""
    file.write_text(public(key))
    command = [child.program("ssh-keygen"), "-l", "-f", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[1]


class Signer:
    """The real git, with the real gpg or ssh-keygen behind it, at work in a repository."""

    def __init__(self, repository: Path, *, gpg: "Gpg | None" = None, ssh: bytes = b"") -> None:
        """Sign with gpg's key of PERSON, or with an SSH key."""
        child.program("ssh-keygen" if ssh else "gpg")
        self._git = child.program("git")
        self._repository = repository
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(repository), "GIT_CONFIG_NOSYSTEM": "1"}
        key = PERSON
        if gpg is not None:
            self._environment["GNUPGHOME"] = str(gpg.home)
        if ssh:
            file = repository / "identity"
            file.write_bytes(ssh)
            file.chmod(0o600)
            key = str(file)
        self._options = {
            "user.name": "Bot",
            "user.email": PERSON,
            "user.signingKey": key,
            "gpg.format": "ssh" if ssh else "openpgp",
        }

    def run(self, *arguments: str) -> str:
        """Run git and return what it prints."""
        options = [part for pair in self._options.items() for part in ("-c", "=".join(pair))]
        command = [self._git, "-C", str(self._repository), *options, *arguments]
        return subprocess.run(command, capture_output=True, env=self._environment, check=True, text=True).stdout.strip()

    def commit(self, branch: str = "main") -> str:
        """Sign a commit of the branch's tree on top of the branch."""
        made = self.run("commit-tree", "-S", "-p", branch, "-m", "Signed\n\nBody", f"{branch}^{{tree}}")
        self.run("update-ref", f"refs/heads/{branch}", made)
        return made

    def tag(self, name: str, what: str = "main") -> str:
        """Sign a tag and return the id of its object."""
        self.run("tag", "-s", "-m", "A tag\n\n-----\nnot a signature", name, what)
        return self.run("rev-parse", f"refs/tags/{name}")


class Gpg:
    """The real gpg with a key ring of its own."""

    def __init__(self, home: Path) -> None:
        self._program = child.program("gpg")
        self.home = home
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / "gpg-agent.conf").write_text("s2k-count 65536\n")  # what a passphrase costs is not tested

    def key(self, name: str = PERSON, algorithm: str = "ed25519", passphrase: str = "") -> bytes:
        """Make a key that signs and return it with its secret part."""
        self.run("--passphrase", passphrase, "--quick-gen-key", name, algorithm, "sign", "never")
        return self.export(name, passphrase)

    def export(self, name: str = "", passphrase: str = "") -> bytes:
        """Return the secret keys of that name, armored."""
        return self.run("--passphrase", passphrase, "--armor", "--export-secret-keys", *([f"={name}"] if name else []))

    def run(self, *arguments: str) -> bytes:
        """Run gpg without asking anybody."""
        command = [self._program, "--homedir", str(self.home), "--batch", "--pinentry-mode", "loopback", *arguments]
        return subprocess.run(command, capture_output=True, check=True).stdout

    def close(self) -> None:
        """End the agent that gpg leaves behind in its home."""
        subprocess.run(["gpgconf", "--homedir", str(self.home), "--kill", "all"], check=False)


def verify(repository: Path, commit: str, *, gpg: Gpg | None = None, signers: Path | None = None) -> str:
    """Ask the real git about a commit's signature; returns what it says, an empty text if it is not good."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(repository), "GIT_CONFIG_NOSYSTEM": "1"}
    if gpg is not None:
        environment["GNUPGHOME"] = str(gpg.home)
    allowed = ["-c", f"gpg.ssh.allowedSignersFile={signers}"] if signers else []
    command = [child.program("git"), "-C", str(repository), *allowed, "verify-commit", "--raw", commit]
    ended = subprocess.run(command, capture_output=True, env=environment, check=False)
    return ended.stderr.decode("utf-8", "replace") if ended.returncode == 0 else ""
