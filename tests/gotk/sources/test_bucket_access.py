"""How stores of buckets are reached: as a service account in a cloud, and through the Bucket's own proxy."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from gotk.api.core import ServiceAccount
from gotk.api.meta import ObjectMeta
from gotk.cloud.azure import Azure
from gotk.cloud.cache import TokenCache
from gotk.cloud.gcp import Gcp
from gotk.cloud.google import Google
from gotk.cloud.identity import Identities
from gotk.sources.bucket_access import BucketAccess, Refused
from tests.deploy.source.buckets.world import bucket
from tests.deploy.source.vault import Vault
from tests.gotk.cloud.accounts import TokenCluster
from tests.gotk.cloud.standin import NOW, Services, now, services
from tests.real import proxies

PROVIDER = "projects/1/locations/global/workloadIdentityPools/pool/providers/cluster"
EMAIL = "fleet@project.iam.gserviceaccount.com"
IMPERSONATE = f"/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"
REPLIES = {
    "POST /v1/token": {"access_token": "federated", "expires_in": 3600},
    f"POST {IMPERSONATE}": {"accessToken": "impersonated", "expireTime": "2026-01-01T13:00:00Z"},
    "POST /tenant/oauth2/v2.0/token": {"access_token": "entra", "expires_in": 3600},
    "POST /t/oauth2/v2.0/token": {"access_token": "application", "expires_in": 3600},
}
ANNOTATIONS = {
    "gcp.auth.fluxcd.io/workload-identity-provider": PROVIDER,
    "iam.gke.io/gcp-service-account": EMAIL,
    "azure.workload.identity/tenant-id": "tenant",
    "azure.workload.identity/client-id": "client",
}
AZURE = "https://fleet.blob.core.windows.net"


@contextlib.asynccontextmanager
async def clouds(
    *, gate: bool = True, host: str = ""
) -> AsyncIterator[tuple[BucketAccess, Vault, Services, TokenCluster]]:
    """Give what reaches stores, over stand-ins of the clouds' token services; `host` is what they are called."""
    metadata = ObjectMeta(name="robot", namespace="apps", annotations=ANNOTATIONS)
    cluster = TokenCluster(ServiceAccount(api_version="v1", kind="ServiceAccount", metadata=metadata))
    async with services(REPLIES) as cloud:
        url = cloud.url if not host else f"http://{host}:{cloud.address.rpartition(':')[2]}"
        cache = TokenCache(now=NOW.timestamp)
        vault = Vault()
        access = BucketAccess(
            objects=vault,
            google=Google(
                Gcp(cloud.caller, environment={"GCE_METADATA_HOST": cloud.address}, now=now, sts=url, iam=url)
            ),
            azure=Azure(cloud.caller, environment={"AZURE_AUTHORITY_HOST": url}, now=now),
            identities=Identities(cluster=cluster, cache=cache, workload_identity=gate, default_account=""),
        )
        yield access, vault, cloud, cluster


async def test_a_service_account_is_whom_it_is_annotated_to_be_in_google_cloud() -> None:
    async with clouds() as (access, _, cloud, cluster):
        obj = bucket("storage.googleapis.com", provider="gcp", serviceAccountName="robot")
        reached = [await access.of(obj), await access.of(obj)]
    assert [each.token and each.token.value for each in reached] == ["impersonated", "impersonated"]
    assert cloud.paths == ["POST /v1/token", f"POST {IMPERSONATE}"], "the second one is kept"
    assert cluster.tokens == [("apps", "robot", [f"//iam.googleapis.com/{PROVIDER}"])]


async def test_a_service_account_is_whom_it_is_annotated_to_be_in_azure() -> None:
    async with clouds() as (access, _, cloud, cluster):
        reached = await access.of(bucket(AZURE, provider="azure", serviceAccountName="robot"))
    assert reached.blob is not None
    assert reached.blob.token is not None
    assert (reached.blob.token.value, str(reached.blob.endpoint)) == ("entra", AZURE)
    (asked,) = cloud.asked
    assert asked.form["client_id"] == "client"
    assert asked.form["client_assertion"] == "jwt"
    assert asked.form["scope"] == "https://storage.azure.com/.default"
    assert cluster.tokens == [("apps", "robot", ["api://AzureADTokenExchange"])]


@pytest.mark.parametrize("provider", ["gcp", "azure"])
async def test_a_service_account_needs_the_gate(provider: str) -> None:
    async with clouds(gate=False) as (access, _, cloud, cluster):
        with pytest.raises(Refused) as raised:
            await access.of(bucket(AZURE, provider=provider, serviceAccountName="robot"))
    assert raised.value.final == "FeatureGateDisabled"
    assert not cloud.asked
    assert not cluster.tokens


@pytest.mark.parametrize("provider", ["gcp", "azure"])
async def test_a_service_account_that_is_missing_is_named(provider: str) -> None:
    async with clouds() as (access, _, cloud, _):
        with pytest.raises(Refused, match="failed to get service account 'apps/nobody'"):
            await access.of(bucket(AZURE, provider=provider, serviceAccountName="nobody"))
    assert not cloud.asked


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize(
    ("spec", "calls"),
    [
        pytest.param({"provider": "gcp", "serviceAccountName": "robot"}, 2, id="an account of Google Cloud"),
        pytest.param({"provider": "azure", "serviceAccountName": "robot"}, 1, id="an account of Azure"),
    ],
)
async def test_tokens_are_asked_for_through_the_bucket_s_proxy(scheme: str, spec: dict[str, str], calls: int) -> None:
    names = {"clouds.invalid": "127.0.0.1"}
    with proxies.serve(scheme, user="jane", password="s3cret", names=names) as proxy:
        async with clouds(host="clouds.invalid") as (access, vault, cloud, _):
            vault.put("way", **proxy.secret)
            reached = await access.of(bucket(AZURE, proxySecretRef={"name": "way"}, **spec))
    assert reached.proxy is not None
    assert len(cloud.asked) == calls
    assert {host for host, _ in proxy.reached} == {"clouds.invalid"}
    assert "s3cret" not in repr(reached)
