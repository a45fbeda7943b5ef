"""Pairs of SSH keys, made and read."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gotk.git.objects import key_pair
from tests.real import keys


@pytest.mark.parametrize(
    ("algorithm", "curve", "type_"),
    [
        ("ecdsa", "p256", "ecdsa-sha2-nistp256"),
        ("ecdsa", "p384", "ecdsa-sha2-nistp384"),
        ("ecdsa", "p521", "ecdsa-sha2-nistp521"),
        ("ed25519", "p384", "ssh-ed25519"),
        ("rsa", "p384", "ssh-rsa"),
    ],
)
def test_a_new_pair_is_what_was_asked_for(algorithm: str, curve: str, type_: str):
    made = key_pair.generate(algorithm, bits=1024, curve=curve)
    assert made.private.startswith("-----BEGIN PRIVATE KEY-----\n")
    assert made.public.split(" ")[0] == type_
    assert made.public.endswith("\n")
    assert key_pair.load(made.private) == made


def test_rsa_has_the_length_that_was_asked_for():
    key = serialization.load_pem_private_key(key_pair.generate("rsa", bits=1032).private.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 1032


@pytest.mark.parametrize("form", ["OpenSSH", "PKCS8", "TraditionalOpenSSL"])
@pytest.mark.parametrize("passphrase", ["", "sésame"])
def test_the_public_half_of_a_key_is_found(form: str, passphrase: str):
    key = keys.SSH["ecdsa p256"]()
    text = keys.pem(key, form, passphrase.encode() or None).decode()
    assert key_pair.load(text, passphrase).public == keys.public(key) + "\n"


@pytest.mark.parametrize(
    ("text", "passphrase", "message"),
    [
        ("nothing", "", "it is no private key"),
        (keys.pem(keys.SSH["ed25519"]()).decode(), "a", "it is not locked|the passphrase does not open it"),
        (keys.pem(keys.SSH["ed25519"](), "PKCS8").decode(), "a", "it is not locked"),
        (keys.pem(keys.SSH["ed25519"](), passphrase=b"a").decode(), "", "it is locked, and there is no passphrase"),
        (keys.pem(keys.SSH["ed25519"](), passphrase=b"a").decode(), "b", "the passphrase does not open it"),
    ],
    ids=["text", "open OpenSSH", "open", "locked", "another passphrase"],
)
def test_what_cannot_be_read_is_said(text: str, passphrase: str, message: str):
    with pytest.raises(key_pair.Unreadable, match=message):
        key_pair.load(text, passphrase)


def test_the_private_half_is_not_shown():
    assert "PRIVATE" not in repr(key_pair.generate("ed25519"))
