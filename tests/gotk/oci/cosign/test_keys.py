"""Signatures that a public key verifies: every kind of key, and what is no signature of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa

from gotk.oci.cosign import keys
from gotk.oci.cosign.claims import Unverified
from gotk.oci.cosign.signatures import Signature
from tests import sigstore

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
EC = sigstore.new_key()
RSA = rsa.generate_private_key(65537, 2048)
ED = ed25519.Ed25519PrivateKey.generate()
SIGNERS: dict[str, tuple[Any, Callable[[bytes], bytes]]] = {
    "ECDSA": (EC, lambda content: sigstore.sign(EC, content)),
    "RSA": (RSA, lambda content: RSA.sign(content, padding.PKCS1v15(), hashes.SHA256())),
    "Ed25519": (ED, ED.sign),
}


def simple(sign: Callable[[bytes], bytes], digest: str) -> Signature:
    payload = sigstore.payload(digest)
    return Signature(payload, sign(payload), b"", b"")


def bundle(sign: Callable[[bytes], bytes], said: bytes, kind: str = "application/vnd.in-toto+json") -> bytes:
    signatures = [{"sig": sigstore.b64(sign(sigstore.pae(said, kind.encode())))}]
    envelope = {"payload": sigstore.b64(said), "payloadType": kind, "signatures": signatures}
    return json.dumps({"mediaType": sigstore.BUNDLE, "dsseEnvelope": envelope}).encode()


@pytest.mark.parametrize(("key", "sign"), SIGNERS.values(), ids=SIGNERS.keys())
def test_every_kind_of_key_verifies_its_own_signatures_alone(key: Any, sign: Callable[[bytes], bytes]) -> None:
    own = keys.read(sigstore.public_pem(key))
    keys.check_signature(own, simple(sign, DIGEST), DIGEST)
    keys.check_bundle(own, bundle(sign, sigstore.statement(DIGEST)), DIGEST)
    for other, _ in SIGNERS.values():
        if other is not key:
            another = keys.read(sigstore.public_pem(other))
            with pytest.raises(Unverified, match="the signature is not the key's"):
                keys.check_signature(another, simple(sign, DIGEST), DIGEST)
            with pytest.raises(Unverified, match="the signature is not the key's"):
                keys.check_bundle(another, bundle(sign, sigstore.statement(DIGEST)), DIGEST)


def test_a_claim_about_another_artifact_is_refused() -> None:
    own, sign = keys.read(sigstore.public_pem(ED)), ED.sign
    with pytest.raises(Unverified, match=f"the signature is of {OTHER}"):
        keys.check_signature(own, simple(sign, OTHER), DIGEST)
    refused = {
        "about something else": bundle(sign, sigstore.statement(OTHER)),
        "is of type 'text/plain'": bundle(sign, sigstore.statement(DIGEST), "text/plain"),
        "is of type 'x'": bundle(sign, sigstore.statement(DIGEST).replace(b"https://in-toto.io/Statement/v1", b"x")),
        "cannot be read": bundle(sign, b"[]"),
    }
    for said, found in refused.items():
        with pytest.raises(Unverified, match=said):
            keys.check_bundle(own, found, DIGEST)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"dsseEnvelope": {"signatures": []}}', b"[" * 5000])
def test_a_bundle_that_is_none_is_refused(text: bytes) -> None:
    with pytest.raises(Unverified):
        keys.check_bundle(keys.read(sigstore.public_pem(ED)), text, DIGEST)


@pytest.mark.parametrize(
    ("pem", "said"),
    [
        (b"", "it is no public key in PEM"),
        (sigstore.private_pem(EC), "it is no public key in PEM"),
        (sigstore.public_pem(dsa.generate_private_key(1024)), "it is a key of another kind"),
        (sigstore.public_pem(rsa.generate_private_key(65537, 1024)), "it is an RSA key of 1024 bits"),
    ],
    ids=["nothing", "a private key", "DSA", "a short RSA key"],
)
def test_a_key_that_will_not_do_is_told(pem: bytes, said: str) -> None:
    with pytest.raises(keys.InvalidKey, match=said):
        keys.read(pem)


def test_a_curve_of_384_bits_signs_with_the_same_hash() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    found = simple(lambda content: sigstore.sign(key, content), DIGEST)
    keys.check_signature(keys.read(sigstore.public_pem(key)), found, DIGEST)
