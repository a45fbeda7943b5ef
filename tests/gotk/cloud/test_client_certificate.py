import base64
import hashlib
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gotk.cloud import client_certificate
from gotk.cloud.client_certificate import BadCertificate
from tests.gotk.cloud import certificates
from tests.gotk.cloud.certificates import Made
from tests.gotk.cloud.standin import NOW


@pytest.fixture(scope="module")
def made() -> Made:
    return certificates.make()


def opened(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.parametrize(
    ("packed", "password"),
    [
        pytest.param(lambda made: made.pem(), None, id="PEM"),
        pytest.param(lambda made: made.packed(), None, id="PKCS 12"),
        pytest.param(lambda made: made.packed(), b"", id="PKCS 12 and an empty password"),
        pytest.param(lambda made: made.packed(b"s3cret"), b"s3cret", id="PKCS 12 under a password"),
    ],
)
def test_an_assertion_is_one_that_the_certificate_verifies(
    made: Made, packed: Callable[[Made], bytes], password: bytes | None
) -> None:
    found = client_certificate.parse(packed(made), password)
    said = found.assertion(client="app", audience="https://login/t/oauth2/v2.0/token", now=NOW, chain=False)
    head, claims, signature = said.split(".")
    der = made.leaf.public_bytes(serialization.Encoding.DER)
    assert json.loads(opened(head)) == {
        "alg": "PS256",
        "typ": "JWT",
        "x5t#S256": base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode(),
    }
    told = json.loads(opened(claims))
    assert (told["iss"], told["sub"], told["aud"]) == ("app", "app", "https://login/t/oauth2/v2.0/token")
    assert (told["nbf"], told["exp"]) == (NOW.timestamp(), NOW.timestamp() + 600)
    key = made.leaf.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    key.verify(opened(signature), f"{head}.{claims}".encode(), scheme, hashes.SHA256())


def test_the_chain_begins_with_the_certificate_of_the_key(made: Made) -> None:
    said = client_certificate.parse(made.pem(), None).assertion(client="a", audience="b", now=NOW, chain=True)
    chain = json.loads(opened(said.partition(".")[0]))["x5c"]
    assert [base64.b64decode(one) for one in chain] == [
        one.public_bytes(serialization.Encoding.DER) for one in (made.leaf, made.authority)
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(lambda made: b"s3cret", "it is no PEM and no PKCS #12", id="something else"),
        pytest.param(lambda made: made.packed(b"s3cret"), "the password is wrong", id="a missing password"),
        pytest.param(lambda made: made.pem(b"s3cret"), "may not be encrypted", id="an encrypted key in PEM"),
        pytest.param(lambda made: made.pem().partition(b"-----BEGIN PRIV")[0], "it is no PEM with", id="no key"),
        pytest.param(lambda made: made.pem().rpartition(b"-----BEGIN CERT")[0], "it is no PEM with", id="half"),
        pytest.param(lambda _: certificates.make(kind="EC").pem(), "no RSA key", id="another kind of key"),
        pytest.param(
            lambda made: made.pem().partition(b"-----BEGIN PRIV")[0] + other_key(),
            "no certificate in it",
            id="strangers",
        ),
    ],
)
def test_what_will_not_do_is_named(made: Made, content: Callable[[Made], bytes], complaint: str) -> None:
    with pytest.raises(BadCertificate, match=complaint) as raised:
        client_certificate.parse(content(made), None)
    assert "s3cret" not in str(raised.value)


def other_key() -> bytes:
    pem = certificates.make().pem()
    return pem[pem.index(b"-----BEGIN PRIV") :]
