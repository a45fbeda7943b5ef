"""Signatures by OpenPGP keys, as Git stores them in a commit.

Answers to `spec.git.commit.signingKey` of type `gpg`: an armored key ring with exactly one entity. Sequoia signs inside
this process, in a millisecond: there is no gpg to start, no agent to end, and no key ring on a disk.
"""

from collections.abc import Callable

import pysequoia

from gotk.git.errors import InvalidSigningKey


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


def _first_line(error: RuntimeError) -> str:
    """Return what Sequoia says, without the stack that follows."""
    return str(error).partition("\n")[0]
