"""A private certificate authority with one server certificate for the loopback, and clients' as wanted."""

import ipaddress
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Authority:
    """Paths of the server's certificate and key, and the authority's certificate as text."""

    certificate: Path
    key: Path
    pem: str
    root: ec.EllipticCurvePrivateKey
    name: x509.Name

    def client(self, name: str = "automation") -> dict[str, bytes]:
        """Make a client's certificate and key, as a secret holds them."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signed = _builder(subject, self.name, key).sign(self.root, hashes.SHA256())
        return {"tls.crt": signed.public_bytes(serialization.Encoding.PEM), "tls.key": _pem(key)}


def make(directory: Path, *, name: str = "private authority", hosts: tuple[str, ...] = ("localhost",)) -> Authority:
    """Make an authority and let it sign a certificate for these hosts and 127.0.0.1."""
    directory.mkdir(parents=True, exist_ok=True)
    root_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    alternatives = x509.SubjectAlternativeName(
        [*map(x509.DNSName, hosts), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    root = (
        _builder(root_name, root_name, root_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    server = (
        _builder(server_name, root_name, server_key)
        .add_extension(alternatives, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    certificate, key = directory / "server.pem", directory / "server.key"
    certificate.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(_pem(server_key))
    return Authority(certificate, key, root.public_bytes(serialization.Encoding.PEM).decode(), root_key, root_name)


def client() -> dict[str, bytes]:
    """Make a client's certificate that no server knows, and its key."""
    with tempfile.TemporaryDirectory() as directory:
        return make(Path(directory), name="nobody").client()


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=2))
    )
