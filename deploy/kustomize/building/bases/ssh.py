"""Who a remote base's SSH server is, and who we are there: files that the operator gives for bases, and nothing else.

No secret of an object is among them, and neither an agent, a configuration nor a key of whoever runs the service. They
are read whenever a base is fetched, so that a key may be replaced while the service runs.
"""

from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from deploy.kustomize.building.bases.remote import FetchError
from gotk.git.auth import Credentials

KNOWN_HOSTS, IDENTITY = "--remote-bases-known-hosts", "--remote-bases-identity"
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Keys:
    """A file of `known_hosts` lines, and one with a private key without a passphrase, where they are given."""

    known_hosts: Path | None = None
    identity: Path | None = None

    def credentials(self, user: str = "") -> Credentials:
        """Read the files, for a user of the server's, `git` where an address names none.

        Raises FetchError, which names the flag and the file and holds nothing of a key.
        """
        identity = _text(IDENTITY, self.identity)
        if identity:
            _check(identity, str(self.identity))
        return Credentials(username=user or "git", identity=identity, known_hosts=_text(KNOWN_HOSTS, self.known_hosts))


def _text(flag: str, file: Path | None) -> str:
    if file is None:
        return ""
    try:
        with file.open("rb") as opened:
            data = opened.read(_LARGEST + 1)
        if len(data) <= _LARGEST:
            return data.decode()
    except OSError as error:
        raise FetchError(f"{flag}: '{file}' cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        pass
    raise FetchError(f"{flag}: '{file}' is no text of at most {_LARGEST} bytes")


def _check(identity: str, file: str) -> None:
    openssh = "OPENSSH PRIVATE KEY" in identity
    load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
    try:
        load(identity.encode(), None)
    except UnsupportedAlgorithm:
        pass  # the transport has algorithms of its own
    except TypeError:
        raise FetchError(f"{IDENTITY}: '{file}' is encrypted: give a key without a passphrase") from None
    except ValueError:
        raise FetchError(f"{IDENTITY}: '{file}' is not a private key") from None
