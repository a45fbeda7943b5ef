"""Data keys that a service holds: what it is asked, what sops gets of it, and what is told when it refuses."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from yarl import URL

from deploy.kustomize.decryption import formats, keys, metadata, services, sops
from deploy.kustomize.decryption.formats import Format
from deploy.kustomize.decryption.keys import Keys, KeysError
from deploy.kustomize.decryption.metadata import Group, Metadata
from deploy.kustomize.decryption.services import NoServices, ServiceError, Services
from deploy.kustomize.decryption.sops import DecryptionError, Sops
from gotk.api import scheme
from gotk.api.core import ServiceAccount
from gotk.cloud import sigv4
from gotk.cloud.cache import TokenCache
from gotk.cloud.caller import Caller
from gotk.cloud.identity import Identities
from gotk.http.egress import Reach
from gotk.sandbox.confinement import Confinement
from tests.deploy.kustomize.decryption import encrypting
from tests.deploy.kustomize.decryption.encrypting import AGE_KEY, OTHER_KEY, RECIPIENT, needs_sops
from tests.gotk.cloud import certificates

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ARN = "arn:aws:kms:eu-west-1:123456789012:key/one"
ROLE = "arn:aws:iam::123456789012:role/reader"
RESOURCE = "projects/p/locations/global/keyRings/r/cryptoKeys/k"
UNTIL = "<Expiration>2026-01-01T01:00:00Z</Expiration>"
SECRETS = ("vault-token-value", "aws-secret-value", "azure-secret-value", "session-value")
RSA = rsa.generate_private_key(65537, 2048)
PEM = RSA.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()


class Cloud:
    """Speaks for every service: a ciphertext is `sealed:` and the data key in base64."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, Mapping[str, str], Any]] = []
        self.refuses = False

    async def serve(self, request: web.Request) -> web.Response:
        body = await request.read()
        kind = request.headers.get("Content-Type", "")
        told = json.loads(body) if "json" in kind else dict((await request.post()).items())
        self.asked.append((request.path_qs, dict(request.headers), told))
        if self.refuses:
            return web.json_response({"message": "you may not"}, status=403)
        return self.answer(request.path, told)

    def answer(self, path: str, told: Mapping[str, Any]) -> web.Response:
        if told.get("Action"):
            found = "<AccessKeyId>A2</AccessKeyId><SecretAccessKey>s2</SecretAccessKey>"
            text = f"<r>{found}<SessionToken>session-value</SessionToken>{UNTIL}</r>"
            return web.Response(text=text, content_type="text/xml")
        if path.endswith("token"):
            return web.json_response({"access_token": "entra-or-google", "expires_in": 3600})
        if "CiphertextBlob" in told:
            return web.json_response({"Plaintext": opened(told["CiphertextBlob"])})
        if path.endswith(":decrypt"):
            return web.json_response({"plaintext": opened(told["ciphertext"])})
        if path.startswith("/keys/"):
            signs = opened(told["value"]).replace("+", "-").replace("/", "_").rstrip("=")
            return web.json_response({"value": signs})
        return web.json_response({"data": {"plaintext": opened(told["ciphertext"])}})


def opened(text: str) -> str:
    return text.removeprefix("sealed:")


class Accounts:
    """A cluster with one service account."""

    async def get(self, kind: type[Any], namespace: str, name: str) -> Any:
        meta = {"namespace": namespace, "name": name, "annotations": {"eks.amazonaws.com/role-arn": ROLE}}
        return scheme.convert({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}, ServiceAccount)

    async def create_subresource(self, *_: Any) -> dict[str, Any]:
        return {"status": {"token": "of-the-cluster", "expirationTimestamp": "2026-01-01T01:00:00Z"}}


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    made = Cloud()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def opens(cloud: Cloud) -> AsyncIterator[Services]:
    environment = {
        "AWS_ENDPOINT_URL": cloud.url,
        "AZURE_AUTHORITY_HOST": cloud.url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    async with Caller(most=Reach.LOOPBACK) as caller:
        yield Services(
            identities=Identities(
                cluster=Accounts(),
                cache=TokenCache(now=NOW.timestamp),
                workload_identity=True,
                default_account="",
            ),
            caller=caller,
            environment=environment,
            now=lambda: NOW,
            vaults={"127.0.0.1": "https://vault.azure.net/.default"},
            google=cloud.url,
        )


def entry(kind: str, data_key: bytes, url: str) -> dict[str, Any]:
    sealed = f"sealed:{base64.b64encode(data_key).decode()}"
    found: dict[str, dict[str, Any]] = {
        "kms": {"arn": ARN, "enc": sealed, "role": ROLE, "context": {"app": "x"}},
        "gcp_kms": {"resource_id": RESOURCE, "enc": sealed},
        "azure_kv": {"vault_url": url, "name": "key", "version": "1", "enc": sealed},
        "hc_vault": {"vault_address": url, "engine_path": "sops/transit", "key_name": "key", "enc": sealed},
    }
    return {**found[kind], "created_at": "2026-01-01T00:00:00Z"}


def holder(cloud_url: str) -> Keys:
    google = {"type": "service_account", "client_email": "a@b", "private_key": PEM, "token_uri": f"{cloud_url}/token"}
    return keys.read(
        {
            "sops.vault-token": b"vault-token-value\n",
            "sops.aws-kms": b"aws_access_key_id: A1\naws_secret_access_key: aws-secret-value\n",
            "sops.azure-kv": b'{"tenantId": "t", "clientId": "c", "clientSecret": "azure-secret-value"}',
            "sops.gcp-kms": json.dumps(google).encode(),
        },
        "Secret 'apps/sops'",
    )


ASKED = {"kms": "/", "gcp_kms": f"/v1/{RESOURCE}:decrypt", "azure_kv": "/keys/key/1/decrypt?api-version=7.4"}
ASKED["hc_vault"] = "/v1/sops/transit/decrypt/key"


@pytest.mark.parametrize("kind", ASKED)
async def test_a_service_is_asked_as_it_documents(kind: str, cloud: Cloud, opens: Services) -> None:
    assert (
        await opens.open(kind, entry(kind, b"data key \xff\xfe\xfb", cloud.url), holder(cloud.url))
        == b"data key \xff\xfe\xfb"
    )
    path, headers, told = cloud.asked[-1]
    assert path == ASKED[kind]
    assert "sealed:" in json.dumps(told)
    match kind:
        case "kms":
            assert told["EncryptionContext"] == {"app": "x"}
            assert (told["KeyId"], headers["X-Amz-Target"]) == (ARN, "TrentService.Decrypt")
            assert headers["X-Amz-Security-Token"] == "session-value"
            assert cloud.asked[0][2] == {
                "Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": ROLE, "RoleSessionName": "sops",
            }  # fmt: skip
            assert "Credential=A1/20260101/eu-west-1/sts/aws4_request" in cloud.asked[0][1]["Authorization"]
        case "hc_vault":
            assert headers["X-Vault-Token"] == "vault-token-value"
        case _:
            assert headers["Authorization"] == "Bearer entra-or-google"


async def test_a_request_to_aws_carries_its_signature(cloud: Cloud, opens: Services) -> None:
    plain = {name: value for name, value in entry("kms", b"x", cloud.url).items() if name != "role"}
    await opens.open("kms", plain, holder(cloud.url))
    ((_, headers, told),) = cloud.asked
    found = sigv4.Keys(access_key="A1", secret_key="aws-secret-value", expires=NOW)
    sent = {name: headers[name] for name in ("Content-Type", "X-Amz-Target")}
    expected = sigv4.sign(
        found, method="POST", url=URL(cloud.url) / "", headers=sent,
        body=json.dumps(told).encode(), region="eu-west-1", service="kms", now=NOW,
    )  # fmt: skip
    assert headers["Authorization"] == expected["Authorization"]


async def test_an_application_shows_azure_its_certificate(cloud: Cloud, opens: Services) -> None:
    made = certificates.make().pem().decode()
    given = json.dumps({"tenantId": "t", "clientId": "c", "clientCertificate": made}).encode()
    shown = keys.read({"sops.azure-kv": given}, "Secret 'apps/sops'")
    assert await opens.open("azure_kv", entry("azure_kv", b"data key", cloud.url), shown) == b"data key"
    _, _, told = cloud.asked[0]
    assert told["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert told["client_assertion"].count(".") == 2


async def test_without_credentials_the_service_account_is_who_asks(cloud: Cloud, opens: Services) -> None:
    asking = Keys(account=("apps", "reader"))
    plain = {name: value for name, value in entry("kms", b"x", cloud.url).items() if name != "role"}
    assert await opens.open("kms", plain, asking) == b"x"
    assert cloud.asked[0][2]["Action"] == "AssumeRoleWithWebIdentity"
    assert cloud.asked[0][2]["WebIdentityToken"] == "of-the-cluster"
    assert asking.digest != Keys(account=("other", "reader")).digest


BAD = {
    "a region of one's own": ("kms", {"arn": "arn:aws:kms:evil.example/:1:key/x"}, "`arn` is no key of AWS KMS"),
    "a role that is none": ("kms", {"role": "x"}, "`role` is no role of AWS"),
    "a context that is none": ("kms", {"context": ["x"]}, "`context` is no mapping"),
    "another path": ("gcp_kms", {"resource_id": f"{RESOURCE}/../x"}, "`resource_id` is no key of Google Cloud KMS"),
    "a vault of one's own": (
        "azure_kv",
        {"vault_url": "https://vault.azure.net.example.com"},
        "`vault_url` is no key vault",
    ),
    "a key with a path": ("azure_kv", {"name": "../secrets"}, "`name` and `version` are none of a key"),
    "a path that climbs": ("hc_vault", {"engine_path": "transit/../sys"}, "`engine_path` and `key_name` are none"),
    "a file": ("hc_vault", {"vault_address": "file:///etc/passwd"}, "`vault_address` is no address"),
    "a metadata service": ("hc_vault", {"vault_address": "http://169.254.169.254"}, "169.254.169.254"),
    "a service that is not known": ("hckms", {}, "this kind of key is not supported"),
}


@pytest.mark.parametrize(("kind", "fields", "told"), BAD.values(), ids=BAD)
async def test_what_a_repository_says_leads_nowhere_else(
    kind: str, fields: dict[str, Any], told: str, cloud: Cloud, opens: Services
) -> None:
    good = entry(kind, b"x", cloud.url) if kind != "hckms" else {}
    with pytest.raises(ServiceError) as raised:
        await opens.open(kind, {**good, **fields}, holder(cloud.url))
    assert told in str(raised.value)
    assert not [path for path, _, _ in cloud.asked if path in ASKED.values()]


@pytest.mark.parametrize("kind", ASKED)
async def test_a_refusal_is_told_without_a_credential(kind: str, cloud: Cloud, opens: Services) -> None:
    cloud.refuses = True
    with pytest.raises(ServiceError) as raised:
        await opens.open(kind, entry(kind, b"x", cloud.url), holder(cloud.url))
    assert "status 403: you may not" in str(raised.value)
    for secret in SECRETS:
        assert secret not in str(raised.value)


TEXTS: dict[Format, str] = {
    "yaml": "a: hunter2-is-not-told\nb:\n    - 1\n",
    "json": '{\n\t"a": "b"\n}',
    "dotenv": "a=b\n",
    "ini": "[s]\na = b\n",
    "binary": "anything",
}


def sealed(text: str, kind: Format, url: str, groups: list[list[str]]) -> bytes:
    """Encrypt a document with the real sops, and put services in the place of the age key that opens it."""
    data = encrypting.encrypt(text, kind)
    found = metadata.read(data, kind)
    data_key = pyrage.decrypt(found.groups[0]["age"][0]["enc"].encode(), [pyrage.x25519.Identity.from_str(AGE_KEY)])
    made: list[Group] = []
    for names in groups:
        services_ = {name: [entry(name, data_key, url)] for name in names if name != "age"}
        made.append({**services_, **({"age": found.groups[0]["age"]} if "age" in names else {})})
    return metadata.write(data, kind, Metadata(tuple(made), several=False))


@pytest.fixture
def program(tmp_path: Path, opens: Services) -> Sops:
    return Sops(find=sops.find_command, scratch=tmp_path, confine=Confinement.command, opens=opens)


@pytest.mark.real
@needs_sops
@pytest.mark.parametrize(("kind", "text"), TEXTS.items(), ids=TEXTS)
async def test_sops_decrypts_what_a_service_opened(kind: Format, text: str, cloud: Cloud, program: Sops) -> None:
    data = sealed(text, kind, cloud.url, [["hc_vault"]])
    assert formats.is_encrypted(data, kind)
    for _ in range(2):
        plain = await program.decrypt(data, holder(cloud.url), given=kind, wanted=kind, timeout=60)
        assert plain.decode().strip() == text.strip()
    assert len(cloud.asked) == 1


@pytest.mark.real
@needs_sops
async def test_a_key_at_hand_comes_first_and_services_are_tried_in_turn(cloud: Cloud, program: Sops) -> None:
    data = sealed(TEXTS["yaml"], "yaml", cloud.url, [["age", "hc_vault"]])
    mine = replace(keys.read({"a.agekey": AGE_KEY.encode()}, "x"), services=holder(cloud.url).services)
    await program.decrypt(data, mine, given="yaml", wanted="yaml", timeout=60)
    assert cloud.asked == []
    other = keys.read({"a.agekey": OTHER_KEY.encode(), "sops.vault-token": b"vault-token-value"}, "x")
    await program.decrypt(data, other, given="yaml", wanted="yaml", timeout=60)
    assert len(cloud.asked) == 1


@pytest.mark.real
@needs_sops
async def test_a_service_that_refuses_is_told_with_its_key(cloud: Cloud, program: Sops) -> None:
    cloud.refuses = True
    data = sealed(TEXTS["yaml"], "yaml", cloud.url, [["hc_vault", "gcp_kms"]])
    with pytest.raises(DecryptionError) as raised:
        await program.decrypt(data, holder(cloud.url), given="yaml", wanted="yaml", timeout=60)
    said = str(raised.value)
    assert said.startswith(f"cannot get sops data key: GCP KMS {RESOURCE}: ")
    assert f"Vault {cloud.url}: POST {cloud.url}/v1/sops/transit/decrypt/key: status 403: you may not" in said
    assert not any(secret in said for secret in SECRETS)


class Silent:
    """A service that never answers, and tells when it is asked."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def open(self, *_: Any) -> bytes:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError


def of_vault(count: int = 1) -> bytes:
    """Return a document that nobody but a service opens: it is not decrypted here."""
    entries = [entry("hc_vault", b"x", "http://127.0.0.1:1") for _ in range(count)]
    return json.dumps({"a": "ENC[x]", "sops": {"hc_vault": entries, "mac": "x", "version": "3"}}).encode()


@pytest.mark.real
@needs_sops
async def test_documents_that_wait_for_a_service_hold_up_no_other(tmp_path: Path) -> None:
    silent = Silent()
    program = Sops(find=sops.find_command, scratch=tmp_path, confine=Confinement.command, opens=silent, width=1)
    mine = keys.read({"a.agekey": AGE_KEY.encode()}, "x")
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(program.decrypt(of_vault(), mine, given="json", wanted="json", timeout=3600))
        await silent.asked.wait()
        data = encrypting.encrypt(TEXTS["yaml"], "yaml")
        plain = await program.decrypt(data, mine, given="yaml", wanted="yaml", timeout=60)
        waiting.cancel()
    assert plain.decode().strip() == TEXTS["yaml"].strip()


async def test_services_are_asked_for_a_while_and_no_longer(tmp_path: Path) -> None:
    program = Sops(find=sops.find_command, scratch=tmp_path, confine=Confinement.command, opens=Silent())
    expected = "^cannot get sops data key: the key services gave no answer in time$"
    with pytest.raises(DecryptionError, match=expected):
        await program.decrypt(of_vault(), Keys(), given="json", wanted="json", timeout=0.01)


async def test_a_document_may_not_name_services_without_end(tmp_path: Path) -> None:
    silent = Silent()
    program = Sops(find=sops.find_command, scratch=tmp_path, confine=Confinement.command, opens=silent)
    expected = "^failed to load encrypted data: its sops metadata names 21 keys of services, more than 20$"
    with pytest.raises(DecryptionError, match=expected):
        await program.decrypt(of_vault(21), Keys(), given="json", wanted="json", timeout=60)
    assert not silent.asked.is_set()


CREDENTIALS = {
    "no token": ("sops.vault-token", b"\n", "it is no token"),
    "half a key": ("sops.aws-kms", b"aws_access_key_id: x", "it lacks aws_access_key_id and aws_secret_access_key"),
    "no mapping": ("sops.aws-kms", b"- x", "it is no mapping"),
    "no YAML": ("sops.azure-kv", b"{", "it is neither YAML nor JSON"),
    "a certificate": ("sops.azure-kv", b"clientCertificate: x", "'clientCertificate': it is no PEM and no PKCS #12"),
    "half a principal": (
        "sops.azure-kv",
        b"tenantId: x",
        "it lacks tenantId and clientId and clientSecret, or tenantId and clientId and clientCertificate, or",
    ),
}


@pytest.mark.parametrize(("name", "value", "told"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_credentials_that_are_none_are_named(name: str, value: bytes, told: str) -> None:
    with pytest.raises(KeysError) as raised:
        keys.read({name: value}, "Secret 'a/b'")
    assert str(raised.value).startswith(f"failed to import '{name}' data from sops decryption Secret 'a/b': {told}")


async def test_where_no_service_may_be_asked_that_is_told() -> None:
    with pytest.raises(ServiceError, match="no key service may be asked"):
        await NoServices().open("kms", {}, Keys())


def test_what_is_no_metadata_is_told() -> None:
    for kind, data in (("json", b"[]"), ("json", b"{"), ("yaml", b"a: b"), ("ini", b"[s]"), ("yaml", b"sops: [1]")):
        with pytest.raises(metadata.NoMetadata):
            metadata.read(data, kind)  # type: ignore[arg-type]
    assert services.in_order(["hc_vault", "age", "kms"]) == ["kms", "hc_vault"]
    assert RECIPIENT
