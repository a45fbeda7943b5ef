"""Formats: by name, and by the mark of an encrypted document."""

import pytest

from deploy.kustomize.decryption import formats, recipients
from deploy.kustomize.decryption.formats import Format
from tests.deploy.kustomize.decryption import encrypting
from tests.deploy.kustomize.decryption.encrypting import RECIPIENT, needs_sops

NAMES = {
    "a.yaml": "yaml",
    "b.yml": "yaml",
    "c.json": "json",
    ".dockerconfigjson": "json",
    "d.env": "dotenv",
    ".env": "dotenv",
    "e.ini": "ini",
    "token": "binary",
    "a.yaml.txt": "binary",
}


@pytest.mark.parametrize(("name", "kind"), NAMES.items(), ids=NAMES)
def test_the_name_says_the_format(name: str, kind: Format) -> None:
    assert formats.of_name(name) == kind
    assert formats.of_variables(name) == ("dotenv" if kind == "binary" else kind)


TEXTS: dict[Format, str] = {
    "yaml": "a: b\n",
    "json": '{"a": "b"}',
    "dotenv": "a=b\n",
    "ini": "[s]\na = b\n",
    "binary": "anything",
}


@pytest.mark.real
@needs_sops
@pytest.mark.parametrize(("kind", "text"), TEXTS.items(), ids=TEXTS)
def test_what_the_real_program_encrypts_is_seen_and_its_recipients_are_told(kind: Format, text: str) -> None:
    data = encrypting.encrypt(text, kind)
    assert formats.is_encrypted(data, kind)
    assert formats.detect(data) == ("json" if kind == "binary" else kind)
    assert not formats.is_encrypted(text.encode(), kind)
    assert formats.detect(text.encode()) is None
    assert recipients.of(data) == f"age {RECIPIENT}"


def test_recipients_of_every_kind_are_told() -> None:
    text = """data: {recipient: not one, arn: nor this}
sops:
    kms:
        - arn: arn:aws:kms:eu-west-1:1:key/x
    gcp_kms:
        - resource_id: projects/p/locations/global/keyRings/r/cryptoKeys/k
    azure_kv:
        - vault_url: https://v.vault.azure.net
    hc_vault:
        - vault_address: https://vault.example.com:8200
    pgp:
        - fp: 0123ABCD
"""
    assert recipients.of(text.encode()) == (
        "AWS KMS arn:aws:kms:eu-west-1:1:key/x, GCP KMS projects/p/locations/global/keyRings/r/cryptoKeys/k, "
        "Azure Key Vault https://v.vault.azure.net, Vault https://vault.example.com:8200, PGP 0123ABCD"
    )
    assert recipients.of(b"sops: {age: []}") == ""
    many = "".join(f"  - recipient: age{number}\n" for number in range(9))
    assert recipients.of(f"sops:\n{many}".encode()).endswith("age age4 and 4 more")
