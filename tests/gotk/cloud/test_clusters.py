"""Ways to clusters of clouds: what is asked of the cloud, and what comes of it."""

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import prometheus_client
import pytest
import yaml

from gotk.cloud.aws import Aws
from gotk.cloud.azure import Azure
from gotk.cloud.cache import Subject, TokenCache
from gotk.cloud.clusters.access import ClusterLogins
from gotk.cloud.clusters.aks import Aks
from gotk.cloud.clusters.asked import Access, Asked, canonical
from gotk.cloud.clusters.eks import Eks
from gotk.cloud.clusters.gke import Gke
from gotk.cloud.errors import CloudError, GateDisabled
from gotk.cloud.gcp import Gcp
from gotk.cloud.identity import Identities
from tests.gotk.cloud.accounts import TokenCluster, robot
from tests.gotk.cloud.standin import NOW, Services, now, services

CA = "-----BEGIN CERTIFICATE-----\nca\n-----END CERTIFICATE-----\n"
ENCODED = base64.b64encode(CA.encode()).decode()
ARN = "arn:aws:eks:eu-west-1:123456789012:cluster/main"
AKS = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/team"
    "/providers/Microsoft.ContainerService/managedClusters/main"
)
GKE = "projects/team/locations/europe-west1/clusters/main"
ENTRA = {"token_type": "Bearer", "expires_in": 3599, "access_token": "entra"}
GOOGLE = {"access_token": "google", "expires_in": 3599}
SUBJECT = Subject("Kustomization", "team", "app", "fetch_kubeconfig")


def logins(
    cloud: Services, environment: Mapping[str, str] = {}, *, cluster: Any = None, gate: bool = True, token: str = ""
) -> ClusterLogins:
    identities = Identities(
        cluster=cluster or TokenCluster(),
        cache=TokenCache(now=NOW.timestamp),
        workload_identity=gate,
        default_account="",
    )
    given = {
        "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_ENDPOINT_URL_EKS": cloud.url,
        "AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client", "AZURE_CLIENT_SECRET": "hunter2",
        "AZURE_AUTHORITY_HOST": cloud.url, "GCE_METADATA_HOST": cloud.address, **environment,
    }  # fmt: skip
    kinds = {
        "aws": Eks(cloud.caller, Aws(cloud.caller, environment=given, now=now), now=now),
        "azure": Aks(cloud.caller, Azure(cloud.caller, environment=given, now=now), environment=given),
        "gcp": Gke(cloud.caller, Gcp(cloud.caller, environment=given, now=now), container=cloud.url),
    }
    return ClusterLogins(kinds, identities, own_token=Path(token))


def asked(provider: str, **said: Any) -> Asked:
    return Asked(provider=provider, namespace="team", subject=SUBJECT, **said)


async def test_eks_is_described_and_gets_a_signed_question_as_its_token() -> None:
    cluster = {"cluster": {"endpoint": "https://ABC.eks.amazonaws.com", "certificateAuthority": {"data": ENCODED}}}
    async with services({"GET /clusters/main": cluster}) as cloud:
        access = await logins(cloud).access(asked("aws", cluster=ARN))
    assert (access.host, access.authority) == ("https://abc.eks.amazonaws.com:443", CA)
    assert access.expires == NOW + timedelta(minutes=15)
    assert "/eu-west-1/eks/aws4_request" in cloud.asked[0].headers["Authorization"]
    prefix, _, encoded = access.token.partition(".")
    url = urlsplit(base64.urlsafe_b64decode(f"{encoded}==").decode())
    assert (prefix, url.scheme, url.netloc, url.path) == ("k8s-aws-v1", "https", "sts.eu-west-1.amazonaws.com", "/")
    query = {name: value[0] for name, value in parse_qs(url.query).items()}
    signature = query.pop("X-Amz-Signature")
    assert query == {
        "Action": "GetCallerIdentity",
        "Version": "2011-06-15",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": "AKID/20260101/eu-west-1/sts/aws4_request",
        "X-Amz-Date": "20260101T120000Z",
        "X-Amz-Expires": "900",
        "X-Amz-SignedHeaders": "host;x-k8s-aws-id",
    }
    assert len(signature) == 64


AZURE = {
    "POST /tenant/oauth2/v2.0/token": ENTRA,
    f"GET {AKS}": {"properties": {"aadProfile": {"managed": True}}},
}


def kubeconfigs(*servers: str) -> dict[str, Any]:
    made = []
    for server in servers:
        cluster = {"name": "c", "cluster": {"server": server, "certificate-authority-data": ENCODED}}
        made.append({"name": "u", "value": base64.b64encode(yaml.safe_dump({"clusters": [cluster]}).encode()).decode()})
    return {f"POST {AKS}/listClusterUserCredential": {"kubeconfigs": made}}


def resource_manager(cloud: Services, folder: Path) -> dict[str, str]:
    file = folder / "environment.json"
    file.write_text(json.dumps({"resourceManagerEndpoint": cloud.url, "tokenAudience": "https://arm"}))
    return {"AZURE_ENVIRONMENT_FILEPATH": str(file)}


async def test_aks_is_described_and_its_kubeconfig_read(tmp_path: Path) -> None:
    async with services(AZURE | kubeconfigs("https://one.azmk8s.io", "https://two.azmk8s.io:443")) as cloud:
        known = logins(cloud, resource_manager(cloud, tmp_path))
        first = await known.access(asked("azure", cluster=AKS))
        named = await known.access(asked("azure", cluster=AKS, address="two.azmk8s.io"))
        with pytest.raises(CloudError, match=r"addresses: \['https://one.azmk8s.io', 'https://two.azmk8s.io:443'\]"):
            await known.access(asked("azure", cluster=AKS, address="three.azmk8s.io"))
    assert (first.host, first.authority, first.token) == ("https://one.azmk8s.io:443", CA, "entra")
    assert named.host == "https://two.azmk8s.io:443"
    assert [one.form["scope"] for one in cloud.asked if one.path.endswith("/token")] == [
        "6dae42f8-4368-4678-94ff-3960e28e3630/.default",
        "https://arm/.default",
    ]


async def test_aks_without_entra_is_refused(tmp_path: Path) -> None:
    replies = AZURE | {f"GET {AKS}": {"properties": {}}}
    async with services(replies) as cloud:
        with pytest.raises(CloudError, match="does not have Microsoft Entra ID integration enabled"):
            await logins(cloud, resource_manager(cloud, tmp_path)).access(asked("azure", cluster=AKS))


async def test_gke_is_described_with_the_token_that_it_gets() -> None:
    replies = {
        "GET /computeMetadata/v1/instance/service-accounts/default/token": GOOGLE,
        f"GET /v1/{GKE}": {"endpoint": "34.1.2.3", "masterAuth": {"clusterCaCertificate": ENCODED}},
    }
    async with services(replies) as cloud:
        access = await logins(cloud).access(asked("gcp", cluster=GKE))
    assert (access.host, access.authority, access.token) == ("https://34.1.2.3:443", CA, "google")
    assert cloud.asked[-1].headers["Authorization"] == "Bearer google"


async def test_what_is_said_is_not_asked_for_and_what_was_found_is_kept() -> None:
    async with services({"GET /computeMetadata/v1/instance/service-accounts/default/token": GOOGLE}) as cloud:
        known = logins(cloud)
        wanted = asked("gcp", address="https://gke.example.com", authority=CA)
        found: list[Access] = [await known.access(wanted) for _ in range(3)]
    assert {each.host for each in found} == {"https://gke.example.com:443"}
    assert len(cloud.asked) == 1


def own_token(**claims: Any) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.sig"


class Issuer(TokenCluster):
    async def create_subresource(self, *args: Any) -> dict[str, Any]:
        made = await super().create_subresource(*args)
        return made | {"status": {"token": own_token(exp=int(NOW.timestamp()) + 3600)}}


async def test_generic_takes_tokens_of_our_own_cluster(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(own_token(sub="system:serviceaccount:flux-system:controller"))
    cluster = Issuer(robot())
    async with services({}) as cloud:
        known = logins(cloud, cluster=cluster, token=str(file))
        access = await known.access(asked("generic", address="https://10.0.0.1:6443", account="robot"))
        await known.access(asked("generic", address="10.0.0.1", audiences=("a", "b")))
    assert (access.host, access.expires) == ("https://10.0.0.1:6443", NOW + timedelta(hours=1))
    assert cluster.tokens == [
        ("team", "robot", ["https://10.0.0.1:6443"]),
        ("flux-system", "controller", ["a", "b"]),
    ]


REFUSED = {
    "an unknown provider": (asked("ibm"), "provider 'ibm' is not known, there are generic, aws, azure, gcp"),
    "no ARN": (asked("aws", cluster="main"), "invalid EKS cluster ARN: 'main'. must match "),
    "no resource ID": (asked("azure", cluster="main"), "invalid AKS cluster ID: 'main'. must match "),
    "no name of GKE": (asked("gcp", cluster="main"), "invalid GKE cluster ID: 'main'. must match "),
    "no address": (asked("generic"), "empty address"),
    "another scheme": (
        asked("generic", address="http://10.0.0.1"),
        "the Kubernetes API server address 'http://10.0.0.1' must use https scheme",
    ),
}


@pytest.mark.parametrize(("wanted", "message"), REFUSED.values(), ids=REFUSED.keys())
async def test_what_is_missing_or_wrong_is_said_in_flux_words(wanted: Asked, message: str) -> None:
    async with services({}) as cloud:
        with pytest.raises(CloudError) as raised:
            await logins(cloud).access(wanted)
    assert str(raised.value).startswith(message)


async def test_a_service_account_needs_the_feature_gate() -> None:
    async with services({}) as cloud:
        with pytest.raises(GateDisabled):
            await logins(cloud, gate=False).access(asked("generic", address="https://10.0.0.1", account="robot"))


def test_addresses_are_one_however_they_are_spelt() -> None:
    assert canonical("API.example.com") == canonical("https://api.example.com:443/x") == "https://api.example.com:443"
    assert canonical("https://[fd00::1]:6443") == "https://[fd00::1]:6443"


async def test_what_is_counted_of_an_object_goes_with_it() -> None:
    registry = prometheus_client.CollectorRegistry()
    cache = TokenCache(now=NOW.timestamp, registry=registry)
    identities = Identities(cluster=Issuer(robot()), cache=cache, workload_identity=True, default_account="")
    known = ClusterLogins({}, identities, own_token=Path())
    await known.access(asked("generic", address="https://10.0.0.1", account="robot"))
    labels = {
        "event_type": "cache_miss", "kind": "Kustomization", "name": "app", "namespace": "team",
        "operation": "fetch_kubeconfig",
    }  # fmt: skip
    assert registry.get_sample_value("gotk_token_cache_events_total", labels) == 1
    known.forget(SUBJECT)
    assert registry.get_sample_value("gotk_token_cache_events_total", labels) is None
