"""Which hosts belong to which cloud, and how an identity becomes credentials of a registry."""

import base64
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from yarl import URL

from gotk.cloud.aws import Aws
from gotk.cloud.azure import Azure
from gotk.cloud.caller import Caller
from gotk.cloud.errors import CloudError
from gotk.cloud.gcp import Gcp
from gotk.cloud.registries import acr
from gotk.cloud.registries.acr import Acr
from gotk.cloud.registries.ecr import Ecr
from gotk.cloud.registries.gar import Gar
from gotk.cloud.registries.ports import Provider
from gotk.cloud.sigv4 import Keys, sign
from gotk.cloud.token import Token
from tests.gotk.cloud.standin import now, services

KEYS = Keys(access_key="ASIA", secret_key="hunter2", session_token="session", expires=now())
ENTRA = Token(value="entra", expires=now())


def provider(name: str, caller: Caller, **environment: str) -> Provider:
    sovereign = acr.read_environment(b'{"containerRegistryDNSSuffix": "azurecr.example"}')
    made: dict[str, Provider] = {
        "aws": Ecr(caller, Aws(caller, environment=environment, now=now), now=now),
        "azure": Acr(caller, Azure(caller, environment=environment, now=now), environment=sovereign),
        "gcp": Gar(Gcp(caller, environment=environment, now=now)),
    }
    return made[name]


@pytest.mark.parametrize(
    ("cloud", "registry", "expected"),
    [
        ("aws", "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "eu-west-1"),
        ("aws", "123456789012.dkr.ecr-fips.us-gov-east-1.amazonaws.com", "us-gov-east-1"),
        ("aws", "123456789012.dkr-ecr.eu-west-1.on.aws", "eu-west-1"),
        ("aws", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("aws", "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1"),
        ("aws", "public.ecr.aws", "public.ecr.aws"),
        ("azure", "foo.azurecr.io", "foo.azurecr.io"),
        ("azure", "foo.azurecr.cn", "foo.azurecr.cn"),
        ("azure", "foo.azurecr.example", "foo.azurecr.example"),
        ("gcp", "gcr.io", "gcp"),
        ("gcp", "eu.gcr.io", "gcp"),
        ("gcp", "europe-west1-docker.pkg.dev", "gcp"),
        ("gcp", "docker.s3nsregistry.fr", "gcp"),
    ],
)
async def test_a_clouds_registry_is_known_by_its_host(cloud: str, registry: str, expected: str):
    async with Caller() as caller:
        assert provider(cloud, caller).input(registry) == expected


@pytest.mark.parametrize(
    ("cloud", "registry", "message"),
    [
        ("aws", "ghcr.io", "invalid AWS registry: 'ghcr.io'. must match ([0-9+]*).dkr[.-]ecr"),
        ("aws", "1.dkr.ecr.eu-west-1.amazonaws.com.evil.com", "invalid AWS registry: "),
        ("aws", "1.dkr.ecr.evil.com/.amazonaws.com", "invalid AWS registry: "),
        ("azure", "ghcr.io", r"invalid Azure registry: 'ghcr.io'. must match ^.+\.(azurecr\.io|azurecr\.cn|"),
        ("azure", "foo.azurecr.io.evil.com", "invalid Azure registry: "),
        ("azure", "evil.com?x.azurecr.io", "invalid Azure registry: "),
        ("gcp", "ghcr.io", r"invalid GCP registry: 'ghcr.io'. must match ^(((.+\.)?gcr\.io)|(.+-docker\.pkg\.dev)"),
        ("gcp", "europe-docker.pkg.dev.evil.com", "invalid GCP registry: "),
    ],
)
async def test_another_host_gets_no_credentials(cloud: str, registry: str, message: str):
    async with Caller() as caller:
        with pytest.raises(CloudError, match=f"^{re.escape(message)}"):
            provider(cloud, caller).input(registry)


@pytest.mark.parametrize(
    ("registry", "scope"),
    [
        ("foo.azurecr.io", "https://management.azure.com/.default"),
        ("foo.azurecr.cn", "https://management.chinacloudapi.cn/.default"),
        ("foo.azurecr.us", "https://management.usgovcloudapi.net/.default"),
    ],
)
async def test_azures_clouds_have_scopes_of_their_own(registry: str, scope: str):
    async with Caller() as caller:
        assert provider("azure", caller).scope(registry) == scope


@pytest.mark.parametrize("public", [False, True], ids=["private", "public"])
async def test_ecr_is_asked_with_a_signature(public: bool):
    token = base64.b64encode(b"AWS:pass:word").decode()
    data = {"authorizationToken": token, "expiresAt": 1767312000.5}
    reply = {"authorizationData": data if public else [data]}
    async with services({"POST /": reply}) as cloud:
        ecr = provider("aws", cloud.caller, AWS_ENDPOINT_URL=cloud.url)
        found = await ecr.registry("public.ecr.aws" if public else "eu-west-1", KEYS, None)
    (asked,) = cloud.asked
    assert asked.headers["X-Amz-Target"] == (
        "SpencerFrontendService.GetAuthorizationToken"
        if public
        else "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
    )
    again = sign(
        KEYS,
        method="POST",
        url=URL(cloud.url) / "",
        headers={name: asked.headers[name] for name in ("Content-Type", "X-Amz-Target")},
        body=asked.body,
        region="us-east-1" if public else "eu-west-1",
        service="ecr-public" if public else "ecr",
        now=now(),
    )
    assert asked.headers["Authorization"] == again["Authorization"]
    assert asked.headers["X-Amz-Security-Token"] == "session"
    assert (found.credentials.username, found.credentials.password) == ("AWS", "pass:word")
    assert found.expires == datetime.fromtimestamp(1767312000.5, UTC)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ({"authorizationData": []}, "no authorization data returned"),
        ({"authorizationData": [{"authorizationToken": "QVdT", "expiresAt": 1}]}, "invalid authorization token format"),
        ({"authorizationData": [{"authorizationToken": "x", "expiresAt": 1}]}, "failed to parse authorization token"),
        ({}, "is not what the service documents"),
    ],
    ids=["no data", "no colon", "no base64", "another shape"],
)
async def test_what_ecr_should_not_answer_is_said(reply: dict[str, Any], message: str):
    async with services({"POST /": reply}) as cloud:
        with pytest.raises(CloudError, match=message):
            await provider("aws", cloud.caller, AWS_ENDPOINT_URL=cloud.url).registry("eu-west-1", KEYS, None)


def jwt(**claims: Any) -> str:
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in ({}, claims, {}))


async def test_acr_exchanges_the_entra_token_at_the_registry():
    refresh = jwt(exp=1767312000)
    async with services({"POST /oauth2/exchange": {"refresh_token": refresh}}) as cloud:
        registry = Acr(
            cloud.caller,
            Azure(cloud.caller, environment={}, now=now),
            exchange=lambda _: URL(cloud.url) / "oauth2/exchange",
        )
        found = await registry.registry("foo.azurecr.io", ENTRA, None)
    assert cloud.asked[0].form == {
        "grant_type": "access_token",
        "service": "foo.azurecr.io",
        "access_token": "entra",
    }
    assert found.credentials.username == "00000000-0000-0000-0000-000000000000"
    assert found.credentials.password == refresh
    assert found.expires == datetime.fromtimestamp(1767312000, UTC)


@pytest.mark.parametrize("token", ["opaque", "a.b.c", jwt(sub="x")], ids=["opaque", "no JSON", "no end"])
async def test_a_refresh_token_without_an_end_is_refused_and_not_shown(token: str):
    async with services({"POST /oauth2/exchange": {"refresh_token": token}}) as cloud:
        registry = Acr(
            cloud.caller,
            Azure(cloud.caller, environment={}, now=now),
            exchange=lambda _: URL(cloud.url) / "oauth2/exchange",
        )
        with pytest.raises(CloudError, match="is no JWT with an end") as raised:
            await registry.registry("foo.azurecr.io", ENTRA, None)
    assert token not in str(raised.value)


async def test_google_takes_the_access_token_itself():
    async with Caller() as caller:
        found = await provider("gcp", caller).registry("gcp", Token(value="google", expires=now()), None)
    assert (found.credentials.username, found.credentials.password) == ("oauth2accesstoken", "google")
