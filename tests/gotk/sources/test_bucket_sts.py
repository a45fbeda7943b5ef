from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from gotk.api.core import Secret
from gotk.api.meta import LocalObjectReference, ObjectMeta
from gotk.api.source import BucketSTS
from gotk.cloud.aws import Aws
from gotk.cloud.cache import Subject, TokenCache
from gotk.cloud.errors import CloudError
from gotk.cloud.git_login import Iam
from gotk.cloud.identity import Identities, Wanted
from gotk.http.proxy import Proxy
from gotk.http.tls import SYSTEM
from gotk.sources import bucket_sts
from gotk.sources.bucket_sts import Directory, Invalid
from tests.deploy.source.buckets.world import bucket
from tests.gotk.cloud.accounts import TokenCluster, robot
from tests.gotk.cloud.standin import NOW, Services, now, services
from tests.real import proxies, s3

AMAZON = "https://sts.eu-west-1.amazonaws.com"
SUBJECT = Subject("Bucket", "apps", "fleet")


@pytest.mark.parametrize(
    "endpoint", [AMAZON, "https://sts.amazonaws.com/", "https://vpce-1.sts.eu-west-1.vpce.amazonaws.com"]
)
def test_a_token_service_of_aws_is_taken(endpoint: str) -> None:
    bucket_sts.check(bucket("s3", provider="aws", sts={"provider": "aws", "endpoint": endpoint}).spec)


@pytest.mark.parametrize(
    ("provider", "sts", "complaint"),
    [
        ("gcp", {"provider": "aws"}, "STS configuration is not supported for 'gcp' bucket provider"),
        ("aws", {"provider": "ldap"}, "STS provider 'ldap' is not supported for 'aws' bucket provider"),
        ("generic", {"provider": "aws"}, "STS provider 'aws' is not supported for 'generic' bucket provider"),
        ("aws", {"provider": "aws", "secretRef": {"name": "x"}}, "spec.sts.secretRef is not required for the 'aws'"),
        ("aws", {"provider": "aws", "certSecretRef": {"name": "x"}}, "spec.sts.certSecretRef is not required for the"),
        ("aws", {"provider": "aws", "endpoint": "https://sts.example.com"}, "invalid STS endpoint: 'https://sts.ex"),
        ("aws", {"provider": "aws", "endpoint": "http://sts.amazonaws.com"}, "must be https"),
        ("aws", {"provider": "aws", "endpoint": "https://evil.example/x.sts.amazonaws.com"}, "its host must match"),
        ("generic", {"provider": "ldap", "endpoint": "http://:80/"}, "failed to parse STS endpoint 'http://:80/'"),
        ("generic", {"provider": "ldap"}, "spec.sts.secretRef is required for the 'ldap' STS provider"),
    ],
)
def test_a_token_service_that_cannot_be_is_refused(provider: str, sts: dict[str, object], complaint: str) -> None:
    with pytest.raises(Invalid) as raised:
        bucket_sts.check(bucket("s3", provider=provider, sts={"endpoint": AMAZON, **sts}).spec)
    assert complaint in str(raised.value)


LDAP = """<AssumeRoleWithLDAPIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithLDAPIdentityResult><Credentials><AccessKeyId>short</AccessKeyId><SecretAccessKey>lived</SecretAccessKey>
<SessionToken>session</SessionToken><Expiration>2026-01-01T13:00:00Z</Expiration></Credentials>
</AssumeRoleWithLDAPIdentityResult></AssumeRoleWithLDAPIdentityResponse>"""


def refusal(_: object) -> web.StreamResponse:
    said = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>LDAP bind failed</Message></Error></ErrorResponse>"
    return web.Response(status=403, text=said)


@pytest.fixture
async def ldap() -> AsyncIterator[Services]:
    async with services({"POST /sts": LDAP.encode(), "POST /closed": refusal}) as cloud:
        yield cloud


def user(password: bytes = b"s3cret") -> Secret:
    data = {"username": b"jane", "password": password}
    return Secret(api_version="v1", kind="Secret", metadata=ObjectMeta(name="ldap", namespace="apps"), data=data)


def asks(endpoint: str) -> BucketSTS:
    return BucketSTS(provider="ldap", endpoint=endpoint, secret_ref=LocalObjectReference(name="ldap"))


async def test_a_directory_s_user_gets_keys_once_for_most_of_their_life(ldap: Services) -> None:
    directory = Directory(caller=ldap.caller, cache=TokenCache(now=NOW.timestamp))
    for _ in range(2):
        keys = await directory.keys(asks(f"{ldap.url}/sts"), user(), tls=SYSTEM, proxy=None, subject=SUBJECT)
    assert (keys.access_key, keys.secret_key, keys.session_token) == ("short", "lived", "session")
    (asked,) = ldap.asked
    assert asked.form == {
        "Action": "AssumeRoleWithLDAPIdentity",
        "Version": "2011-06-15",
        "LDAPUsername": "jane",
        "LDAPPassword": "s3cret",
    }
    assert not asked.query
    await directory.keys(asks(f"{ldap.url}/sts"), user(b"other"), tls=SYSTEM, proxy=None, subject=SUBJECT)
    assert len(ldap.asked) == 2


async def test_a_directory_is_asked_through_the_bucket_s_proxy(ldap: Services) -> None:
    directory = Directory(caller=ldap.caller, cache=TokenCache(now=NOW.timestamp))
    with proxies.serve("http", user="jane", password="pr0xy", names={"directory.invalid": "127.0.0.1"}) as proxy:
        port = ldap.address.rpartition(":")[2]
        way = Proxy.parse(proxy.url)
        endpoint = f"http://directory.invalid:{port}/sts"
        keys = await directory.keys(asks(endpoint), user(), tls=SYSTEM, proxy=way, subject=SUBJECT)
    assert proxy.reached == [("directory.invalid", int(port))]
    assert keys.access_key == "short"


async def test_a_refusal_is_said_in_the_service_s_words_without_the_password(ldap: Services) -> None:
    directory = Directory(caller=ldap.caller, cache=TokenCache(now=NOW.timestamp))
    with pytest.raises(CloudError, match="status 403: AccessDenied: LDAP bind failed") as raised:
        await directory.keys(asks(f"{ldap.url}/closed"), user(), tls=SYSTEM, proxy=None, subject=SUBJECT)
    assert "s3cret" not in str(raised.value)


@pytest.mark.real
async def test_moto_s_token_service_gives_a_service_account_s_role_its_keys(tmp_path: Path) -> None:
    role = "arn:aws:iam::123456789012:role/reader"
    cluster = TokenCluster(robot(**{"eks.amazonaws.com/role-arn": role}))
    cache = TokenCache(now=NOW.timestamp)
    known = Identities(cluster=cluster, cache=cache, workload_identity=True, default_account="")
    with s3.store(tmp_path) as address:
        async with services({}) as cloud:
            environment = {"AWS_ENDPOINT_URL_STS": f"{cloud.url}/another"}
            here = Iam(Aws(cloud.caller, environment=environment, now=now)).at(f"http://{address}")
            wanted = Wanted(
                provider=here, scope="eu-west-1", namespace="team", account="robot", proxy=None, subject=SUBJECT,
                service=f"http://{address}",
            )  # fmt: skip
            keys = await known.token(await known.resolve(wanted))
            assert not cloud.asked
    assert keys.access_key.startswith("ASIA")
    assert keys.session_token
    assert keys.expires > NOW
