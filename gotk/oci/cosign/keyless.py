"""Signatures without a key of one's own: a short-lived certificate says who signed, logs say when. Blocks a little.

Chains, certificate transparency, log entries, timestamps and their agreement are verified by Sigstore's own library
for Python. What it does not know is cosign 2's way, whose signatures carry a log's promise and no proof of inclusion:
for those two of its classes are told to do without the proof, as cosign does offline. That reaches into its inside,
which is why its version is pinned; the tests hold every step against forgeries.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.serialization import Encoding

from gotk.goregexp import Regexp
from gotk.http.errors import printable
from gotk.oci.cosign import claims
from gotk.oci.cosign.claims import Unverified
from gotk.oci.cosign.signatures import Signature

_PUBLIC_GOOD = "https://tuf-repo-cdn.sigstore.dev"
_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_OLD_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_USERNAME = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
_ROOTS_KEPT = 16
#: The library's form has a field for it that must be filled; `Promised` looks at none.
_NO_PROOF = {"logIndex": "0", "rootHash": "", "treeSize": "1", "hashes": [], "checkpoint": {"envelope": ""}}


class InvalidTrust(ValueError):
    """A trusted root or an identity that cannot be used."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who may have signed: Go regular expressions, found anywhere in issuer and subject."""

    issuer: Regexp
    subject: Regexp

    @classmethod
    def read(cls, issuer: str, subject: str) -> "Identity":
        """Compile the expressions. Raises InvalidTrust."""
        try:
            return cls(Regexp(issuer), Regexp(subject))
        except ValueError as error:
            raise InvalidTrust(str(error)) from error


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The policy that a certificate is held against: one of the identities, or anybody where there is none."""

    identities: Sequence[Identity]

    def verify(self, cert: x509.Certificate) -> None:
        """Check who a certificate is for. Raises Unverified."""
        if not self.identities:
            return
        issuer, subjects = _issuer(cert), _subjects(cert)
        for identity in self.identities:
            if identity.issuer.matches(issuer) and any(map(identity.subject.matches, subjects)):
                return
        said = printable(f"subject '{', '.join(subjects)}' and issuer '{issuer}'")
        raise Unverified(f"none of the expected identities matched what was in the certificate, {said}")


class Trust:
    """A trusted root, and what is verified against it."""

    def __init__(self, trusted_root: bytes | None) -> None:
        """Take a `trusted_root.json`, or none for the public good instance's that the library brings along.

        Raises InvalidTrust.
        """
        from sigstore._utils import read_embedded  # noqa: PLC0415 - takes seconds, and few need it
        from sigstore.models import TrustedRoot  # noqa: PLC0415
        from sigstore.verify import Verifier  # noqa: PLC0415
        from sigstore_models.trustroot import v1  # noqa: PLC0415

        content = read_embedded("trusted_root.json", _PUBLIC_GOOD) if trusted_root is None else trusted_root
        try:
            self._verifier = Verifier(trusted_root=TrustedRoot(v1.TrustedRoot.from_json(content)))
        except Exception as error:  # whatever the library makes of it: with such a root nothing is verified
            raise InvalidTrust(f"the trusted root cannot be used: {_said(error)}") from error

    def check_bundle(self, bundle: bytes, digest: str, policy: AnyOf) -> None:
        """Check a Sigstore bundle about a manifest. Raises Unverified."""
        from sigstore.models import Bundle  # noqa: PLC0415

        try:
            kind, payload = self._verifier.verify_dsse(Bundle.from_json(bundle), policy)
        except Unverified:
            raise
        except Exception as error:
            raise Unverified(_said(error)) from error
        claims.check_statement(kind, payload, digest)

    def check_signature(self, found: Signature, digest: str, policy: AnyOf) -> None:
        """Check a signature of cosign 2 about a manifest. Raises Unverified."""
        if not found.certificate:
            raise Unverified("the signature has no certificate")
        if not found.entry:
            raise Unverified("the signature has no entry of a transparency log")
        try:
            self._verifier.verify_artifact(found.payload, _promised(found), policy)
        except Unverified:
            raise
        except Exception as error:
            raise Unverified(_said(error)) from error
        claims.check_payload(found.payload, digest)


@lru_cache(maxsize=_ROOTS_KEPT)
def trust(trusted_root: bytes | None) -> Trust:
    """Return the trust in a root, read once. Raises InvalidTrust."""
    return Trust(trusted_root)


class _Entry(msgspec.Struct):
    body: str
    integrated_time: int = msgspec.field(name="integratedTime")
    log_index: int = msgspec.field(name="logIndex")
    log_id: str = msgspec.field(name="logID")


class _Word(msgspec.Struct):
    promise: str = msgspec.field(name="SignedEntryTimestamp")
    entry: _Entry = msgspec.field(name="Payload")


def _promised(found: Signature) -> Any:
    """Make a bundle of a signature whose log entry is promised and not proven."""
    from sigstore.models import Bundle, TransparencyLogEntry  # noqa: PLC0415

    try:
        certificate = x509.load_pem_x509_certificate(found.certificate)
    except ValueError as error:
        raise Unverified("the certificate of the signature cannot be read") from error

    class Promised(TransparencyLogEntry):
        """An entry that stands by the log's signature over it."""

        def _validate(self) -> None:
            if self._inner.inclusion_promise is None or not self._inner.integrated_time:
                raise Unverified("the log entry is neither proven nor promised")

        def _verify(self, keyring: Any) -> None:
            self._verify_set(keyring)

    class Detached(Bundle):
        """A bundle of the parts that cosign 2 writes apart."""

        def _verify(self) -> None:
            self._signing_certificate = certificate
            (entry,) = self._inner.verification_material.tlog_entries
            self._log_entry = Promised(entry)

    return Detached.from_json(json.dumps(_document(found, certificate)))


def _document(found: Signature, certificate: x509.Certificate) -> dict[str, Any]:
    """Write the parts as the bundle's JSON. Raises Unverified."""
    try:
        word = msgspec.json.decode(found.entry, type=_Word)
        kind = json.loads(base64.b64decode(word.entry.body, validate=True))
        version = {"kind": str(kind["kind"]), "version": str(kind["apiVersion"])}
        log_id = bytes.fromhex(word.entry.log_id)
    except (ValueError, binascii.Error, KeyError, TypeError, msgspec.MsgspecError) as error:
        raise Unverified("the log entry of the signature cannot be read") from error
    entry = {
        "logIndex": str(word.entry.log_index),
        "logId": {"keyId": _text(log_id)},
        "kindVersion": version,
        "integratedTime": str(word.entry.integrated_time),
        "inclusionPromise": {"signedEntryTimestamp": word.promise},
        "inclusionProof": _NO_PROOF,
        "canonicalizedBody": word.entry.body,
    }
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": {"rawBytes": _text(certificate.public_bytes(Encoding.DER))},
            "tlogEntries": [entry],
        },
        "messageSignature": {"signature": _text(found.signature)},
    }


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _issuer(cert: x509.Certificate) -> str:
    """Return who vouched for the subject; empty where it does not say."""
    for oid in (_ISSUER, _OLD_ISSUER):
        try:
            value: Any = cert.extensions.get_extension_for_oid(oid).value
        except x509.ExtensionNotFound:
            continue
        return str(asn1.decode_der(str, value.value)) if oid == _ISSUER else value.value.decode("utf-8", "replace")
    return ""


def _subjects(cert: x509.Certificate) -> list[str]:
    try:
        names = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    found = [*names.get_values_for_type(x509.RFC822Name), *names.get_values_for_type(x509.UniformResourceIdentifier)]
    others = [name for name in names if isinstance(name, x509.OtherName) and name.type_id == _USERNAME]
    return found + [str(asn1.decode_der(str, name.value)) for name in others]


def _said(error: Exception) -> str:
    return printable(str(error)) or type(error).__name__
