"""Signatures without a key, good ones and every forgery: a Sigstore of our own signs, the library verifies."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gotk.oci.cosign import keyless
from gotk.oci.cosign.claims import Unverified
from gotk.oci.cosign.keyless import AnyOf, Identity, InvalidTrust
from gotk.oci.cosign.signatures import Signature
from tests import sigstore
from tests.sigstore import NOON, Sigstore

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
OURS, THEIRS = Sigstore.make(), Sigstore.make()
ANYBODY = AnyOf(())


def parts(made: Sigstore, digest: str, *, content: bytes = b"", **annotations: str) -> Signature:
    payload, said = made.signature(digest, content=content)
    said |= annotations
    entry = said["dev.sigstore.cosign/bundle"].encode()
    signature = sigstore.base64.b64decode(said["dev.cosignproject.cosign/signature"])
    return Signature(payload, signature, said["dev.sigstore.cosign/certificate"].encode(), entry)


def check_bundle(made: Sigstore, policy: AnyOf = ANYBODY, change: Callable[[Any], None] = lambda _: None) -> None:
    document = made.bundle(DIGEST)
    change(document)
    keyless.trust(OURS.trusted_root).check_bundle(json.dumps(document).encode(), DIGEST, policy)


def check_signature(found: Signature, policy: AnyOf = ANYBODY) -> None:
    keyless.trust(OURS.trusted_root).check_signature(found, DIGEST, policy)


def test_what_is_signed_is_verified() -> None:
    check_bundle(OURS)
    check_signature(parts(OURS, DIGEST))


@pytest.mark.parametrize(
    ("issuer", "subject"),
    [("^https://token\\.example\\.com$", "^https://example\\.com/fleet/"), ("token", "release")],
    ids=["anchored", "found anywhere, as in Go"],
)
def test_an_identity_is_found_by_expressions(issuer: str, subject: str) -> None:
    policy = AnyOf((Identity.read("nobody", "nothing"), Identity.read(issuer, subject)))
    check_bundle(OURS, policy)
    check_signature(parts(OURS, DIGEST), policy)


@pytest.mark.parametrize(
    ("issuer", "subject"), [("^https://token\\.example\\.com$", "^other$"), ("^other$", "release")]
)
def test_somebody_else_is_refused(issuer: str, subject: str) -> None:
    policy = AnyOf((Identity.read(issuer, subject),))
    said = "none of the expected identities matched what was in the certificate, subject 'https://example.com/fleet"
    with pytest.raises(Unverified, match=said):
        check_bundle(OURS, policy)
    with pytest.raises(Unverified, match=said):
        check_signature(parts(OURS, DIGEST), policy)


#: Who signs instead, each with one part that is not ours.
FORGERS = {
    "an authority that is not trusted": replace(OURS, authority=THEIRS.authority),
    "a certificate that no log has seen": replace(OURS, ct=THEIRS.ct),
    "an entry of another log": replace(OURS, rekor=THEIRS.rekor),
    "a signature after the certificate's end": replace(OURS, signed_at=NOON + timedelta(minutes=6)),
    "a signature before the certificate's time": replace(OURS, signed_at=NOON - timedelta(hours=1)),
    "everything of somebody else": THEIRS,
}


@pytest.mark.parametrize("forger", FORGERS.values(), ids=FORGERS.keys())
def test_a_forger_is_refused(forger: Sigstore) -> None:
    with pytest.raises(Unverified):
        check_bundle(forger)
    with pytest.raises(Unverified):
        check_signature(parts(forger, DIGEST))


def _entry(document: Any) -> Any:
    return document["verificationMaterial"]["tlogEntries"][0]


def _other_envelope(document: Any) -> None:
    document["dsseEnvelope"] = OURS.bundle(DIGEST)["dsseEnvelope"]


def _other_entry(document: Any) -> None:
    document["verificationMaterial"]["tlogEntries"] = OURS.bundle(DIGEST)["verificationMaterial"]["tlogEntries"]


def _payload(document: Any) -> None:
    document["dsseEnvelope"]["payload"] = sigstore.b64(sigstore.statement(DIGEST) + b" ")


#: What is done to a good bundle.
CHANGES: dict[str, Callable[[Any], None]] = {
    "another signer's envelope": _other_envelope,
    "another signature's log entry": _other_entry,
    "another payload": _payload,
    "no log entry": lambda document: document["verificationMaterial"].update(tlogEntries=[]),
    "no promise of the log": lambda document: _entry(document).pop("inclusionPromise"),
    "no proof of the log": lambda document: _entry(document).pop("inclusionProof"),
    "another time than was promised": lambda document: _entry(document).update(integratedTime="1767268860"),
    "another body": lambda document: _entry(document).update(canonicalizedBody=sigstore.b64(b"{}")),
    "another tree": lambda document: _entry(document)["inclusionProof"].update(rootHash=sigstore.b64(bytes(32))),
    "two signatures": lambda document: document["dsseEnvelope"]["signatures"].append({"sig": "AAAA"}),
    "no certificate": lambda document: document["verificationMaterial"].pop("certificate"),
    "a format of tomorrow": lambda document: document.update(mediaType="application/vnd.dev.sigstore.bundle.v9+json"),
    "no envelope": lambda document: document.pop("dsseEnvelope"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_bundle_is_refused(change: Callable[[Any], None]) -> None:
    with pytest.raises(Unverified):
        check_bundle(OURS, change=change)


def test_a_bundle_of_another_artifact_is_refused() -> None:
    bundle = json.dumps(OURS.bundle(OTHER)).encode()
    with pytest.raises(Unverified, match="the signed statement is about something else"):
        keyless.trust(OURS.trusted_root).check_bundle(bundle, DIGEST, ANYBODY)
    with pytest.raises(Unverified):
        keyless.trust(OURS.trusted_root).check_bundle(b"[" * 10_000, DIGEST, ANYBODY)


def _moved(found: Signature) -> Signature:
    """Say another time than the log promised."""
    word = json.loads(found.entry)
    word["Payload"]["integratedTime"] += 60
    return replace(found, entry=json.dumps(word).encode())


SIGNATURES = {
    "of another artifact": parts(OURS, OTHER),
    "with another payload": replace(parts(OURS, DIGEST), payload=sigstore.payload(DIGEST) + b" "),
    "without a certificate": replace(parts(OURS, DIGEST), certificate=b""),
    "without a log entry": replace(parts(OURS, DIGEST), entry=b""),
    "with another signature's log entry": replace(parts(OURS, DIGEST), entry=parts(OURS, DIGEST).entry),
    "with another signer's certificate": replace(parts(OURS, DIGEST), certificate=parts(OURS, DIGEST).certificate),
    "with another time": _moved(parts(OURS, DIGEST)),
    "with a log entry that is none": replace(parts(OURS, DIGEST), entry=b"{}"),
    "with a certificate that is none": replace(parts(OURS, DIGEST), certificate=b"-----BEGIN"),
    "of a payload that says nothing": parts(OURS, DIGEST, content=b"{}"),
}


@pytest.mark.parametrize("found", SIGNATURES.values(), ids=SIGNATURES.keys())
def test_a_signature_that_is_none_is_refused(found: Signature) -> None:
    with pytest.raises(Unverified):
        check_signature(found)


@pytest.mark.parametrize("root", [b"", b"{}", b"[]", b'{"mediaType": "x"}'])
def test_a_root_that_is_none_is_refused(root: bytes) -> None:
    with pytest.raises(InvalidTrust, match="the trusted root cannot be used"):
        keyless.trust(root)


def test_an_expression_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidTrust, match="error parsing regexp"):
        Identity.read("(", "")


def test_the_public_good_instances_root_comes_along() -> None:
    """Nothing is asked of the Internet: of ours it knows nothing, and says so."""
    with pytest.raises(Unverified):
        keyless.trust(None).check_signature(parts(OURS, DIGEST), DIGEST, ANYBODY)
