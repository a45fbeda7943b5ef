"""A Sigstore of our own: an authority, its logs, and what cosign makes with them, in the documented formats."""

import base64
import datetime as dt
import hashlib
import json
import struct
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
ISSUER, SUBJECT = "https://token.example.com", "https://example.com/fleet/.github/workflows/release.yml@refs/heads/main"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_ISSUER, _ISSUER_V2 = (x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{number}") for number in (1, 8))

Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def sign(key: Key, content: bytes) -> bytes:
    return key.sign(content, ec.ECDSA(hashes.SHA256()))


def _spki(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _key_id(key: Key) -> bytes:
    return hashlib.sha256(_spki(key)).digest()


def payload(digest: str) -> bytes:
    """What cosign 2 signs."""
    critical = {
        "identity": {"docker-reference": "example.com/team/app"},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": critical, "optional": None}).encode()


def simple(key: Key, digest: str) -> tuple[bytes, dict[str, str]]:
    """A signature by a key: what is signed, and the annotations of its layer."""
    content = payload(digest)
    return content, {"dev.cosignproject.cosign/signature": b64(sign(key, content))}


def statement(digest: str) -> bytes:
    """What cosign 3 signs."""
    algorithm, _, value = digest.partition(":")
    said = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {algorithm: value}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    }
    return json.dumps(said).encode()


def pae(content: bytes, kind: bytes = b"application/vnd.in-toto+json") -> bytes:
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(content), content)


def key_bundle(key: Key, digest: str) -> bytes:
    """A bundle as `cosign sign --key` writes it, without a log."""
    said = statement(digest)
    document = {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": b64(_key_id(key))}},
        "dsseEnvelope": _envelope(said, sign(key, pae(said))),
    }
    return json.dumps(document).encode()


def _envelope(content: bytes, signature: bytes) -> dict[str, Any]:
    return {
        "payload": b64(content),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": b64(signature)}],
    }


@dataclass(frozen=True)
class Sigstore:
    """The keys of an authority and its logs, and what it says of who signs and when."""

    authority: Key
    ct: Key
    rekor: Key
    issuer: str = ISSUER
    subject: str = SUBJECT
    signed_at: dt.datetime = NOON

    @classmethod
    def make(cls) -> "Sigstore":
        return cls(new_key(), new_key(), new_key())

    @property
    def root(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test fulcio")])
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        public = self.authority.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(public)
            .serial_number(7)
            .not_valid_before(NOON - dt.timedelta(days=365))
            .not_valid_after(NOON + dt.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self.authority, hashes.SHA256())
        )

    @property
    def trusted_root(self) -> bytes:
        """The `trusted_root.json` that trusts it."""
        always = {"start": "2020-01-01T00:00:00Z"}

        def log(key: Key, url: str) -> dict[str, Any]:
            public = {"rawBytes": b64(_spki(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": always}
            known = {"keyId": b64(_key_id(key))}
            return {"baseUrl": url, "hashAlgorithm": "SHA2_256", "publicKey": public, "logId": known}

        chain = {"certificates": [{"rawBytes": b64(self.root.public_bytes(Encoding.DER))}]}
        authority = {
            "subject": {"organization": "example.com", "commonName": "test fulcio"},
            "uri": "https://fulcio.example.com",
            "certChain": chain,
            "validFor": always,
        }
        document = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(self.rekor, "https://rekor.example.com")],
            "certificateAuthorities": [authority],
            "ctlogs": [log(self.ct, "https://ct.example.com")],
            "timestampAuthorities": [],
        }
        return json.dumps(document).encode()

    def certificate(self, key: Key) -> x509.Certificate:
        """A certificate of ten minutes for who signs, with a log's timestamp in it."""
        issuer_text = self.issuer.encode()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.root.subject)
            .public_key(key.public_key())
            .serial_number(11)
            .not_valid_before(NOON - dt.timedelta(minutes=5))
            .not_valid_after(NOON + dt.timedelta(minutes=5))
            .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.public_key()), critical=False
            )
            .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(self.subject)]), critical=True)
            .add_extension(x509.UnrecognizedExtension(_ISSUER, issuer_text), critical=False)
            .add_extension(
                x509.UnrecognizedExtension(_ISSUER_V2, bytes([0x0C, len(issuer_text)]) + issuer_text), critical=False
            )
        )
        bare = builder.sign(self.authority, hashes.SHA256())
        listed = x509.UnrecognizedExtension(_SCT_LIST, self._timestamps(bare.tbs_certificate_bytes))
        return builder.add_extension(listed, critical=False).sign(self.authority, hashes.SHA256())

    def _timestamps(self, tbs: bytes) -> bytes:
        moment = int(NOON.timestamp() * 1000)
        entry = _key_id(self.authority) + len(tbs).to_bytes(3, "big") + tbs
        signed = struct.pack("!BBQH", 0, 0, moment, 1) + entry + b"\0\0"
        signature = sign(self.ct, signed)
        said = b"\0" + _key_id(self.ct) + struct.pack("!QH", moment, 0) + b"\x04\x03"
        said += struct.pack("!H", len(signature)) + signature
        listed = struct.pack("!HH", len(said) + 2, len(said)) + said
        return b"\x04" + (bytes([len(listed)]) if len(listed) < 128 else bytes([0x81, len(listed)])) + listed

    def promise(self, body: bytes) -> bytes:
        """The log's word that it has an entry."""
        said = {
            "body": b64(body),
            "integratedTime": int(self.signed_at.timestamp()),
            "logID": _key_id(self.rekor).hex(),
            "logIndex": 0,
        }
        return sign(self.rekor, json.dumps(said, separators=(",", ":"), sort_keys=True).encode())

    def signature(self, digest: str, *, content: bytes = b"") -> tuple[bytes, dict[str, str]]:
        """A signature of cosign 2 without a key: the payload, and the annotations beside it."""
        key = new_key()
        pem = self.certificate(key).public_bytes(Encoding.PEM)
        said = content or payload(digest)
        signature = sign(key, said)
        hashed = {"hash": {"algorithm": "sha256", "value": hashlib.sha256(said).hexdigest()}}
        by = {"content": b64(signature), "publicKey": {"content": b64(pem)}}
        entry = {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {"data": hashed, "signature": by}}
        body = json.dumps(entry).encode()
        word = {
            "SignedEntryTimestamp": b64(self.promise(body)),
            "Payload": {
                "body": b64(body),
                "integratedTime": int(self.signed_at.timestamp()),
                "logIndex": 0,
                "logID": _key_id(self.rekor).hex(),
            },
        }
        return said, {
            "dev.cosignproject.cosign/signature": b64(signature),
            "dev.sigstore.cosign/certificate": pem.decode(),
            "dev.sigstore.cosign/bundle": json.dumps(word),
        }

    def bundle(self, digest: str) -> dict[str, Any]:
        """A bundle of cosign 3 without a key."""
        key = new_key()
        certificate = self.certificate(key)
        said = statement(digest)
        signature = sign(key, pae(said))
        by = {"signature": b64(signature), "verifier": b64(certificate.public_bytes(Encoding.PEM))}
        spec = {
            "envelopeHash": {"algorithm": "sha256", "value": "00" * 32},
            "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(said).hexdigest()},
            "signatures": [by],
        }
        body = json.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}).encode()
        top = hashlib.sha256(b"\0" + body).digest()
        entry = {
            "logIndex": "0",
            "logId": {"keyId": b64(_key_id(self.rekor))},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(int(self.signed_at.timestamp())),
            "inclusionPromise": {"signedEntryTimestamp": b64(self.promise(body))},
            "inclusionProof": {
                "logIndex": "0",
                "rootHash": b64(top),
                "treeSize": "1",
                "hashes": [],
                "checkpoint": {"envelope": self._checkpoint(top)},
            },
            "canonicalizedBody": b64(body),
        }
        return {
            "mediaType": BUNDLE,
            "verificationMaterial": {
                "certificate": {"rawBytes": b64(certificate.public_bytes(Encoding.DER))},
                "tlogEntries": [entry],
            },
            "dsseEnvelope": _envelope(said, signature),
        }

    def _checkpoint(self, top: bytes) -> str:
        note = f"rekor.example.com - 1\n1\n{b64(top)}\n"
        signature = _key_id(self.rekor)[:4] + sign(self.rekor, note.encode())
        return f"{note}\n\u2014 rekor.example.com {b64(signature)}\n"


def private_pem(key: Any) -> bytes:
    return key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
