"""Certificates of the control plane: an authority of its own, kept in the data directory, and what it signs.

The authority and the admin's certificate survive restarts, so a kubeconfig handed out once keeps working. What nears
its end, or is not valid yet because the clock was set back, is made anew with the same key. Certificates are valid from
a year before they were made: a clock that is put right while they are in use does not end them. All keys are P-256:
made in a millisecond, read by every client.
"""

import datetime as dt
import ipaddress
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_AUTHORITY_DAYS, _LEAF_DAYS, _RENEW_DAYS, _BEFORE_DAYS = 3650, 365, 30, 365


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, in memory and on disk."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    certificate_path: Path
    key_path: Path

    @property
    def certificate_pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key as PEM. Never log it."""
        return _key_pem(self.key)


def authority(directory: Path, now: dt.datetime) -> Pair:
    """Load the authority, or make one; with the same key if it has one, so that what it signed stays good."""
    found = _load(directory, "ca")
    if found is not None and _is_good(found, now):
        return found
    key = _key(found)
    name = _name("image-automation control plane")
    builder = (
        _builder(name, name, key, now, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _store(directory, "ca", builder.sign(key, hashes.SHA256()), key)


def server(directory: Path, ca: Pair, hosts: tuple[str, ...], now: dt.datetime) -> Pair:
    """Load the server's certificate, or make one for localhost and the given hosts."""
    names = [_alternative(host) for host in dict.fromkeys(("localhost", "127.0.0.1", "::1", *hosts))]
    found = _load(directory, "server")
    if found is not None and _is_good(found, now) and _is_for(found, ca, names):
        return found
    key = _key(found)
    builder = _leaf(_name("kube-apiserver"), ca, key, now, ExtendedKeyUsageOID.SERVER_AUTH).add_extension(
        x509.SubjectAlternativeName(names), critical=False
    )
    return _store(directory, "server", builder.sign(ca.key, hashes.SHA256()), key)


def client(directory: Path, ca: Pair, user: str, group: str, now: dt.datetime) -> Pair:
    """Load the certificate of a user, or make one: the name is its CN, the group its O."""
    found = _load(directory, user)
    if found is not None and _is_good(found, now) and _is_for(found, ca, None):
        return found
    key = _key(found)
    builder = _leaf(_name(user, group), ca, key, now, ExtendedKeyUsageOID.CLIENT_AUTH)
    return _store(directory, user, builder.sign(ca.key, hashes.SHA256()), key)


def context(ca: Pair, pair: Pair) -> ssl.SSLContext:
    """Make the server's side of TLS: client certificates are welcome, and must then be signed by the authority."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(pair.certificate_path, pair.key_path)
    made.load_verify_locations(cadata=ca.certificate_pem.decode())
    made.verify_mode = ssl.CERT_OPTIONAL
    made.set_alpn_protocols(["http/1.1"])
    return made


def _name(common: str, organization: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: dt.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=_BEFORE_DAYS))
        .not_valid_after(now + dt.timedelta(days=days))
    )


def _leaf(
    subject: x509.Name, ca: Pair, key: ec.EllipticCurvePrivateKey, now: dt.datetime, use: x509.ObjectIdentifier
) -> x509.CertificateBuilder:
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    return (
        _builder(subject, ca.certificate.subject, key, now, _LEAF_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .add_extension(issuer, critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _is_for(pair: Pair, ca: Pair, names: list[x509.GeneralName] | None) -> bool:
    """Whether a certificate was signed by this authority and, for a server, carries all the names."""
    wanted = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()).key_identifier
    extensions = pair.certificate.extensions
    if extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier != wanted:
        return False
    if names is None:
        return True
    present = list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    return all(name in present for name in names)


def _is_good(pair: Pair, now: dt.datetime) -> bool:
    """Whether a certificate is valid now and for some time to come."""
    certificate = pair.certificate
    left = certificate.not_valid_after_utc - now
    return certificate.not_valid_before_utc <= now and left >= dt.timedelta(days=_RENEW_DAYS)


def _key(found: Pair | None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1()) if found is None else found.key


def _load(directory: Path, name: str) -> Pair | None:
    certificate_path, key_path = directory / f"{name}.crt", directory / f"{name}.key"
    try:
        certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return Pair(certificate, key, certificate_path, key_path)


def _store(directory: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    pair = Pair(certificate, key, directory / f"{name}.crt", directory / f"{name}.key")
    private(pair.key_path, pair.key_pem)
    private(pair.certificate_path, pair.certificate_pem)
    return pair


def private(path: Path, content: bytes) -> None:
    """Write a file that only we may read, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
