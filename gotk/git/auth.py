"""Credentials of a Git remote, made of a secret's values.

Answers to `fluxcd/pkg/git` AuthOptions: `bearerToken`, or else `username` and `password`, for HTTP; `identity`,
`known_hosts` and `password` (the key's passphrase) for SSH; `ca.crt` for a private certificate authority, `tls.crt` and
`tls.key` for a client certificate. Values never reach a repr.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import ssh

from gotk.git import url as urls
from gotk.git.errors import InvalidCredentials

_SHORTEST_SECRET = 4  # what is shorter stands in any text by chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who we are to the remote, whom we take it for, and which proxy leads there. The default is anonymous.

    `certificate` and `key` are a TLS client's, `proxy` is an address with its credentials in it.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    bearer_token: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)
    known_hosts: str = field(default="", repr=False)
    ca: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    proxy: str = field(default="", repr=False)

    def redact(self, text: str) -> str:
        """Take our secrets out of what somebody else said."""
        secrets = (self.bearer_token, self.password, self.passphrase, unquote(urlsplit(self.proxy).password or ""))
        for secret in secrets:
            text = text.replace(secret, "xxxxx") if len(secret) >= _SHORTEST_SECRET else text
        return text


ANONYMOUS = Credentials()


def from_secret(url: str, data: Mapping[str, bytes], *, name: str = "") -> Credentials:
    """Read the keys that the address's transport needs; `name` (`namespace/name`) is the secret's, for messages.

    Raises InvalidUrl, and InvalidCredentials that names the key which is missing or wrong.
    """
    address = urls.parse(url)
    texts = {key: _text(key, value, name) for key, value in data.items() if key in _KEYS}
    if address.scheme == "ssh":
        return _ssh(address, texts, name)
    if address.scheme in {"http", "https"}:
        return _http(address, texts, name)
    return ANONYMOUS


def from_url(url: str) -> Credentials:
    """Read the credentials that an address without a secret brings along."""
    address = urls.parse(url)
    if address.scheme == "ssh":
        raise InvalidCredentials("invalid 'ssh' auth option: 'identity' is required")
    if address.scheme == "file":
        return ANONYMOUS
    username, password = _user(address, "", "")
    return Credentials(username=username, password=password)


_KEYS = frozenset(
    {
        *("username", "password", "bearerToken", "identity", "known_hosts"),
        *("ca.crt", "caFile", "tls.crt", "certFile", "tls.key", "keyFile"),
    }
)


def _text(key: str, value: bytes, name: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidCredentials(f"'{key}' of the secret '{name}' is not UTF-8 text") from None


def _http(address: urls.Url, texts: Mapping[str, str], name: str) -> Credentials:
    token, username, password = texts.get("bearerToken", "").strip(), "", ""
    if not token:
        username, password = _user(address, texts.get("username", ""), texts.get("password", ""))
    if any(c in username + password + token for c in "\r\n\0"):
        raise InvalidCredentials(f"a credential in the secret '{name}' holds a line break; write it without one")
    authority = texts.get("ca.crt") or texts.get("caFile") or ""
    if authority:
        _check_authority(authority, name)
    certificate, key = _client(texts, name)
    return Credentials(
        username=username, password=password, bearer_token=token, ca=authority, certificate=certificate, key=key
    )


def _user(address: urls.Url, username: str, password: str) -> tuple[str, str]:
    """Choose user and password, each one the secret's or else the address's, as `fluxcd/pkg/git` does."""
    username, password = username or address.user, password or address.password
    if password and not username:
        raise InvalidCredentials(f"invalid '{address.scheme}' auth option: 'password' requires 'username' to be set")
    return username, password


def _client(texts: Mapping[str, str], name: str) -> tuple[str, str]:
    """Read a client's certificate and key, which come together or not at all and fit each other."""
    certificate = texts.get("tls.crt") or texts.get("certFile") or ""
    key = texts.get("tls.key") or texts.get("keyFile") or ""
    if bool(certificate) != bool(key):
        there, missing = ("tls.crt", "tls.key") if certificate else ("tls.key", "tls.crt")
        raise InvalidCredentials(f"secret '{name}' contains '{there}' but missing '{missing}'")
    if not certificate:
        return "", ""
    try:
        public = x509.load_pem_x509_certificate(certificate.encode()).public_key()
        private = serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidCredentials(
            f"'tls.crt' and 'tls.key' of the secret '{name}' must be a PEM certificate and its PEM key, not encrypted"
        ) from None
    if private.public_key() != public:
        raise InvalidCredentials(f"'tls.key' of the secret '{name}' is not the key of 'tls.crt'")
    return certificate, key


def _check_authority(pem: str, name: str) -> None:
    try:
        x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise InvalidCredentials(f"'ca.crt' of the secret '{name}' holds no PEM certificate") from None


def _ssh(address: urls.Url, texts: Mapping[str, str], name: str) -> Credentials:
    for key in ("identity", "known_hosts"):
        if not texts.get(key, "").strip():
            raise InvalidCredentials(f"invalid 'ssh' auth option: '{key}' is required")
    identity, passphrase = _unlocked(texts["identity"], texts.get("password", ""), name)
    return Credentials(
        username=address.user or "git", identity=identity, passphrase=passphrase, known_hosts=texts["known_hosts"]
    )


def _unlocked(identity: str, passphrase: str, name: str) -> tuple[str, str]:
    """Return the key with what still locks it: a wrong one fails here, with its cause and not the server's refusal.

    Unlocking costs up to half a second, and is done once instead of in every conversation.
    """
    openssh = "OPENSSH PRIVATE KEY" in identity
    load = ssh.load_ssh_private_key if openssh else serialization.load_pem_private_key
    try:
        if "PRIVATE KEY" not in identity:
            raise ValueError  # noqa: TRY301 - the same answer as below
        load(identity.encode(), None)
    except UnsupportedAlgorithm:
        return identity, passphrase  # the transport has algorithms of its own
    except TypeError:
        return _opened(identity, passphrase, load, name)
    except ValueError:
        raise InvalidCredentials(
            f"invalid 'ssh' auth option: 'identity' of the secret '{name}' is not a private key"
        ) from None
    return identity, ""


def _opened(identity: str, passphrase: str, load: Callable[..., Any], name: str) -> tuple[str, str]:
    if not passphrase:
        raise InvalidCredentials(
            f"SSH identity key is encrypted but no 'password' field was provided in the secret '{name}'"
        )
    try:
        key = load(identity.encode(), passphrase.encode())
    except UnsupportedAlgorithm:
        return identity, passphrase
    except ValueError:
        raise InvalidCredentials(f"'password' of the secret '{name}' does not open 'identity'") from None
    form = serialization.PrivateFormat.OpenSSH
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode(), ""
