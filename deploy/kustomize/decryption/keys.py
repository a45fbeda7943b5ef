"""The keys of a decryption Secret, read and checked: age identities, OpenPGP private keys, credentials of key services.

Answers to `ImportKeys` of kustomize-controller: what counts is how the Secret's keys are named. No message quotes a
value; the halves that are public, recipients and fingerprints, name the keys.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import pyrage
import pysequoia

from gotk import documents
from gotk.cloud import client_certificate
from gotk.cloud.cache import Subject
from gotk.cloud.client_certificate import BadCertificate

_AGE, _PGP = ".agekey", ".asc"
VAULT, AWS, AZURE, GCP = "sops.vault-token", "sops.aws-kms", "sops.azure-kv", "sops.gcp-kms"
SERVICES = frozenset({VAULT, AWS, AZURE, GCP})
#: Which fields of a service's credentials must be there, together.
_NEEDED: Mapping[str, Sequence[Sequence[str]]] = MappingProxyType(
    {
        AWS: [("aws_access_key_id", "aws_secret_access_key")],
        AZURE: [
            ("tenantId", "clientId", "clientSecret"),
            ("tenantId", "clientId", "clientCertificate"),
            ("tenant", "appId", "password"),
            ("clientId",),
        ],
        GCP: [("type",)],
    }
)
_BLOCK = re.compile(rb"-----BEGIN PGP PRIVATE KEY BLOCK-----\r?\n(.*?)-----END PGP PRIVATE KEY BLOCK-----", re.DOTALL)


class KeysError(ValueError):
    """Keys that cannot be had or used. The message says which, why and what to do, and never holds one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What decrypts: `holder` names the Secret, `names` the public halves of its keys.

    `services` are credentials of key services, by the name that they have in the Secret; where there are none, the
    `account` (namespace and name) is who is asked for, or this process where it is empty; `subject` is for whom.
    """

    holder: str = ""
    account: tuple[str, str] = ("", "")
    subject: Subject = Subject("Kustomization", "", "")  # noqa: RUF009 - a tuple
    services: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    names: tuple[str, ...] = ()
    age: bytes = field(default=b"", repr=False)
    pgp: bytes = field(default=b"", repr=False)

    @property
    def digest(self) -> str:
        """What a decrypted text depends on besides the encrypted one."""
        whole = hashlib.blake2b(digest_size=20)
        services = [part for name, value in sorted(self.services.items()) for part in (name.encode(), value)]
        for part in (self.age, self.pgp, *(text.encode() for text in self.account), *services):
            whole.update(len(part).to_bytes(8) + part)
        return whole.hexdigest()


def read(data: Mapping[str, bytes], holder: str) -> Keys:
    """Read every key of a Secret's data. Raises KeysError."""
    age, pgp = _Age(), _Pgp()
    for name, value in sorted(data.items()):
        try:
            if name.endswith(_AGE):
                age.add(value)
            elif name.endswith(_PGP):
                pgp.add(value)
            elif name in SERVICES:
                _check_service(name, value)
        except KeysError as error:
            raise KeysError(f"failed to import '{name}' data from sops decryption {holder}: {error}") from None
    services = {name: value for name, value in data.items() if name in SERVICES}
    names = (*age.names, *pgp.names)
    return Keys(holder=holder, names=names, age=bytes(age.text), pgp=bytes(pgp.ring), services=services)


def only_age(data: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return of a Secret's data what counts in one that serves all Kustomizations."""
    return {name: value for name, value in data.items() if name.endswith(_AGE)}


def fields(value: bytes) -> dict[str, str]:
    """Read credentials that are a mapping in YAML or JSON. Raises KeysError."""
    try:
        found = documents.load(value.decode("utf-8-sig"))
    except (UnicodeDecodeError, documents.DocumentError):
        raise KeysError("it is neither YAML nor JSON") from None
    if len(found) != 1 or not isinstance(found[0], dict):
        raise KeysError("it is no mapping")
    return {str(name): str(text) for name, text in found[0].items() if text is not None}


def _check_service(name: str, value: bytes) -> None:
    if name == VAULT:
        if not value.strip().isascii() or not value.strip():
            raise KeysError("it is no token")
        return
    given = fields(value)
    needed = _NEEDED[name]
    if text := given.get("clientCertificate"):
        try:
            client_certificate.parse(text.encode(), None)
        except BadCertificate as error:
            raise KeysError(f"'clientCertificate': {error}") from None
    if not any(all(given.get(name) for name in together) for together in needed):
        wanted = ", or ".join(" and ".join(together) for together in needed)
        raise KeysError(f"it lacks {wanted}")


class _Age:
    """age identities, one a line."""

    def __init__(self) -> None:
        self.text = bytearray()
        self.names: list[str] = []

    def add(self, value: bytes) -> None:
        for number, line in enumerate(_lines(value), start=1):
            if line.startswith("AGE-PLUGIN-"):
                raise KeysError(f"line {number} is the key of an age plugin, whose program is not run here")
            if line.startswith("AGE-SECRET-KEY-1"):
                self.names.append(_recipient(line, number))
            elif not line.startswith("AGE-SECRET-KEY-"):
                raise KeysError(f"line {number} is no age identity, write one AGE-SECRET-KEY-... a line")
            self.text += f"{line}\n".encode()


class _Pgp:
    """OpenPGP private keys, as a binary key ring."""

    def __init__(self) -> None:
        self.ring = bytearray()
        self.names: list[str] = []

    def add(self, value: bytes) -> None:
        blocks = _BLOCK.findall(value)
        if not blocks:
            raise KeysError("it holds no armored private key, export one with `gpg --export-secret-keys --armor`")
        for block in blocks:
            binary = _binary(block)
            self.names += _fingerprints(binary)
            self.ring += binary


def _lines(value: bytes) -> Iterable[str]:
    try:
        lines = [line.strip() for line in value.decode().splitlines()]
    except UnicodeDecodeError:
        raise KeysError("it is not text") from None
    return [line for line in lines if line and not line.startswith("#")]


def _recipient(line: str, number: int) -> str:
    try:
        return str(pyrage.x25519.Identity.from_str(line).to_public())
    except pyrage.IdentityError:
        raise KeysError(f"line {number} is no age identity: it is cut or mistyped") from None


def _binary(block: bytes) -> bytes:
    """Take the armor off: headers, an empty line, base64 with a checksum behind it."""
    lines = [line.strip() for line in block.splitlines()]
    body = lines[lines.index(b"") + 1 :] if b"" in lines else lines
    try:
        return base64.b64decode(b"".join(line for line in body if not line.startswith(b"=")), validate=True)
    except binascii.Error:
        raise KeysError("its armor is damaged") from None


def _fingerprints(binary: bytes) -> list[str]:
    try:
        entities = pysequoia.Cert.split_bytes(binary)
        if len(entities) == 1:
            pysequoia.Tsk.from_bytes(binary).decryptor()
    except RuntimeError as error:
        if "is encrypted" in str(error):
            raise KeysError("the key is protected by a passphrase, export it without one") from None
        raise KeysError(f"it holds no key to decrypt with: {str(error).partition(chr(10))[0]}") from None
    return [entity.fingerprint.upper() for entity in entities]
