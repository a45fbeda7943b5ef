"""Who signs bootstrap's commits: an OpenPGP key ring, or an SSH key, named by flags."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gotk.git import errors
from image_automation.cli import output

if TYPE_CHECKING:
    from gotk.git.objects.commit import Sign


def signer(options: Mapping[str, Any]) -> "Sign | None":
    """Return what signs the commits; None where they stay unsigned. Raises Failure."""
    ring, key = options["gpg_key_ring"], options["ssh_signing_key_file"]
    if options["ssh_signing_reuse_private_key"]:
        if key:
            output.fail("--ssh-signing-reuse-private-key and --ssh-signing-key-file exclude each other: name one")
        key = options["private_key_file"]
        if not key:
            output.fail("--ssh-signing-reuse-private-key needs --private-key-file")
    if ring and key:
        output.fail("commits are signed with one key: name --gpg-key-ring or an SSH key")
    try:
        if ring:
            return _gpg(ring, options["gpg_passphrase"])
        if key:
            reused = options["ssh_signing_reuse_private_key"]
            return _ssh(key, options.get("password", "") if reused else options["ssh_signing_password"])
    except errors.InvalidSigningKey as error:
        output.fail(f"the signing key {ring or key} cannot be used: {error.message}")
    return None


def _gpg(file: str, passphrase: str) -> "Sign":
    from gotk.git.objects import openpgp  # noqa: PLC0415 - only needed to sign

    try:
        return openpgp.signer(_bytes(file), passphrase or None)
    except openpgp.SeveralKeys:
        output.fail(f"{file} holds several keys: export one alone with `gpg --export-secret-keys --armor KEY-ID`")
    except openpgp.Locked:
        output.fail(f"the signing key {file} is locked: name --gpg-passphrase")


def _ssh(file: str, passphrase: str) -> "Sign":
    from gotk.git.objects import sshsig  # noqa: PLC0415 - only needed to sign

    try:
        return sshsig.signer(sshsig.load(_bytes(file), passphrase.encode() or None))
    except sshsig.Locked:
        output.fail(f"the signing key {file} is locked: name --ssh-signing-password, or --password where it is reused")


def _bytes(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        output.fail(f"unable to read signing key: open {file}: {(error.strerror or '').lower()}")
