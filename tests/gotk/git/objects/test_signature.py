"""Commits and tags taken apart from their signatures, and SSH signatures of every form, whole and damaged."""

import base64
import hashlib
import subprocess
from pathlib import Path

import pygit2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from gotk.git.errors import Unverified
from gotk.git.objects import signature, sshsig
from gotk.git.objects.seed import seed
from gotk.git.objects.signature import Keys, Signed
from tests.real import child, keys

KEY = ed25519.Ed25519PrivateKey.generate()
LISTED = keys.public(KEY).encode()


def string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def armored(
    public: bytes, raw: bytes, *, namespace: bytes = b"git", algorithm: bytes = b"sha512", more: bytes = b""
) -> bytes:
    strings = (public, namespace, b"", algorithm, raw)
    blob = b"SSHSIG\0\0\0\1" + b"".join(map(string, strings)) + more
    return b"-----BEGIN SSH SIGNATURE-----\n" + base64.encodebytes(blob) + b"-----END SSH SIGNATURE-----"


def to_sign(payload: bytes, algorithm: str = "sha512") -> bytes:
    digest = hashlib.new(algorithm, payload).digest()
    return b"SSHSIG" + b"".join(map(string, (b"git", b"", algorithm.encode(), digest)))


def test_a_commit_s_signature_is_folded_out_of_its_headers():
    rest = b"tree 1\nauthor a\n", b"committer c\n\nmessage\ngpgsig not a header\n"
    header = b"gpgsig -----BEGIN SSH SIGNATURE-----\n abc\n \n -----END SSH SIGNATURE-----\ngpgsig-sha256 x\n y\n"
    found = signature.of_commit(rest[0] + header + rest[1])
    assert found == Signed(b"".join(rest), b"-----BEGIN SSH SIGNATURE-----\nabc\n\n-----END SSH SIGNATURE-----")
    assert found.kind == "ssh"


def test_a_tag_s_signature_is_its_last_armored_block():
    sealed = b"-----BEGIN PGP SIGNATURE-----\nx\n-----END PGP SIGNATURE-----\n"
    body = b"object 1\ntag v1\n\nquotes\n" + sealed + b"more\n"
    assert signature.of_tag(body + sealed) == Signed(body, sealed)
    assert signature.of_tag(b"object 1\n\nno -----BEGIN PGP SIGNATURE-----\n").kind == "empty"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b"-----BEGIN SIGNED MESSAGE-----\n", "x509"),
        (b"-----BEGIN PGP MESSAGE-----\n", "unknown"),
        (b"", "empty"),
    ],
)
def test_other_signatures_are_called_by_their_kind(text: bytes, kind: str):
    with pytest.raises(Unverified, match=f"^unsupported signature type: {kind}$"):
        Keys(rings=(b"r",), authorized=(LISTED,)).verify(Signed(b"p", text), "commit")


@pytest.mark.real
def test_a_file_that_ssh_keygen_signed_with_sha_256_is_verified(tmp_path: Path):
    (tmp_path / "key").write_bytes(keys.pem(KEY))
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "payload").write_bytes(b"payload")
    command = [child.program("ssh-keygen"), "-Y", "sign", "-O", "hashalg=sha256", "-n", "git", "-f", "key", "payload"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    made = (tmp_path / "payload.sig").read_bytes()
    assert sshsig.verify(made, b"payload", [LISTED]) == keys.fingerprint(KEY, tmp_path / "public")
    with pytest.raises(Unverified, match=r"no matching key\nssh: signature did not verify$"):
        sshsig.verify(made, b"another", [LISTED])


def test_what_is_said_of_a_key_that_did_not_sign_is_what_go_says():
    key = keys.SSH["rsa"]()
    public = base64.b64decode(keys.public(key).split()[1])
    made = armored(public, string(b"rsa-sha2-512") + string(b"x" * 256))
    with pytest.raises(Unverified, match=r"no matching key\ncrypto/rsa: verification error$"):
        sshsig.verify(made, b"p", [keys.public(key).encode()])


def test_a_namespace_or_hash_of_another_use_is_refused():
    public = base64.b64decode(LISTED.split()[1])
    raw = string(b"ssh-ed25519") + string(KEY.sign(to_sign(b"p")))
    assert sshsig.verify(armored(public, raw), b"p", [LISTED]).startswith("SHA256:")
    for wrong, cause in (
        (armored(public, raw, namespace=b"file"), "namespace does not match"),
        (armored(public, raw, algorithm=b"md5"), "unsupported hash algorithm"),
        (armored(public, raw, more=b"x"), "unable to unarmor SSH signature: something follows it"),
    ):
        with pytest.raises(Unverified, match=cause):
            sshsig.verify(wrong, b"p", [LISTED])


APPLICATION = b"ssh:"
FLAGS = b"\1\0\0\0\7"


def of_token(payload: bytes) -> bytes:
    """What a security token signs."""
    return hashlib.sha256(APPLICATION).digest() + FLAGS + hashlib.sha256(to_sign(payload)).digest()


def test_the_keys_of_security_tokens_sign_their_application_flags_and_counter():
    type_ = b"sk-ssh-ed25519@openssh.com"
    public = string(type_) + string(KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)) + string(APPLICATION)
    raw = string(type_) + string(KEY.sign(of_token(b"p")))
    listed = type_ + b" " + base64.b64encode(public) + b" a token"
    assert sshsig.verify(armored(public, raw + FLAGS), b"p", [listed])
    for changed in (raw + b"\0" + FLAGS[1:], raw):
        with pytest.raises(Unverified):
            sshsig.verify(armored(public, changed), b"p", [listed])


def test_the_elliptic_keys_of_security_tokens_do_as_well():
    type_ = b"sk-ecdsa-sha2-nistp256@openssh.com"
    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    public = b"".join(map(string, (type_, b"nistp256", point, APPLICATION)))
    numbers = decode_dss_signature(key.sign(of_token(b"p"), ec.ECDSA(hashes.SHA256())))
    raw = b"".join(string(number.to_bytes(33, "big")) for number in numbers)
    listed = type_ + b" " + base64.b64encode(public)
    assert sshsig.verify(armored(public, string(type_) + string(raw) + FLAGS), b"p", [listed])


@pytest.mark.parametrize(
    "line",
    [
        b"ssh-ed25519",
        b"ssh-ed25519 !!!",
        b"ssh-rsa " + LISTED.split()[1],
        b"ssh-dss AAAAB3NzaC1kc3MAAAAA",
        b'command="unclosed ' + LISTED,
        b"\xff\xfe",
    ],
    ids=["no key", "no Base64", "another type", "a type that is none", "an option that does not end", "no text"],
)
def test_one_line_that_is_no_key_spoils_its_file_and_no_other(line: bytes):
    public = base64.b64decode(LISTED.split()[1])
    made = armored(public, string(b"ssh-ed25519") + string(KEY.sign(to_sign(b"p"))))
    with pytest.raises(Unverified, match="unable to parse authorized key"):
        sshsig.verify(made, b"p", [LISTED + b"\n" + line])
    assert sshsig.verify(made, b"p", [line, LISTED])


@settings(max_examples=50)
@given(at=st.integers(0, 500), flipped=st.integers(1, 255))
def test_a_damaged_signature_verifies_nothing_and_breaks_nothing(at: int, flipped: int):
    public = base64.b64decode(LISTED.split()[1])
    whole = string(b"ssh-ed25519") + string(KEY.sign(to_sign(b"p")))
    raw = bytearray(whole)
    raw[at % len(raw)] ^= flipped
    for damaged in (armored(public, bytes(raw)), armored(public, whole)[: at % len(whole)]):
        with pytest.raises(Unverified):
            sshsig.verify(damaged, b"p", [LISTED])


def test_a_repository_s_own_objects_are_taken_apart_without_loss(tmp_path: Path):
    commit = seed(tmp_path / "r.git", {"a": "1"})
    raw = pygit2.Repository(str(tmp_path / "r.git")).odb.read(commit)[1]
    assert signature.of_commit(raw) == Signed(raw, b"")
