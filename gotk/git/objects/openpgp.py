"""Signatures by OpenPGP keys, as Git stores them in a commit or a tag.

Answers to `spec.git.commit.signingKey` of type `gpg`: an armored key ring with exactly one entity; and to
`spec.verify`, over key rings of any number. Sequoia signs and verifies inside this process, in a millisecond: there is
no gpg to start, no agent to end, and no key ring on a disk. A key that has expired or was revoked verifies nothing any
more, as in Flux, whenever the signature was made.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pysequoia

from gotk.git.errors import InvalidSigningKey, Unverified

#: Finds the key, of several files of them, that made a signature of a payload, and returns its id.
Verify = Callable[[bytes, bytes, Sequence[bytes]], str]

_V4_FINGERPRINT = 40
_ARMOR = b"-----BEGIN PGP"


class Locked(Exception):
    """The key is encrypted and no passphrase was given."""


class SeveralKeys(Exception):
    """There is more than one key to choose from."""


def signer(armored: bytes, passphrase: str | None) -> Callable[[bytes], str]:
    """Return what makes the armored signature of a commit's bytes.

    Unlocking a key takes a third of a second. Raises Locked, SeveralKeys, and InvalidSigningKey.
    """
    unlocked = _unlock(_only(armored), passphrase)

    def sign(content: bytes) -> str:
        try:
            signature = pysequoia.sign(unlocked, content, mode=pysequoia.SignatureMode.DETACHED)
        except RuntimeError as error:
            raise InvalidSigningKey(_first_line(error)) from None
        return bytes(signature).decode("ascii")

    return sign


def _only(armored: bytes) -> bytes:
    try:
        entities = pysequoia.Cert.split_bytes(armored)
    except RuntimeError as error:
        raise InvalidSigningKey(f"it is not an armored OpenPGP key ({_first_line(error)})") from None
    if len(entities) > 1:
        raise SeveralKeys
    if not entities:
        raise InvalidSigningKey("it is empty")
    return armored


def _unlock(armored: bytes, passphrase: str | None) -> pysequoia.PySigner:
    try:
        key = pysequoia.Tsk.from_bytes(armored)
    except RuntimeError as error:
        raise InvalidSigningKey(f"it is not an armored OpenPGP key ({_first_line(error)})") from None
    try:
        return key.signer()  # a key that is not encrypted needs no passphrase, whatever the secret holds
    except RuntimeError as error:
        if "is encrypted" not in str(error):
            cause = f"it holds no private key that may sign ({_first_line(error)})"
            raise InvalidSigningKey(f"{cause}; export it with `gpg --export-secret-keys --armor`") from None
    if not passphrase:
        raise Locked
    try:
        return key.signer(passphrase)
    except RuntimeError:
        raise InvalidSigningKey("the passphrase does not fit") from None


def verify(signature: bytes, payload: bytes, rings: Sequence[bytes]) -> str:
    """Return the long id of the primary key that an armored signature is of. Raises Unverified."""
    certificates = _certificates(rings)
    try:
        parsed = pysequoia.Sig.from_bytes(signature)
        found = pysequoia.verify(payload, store=lambda _: certificates, signature=parsed)
    except RuntimeError:
        raise _no_match() from None
    signers = {signature.certificate for signature in found.valid_sigs}
    for certificate in certificates:
        if certificate.fingerprint in signers and _is_alive(certificate):
            return _long_id(certificate.fingerprint)
    raise _no_match()


def _certificates(rings: Sequence[bytes]) -> list[pysequoia.Cert]:
    """Read what can be read of the rings. Raises Unverified where none can be."""
    found: list[pysequoia.Cert] = []
    problems: list[str] = []
    for ring in rings:
        try:
            if _ARMOR not in ring:
                raise RuntimeError("openpgp: invalid argument: no armored data found")  # noqa: TRY301 - as the others
            found += pysequoia.Cert.split_bytes(ring)
        except RuntimeError as error:
            problems.append(_first_line(error))
    if len(problems) == len(rings):
        raise Unverified(f"unable to read armored key ring: {problems[0]}")
    return found


def _is_alive(certificate: pysequoia.Cert) -> bool:
    expires = certificate.expiration
    return not certificate.is_revoked and (expires is None or expires > datetime.now(UTC))


def _long_id(fingerprint: str) -> str:
    """Return a key's id: the end of a version 4 fingerprint, and the beginning of a longer one."""
    return (fingerprint[-16:] if len(fingerprint) == _V4_FINGERPRINT else fingerprint[:16]).upper()


def _no_match() -> Unverified:
    return Unverified("unable to verify payload with any of the given key rings: no matching key")


def _first_line(error: RuntimeError) -> str:
    """Return what Sequoia says, without the stack that follows."""
    return str(error).partition("\n")[0]
