"""Keys of a decryption Secret: what counts, what is refused, what is told."""

import pyrage
import pysequoia
import pytest

from deploy.kustomize.decryption import keys
from deploy.kustomize.decryption.keys import KeysError
from tests.deploy.kustomize.decryption.encrypting import AGE_KEY, OTHER_KEY, RECIPIENT

HOLDER = "Secret 'apps/sops'"
PGP = pysequoia.Tsk.generate("Tester <t@example.com>")
CUT = """-----BEGIN PGP PRIVATE KEY BLOCK-----

lIYEaScQlhYJKwYBBAHaRw8BAQdA
-----END PGP PRIVATE KEY BLOCK-----
"""
#: Made for these tests, and locked with a passphrase.
LOCKED = """-----BEGIN PGP PRIVATE KEY BLOCK-----

lIYEawtkeRYJKwYBBAHaRw8BAQdAACknlX9NRnkOX3DEYrfGsArd94oesGogeU1z
NnDzx8H+BwMC5lV/pm2ZcTv/EOVjXH6EYdzZmQXTHlVgCbvc1rjSCTRDUNPRUpei
tQykIfKZqNPwx7LsKSe7NBAyH5NiAMVyMVo2vkCSwLdAQNNs19zJz7QTTG9ja2Vk
IFRocmVlIDxsM0B4PoiQBBMWCAA4FiEEswmT1jfKqKz7jfYVDIgxV6YpmZkFAmsL
ZHkCGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AACgkQDIgxV6YpmZkrBAEAhkAc
2Kv8UMr0QqalkDdKPlByYgDPgKG7ezkAi2WzQ9UA/0tcSukewE9UEXzdB8ZO9Lz6
4jMGmivlYp8i1dObNJAFnIsEawtkeRIKKwYBBAGXVQEFAQEHQK5B+5qhO83pCeK8
9EZMoAQq14Uhg0R4ACBitB51XXJSAwEIB/4HAwKxsb3mKsiWLP/wspBAd980N3N2
+2PXsyAfPr+j36DmqntnqnkGOvFEzdP4eHrR5Yyr9O/Z/NRM3GuWflYmPqPpWtD2
xlxZ7Z7jS5o7yT1tiHgEGBYIACAWIQSzCZPWN8qorPuN9hUMiDFXpimZmQUCawtk
eQIbDAAKCRAMiDFXpimZmU49AQDQP+z8M5T99FEI9rTHnKpa3e9CPIu9Vz4kAfMr
js0MrAEAm2098A1HiESeFl0+AXZWxX0f3OKOhiu7i0IcbZny7Aw=
=wJUN
-----END PGP PRIVATE KEY BLOCK-----
"""


def test_what_counts_is_how_the_keys_are_named() -> None:
    given = {
        "a.agekey": f"# created: today\n# public key: {RECIPIENT}\n{AGE_KEY}\n\n".encode(),
        "b.agekey": OTHER_KEY.encode(),
        "age.key": b"not looked at",
        "team.asc": str(PGP).encode(),
        "sops.other": b"x",
    }
    read = keys.read(given, HOLDER)
    assert read.age.decode() == f"{AGE_KEY}\n{OTHER_KEY}\n"
    assert read.names[0] == RECIPIENT
    assert read.names[-1] == PGP.extract_certificate().fingerprint.upper()
    assert [each.fingerprint for each in pysequoia.Cert.split_bytes(read.pgp)] == [read.names[-1].lower()]
    assert AGE_KEY not in repr(read)


def test_results_depend_on_the_keys_and_not_on_who_holds_them() -> None:
    one = keys.read({"a.agekey": AGE_KEY.encode()}, HOLDER)
    assert one.digest == keys.read({"b.agekey": AGE_KEY.encode()}, "another").digest
    assert one.digest != keys.read({"a.agekey": OTHER_KEY.encode()}, HOLDER).digest
    assert keys.Keys(age=b"ab", pgp=b"c").digest != keys.Keys(age=b"a", pgp=b"bc").digest


def test_a_key_for_post_quantum_recipients_is_handed_on() -> None:
    assert keys.read({"a.agekey": b"AGE-SECRET-KEY-PQ-1QQQ"}, HOLDER).age == b"AGE-SECRET-KEY-PQ-1QQQ\n"


BAD = {
    "an identity that is cut": ("a.agekey", AGE_KEY[:-9].encode(), "line 1 is no age identity: it is cut or mistyped"),
    "a recipient in place of an identity": ("a.agekey", RECIPIENT.encode(), "line 1 is no age identity, write one"),
    "a plugin's key": ("a.agekey", b"AGE-PLUGIN-YUBIKEY-1QQQ", "line 1 is the key of an age plugin"),
    "bytes that are no text": ("a.agekey", b"\xff\xfe", "it is not text"),
    "a public key": ("a.asc", str(PGP.extract_certificate()).encode(), "it holds no armored private key"),
    "armor that is damaged": ("a.asc", str(PGP).replace("=", "!").encode(), "its armor is damaged"),
    "a key that is cut": ("a.asc", CUT.encode(), "it holds no key to decrypt with"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value", "told"), BAD.values(), ids=BAD)
def test_a_key_that_is_none_is_named(name: str, value: bytes, told: str) -> None:
    with pytest.raises(KeysError) as raised:
        keys.read({name: value}, HOLDER)
    said = str(raised.value)
    assert said.startswith(f"failed to import '{name}' data from sops decryption {HOLDER}: {told}")
    assert value.decode("latin-1")[:40] not in said


def test_a_key_behind_a_passphrase_is_told() -> None:
    with pytest.raises(KeysError, match="protected by a passphrase, export it without one"):
        keys.read({"a.asc": LOCKED.encode()}, HOLDER)


def test_only_age_keys_serve_all_kustomizations() -> None:
    assert keys.only_age({"a.agekey": b"1", "b.asc": b"2", "sops.vault-token": b"3"}) == {"a.agekey": b"1"}


def test_pyrage_and_sops_agree_on_what_an_identity_looks_like() -> None:
    assert AGE_KEY.startswith("AGE-SECRET-KEY-1")
    assert str(pyrage.x25519.Identity.from_str(AGE_KEY).to_public()) == RECIPIENT
