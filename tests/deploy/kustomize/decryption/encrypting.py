"""Encrypted documents for tests, made by the real sops for keys of the tests' own."""

import os
import subprocess
import tempfile
from pathlib import Path

import pyrage
import pysequoia
import pytest

from deploy.kustomize.decryption import sops
from deploy.kustomize.decryption.formats import Format

try:
    SOPS = sops.find_command()
except FileNotFoundError:
    SOPS = ""

needs_sops = pytest.mark.skipif(not SOPS, reason="sops is not installed")

_IDENTITY = pyrage.x25519.Identity.generate()
#: The key that encrypted documents here are for, and one that nothing is for.
AGE_KEY = str(_IDENTITY)
RECIPIENT = str(_IDENTITY.to_public())
OTHER_KEY = str(pyrage.x25519.Identity.generate())

SECRET = """apiVersion: v1
kind: Secret
metadata:
  name: s
stringData:
  password: hunter2-is-not-told
  port: "5432"
"""


def encrypt(text: str | bytes, kind: Format = "yaml", *options: str, recipient: str = RECIPIENT) -> bytes:
    """Encrypt a document for an age recipient."""
    return _run(text, kind, f"--age={recipient}", *options)


def manifest(text: str = SECRET) -> str:
    """Encrypt the data of a Secret, as is usual for a manifest."""
    return encrypt(text, "yaml", "--encrypted-regex=^(data|stringData)$").decode()


def encrypt_pgp(text: str | bytes, key: "pysequoia.Tsk", kind: Format = "yaml") -> bytes:
    """Encrypt a document for an OpenPGP key."""
    certificate = key.extract_certificate()
    with tempfile.TemporaryDirectory() as home:
        Path(home, "pubring.gpg").write_bytes(bytes(certificate))
        return _run(text, kind, f"--pgp={certificate.fingerprint.upper()}", home=home)


def _run(text: str | bytes, kind: Format, *options: str, home: str = "/nonexistent") -> bytes:
    given = text.encode() if isinstance(text, str) else text
    formats = (f"--input-type={kind}", f"--output-type={kind}")
    return subprocess.run(
        [SOPS, "--encrypt", "--config=/dev/null", *options, *formats, "/dev/stdin"],
        input=given, capture_output=True, check=True, env={"HOME": home, "GNUPGHOME": home, "PATH": os.defpath},
    ).stdout  # fmt: skip
