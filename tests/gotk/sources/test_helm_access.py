"""How a HelmRepository's registry is reached, and what is said of its credentials where they are refused."""

import pytest

from gotk.api.core import Secret
from gotk.api.meta import ObjectMeta
from gotk.api.source import HelmRepository, HelmRepositorySpec
from gotk.oci.keychain import ANONYMOUS, Credentials
from gotk.oci.name import Repository
from gotk.sources.helm_access import HelmAccesses
from gotk.sources.registry_access import RegistryAccess
from tests.reflector.cluster import Cluster, pull_secret, ref, secret

BASE = Repository("registry.example", "charts")
BOT = Credentials(username="bot", password="s3cret")


@pytest.mark.parametrize(
    ("login", "credentials", "provenance"),
    [
        pytest.param(
            secret("login", username=b"bot", password=b"s3cret"),
            BOT,
            "the credentials of the HelmRepository's secretRef are refused",
            id="a login",
        ),
        pytest.param(
            pull_secret("login", "registry.example", "bot", "s3cret"),
            BOT,
            "the credentials of secret 'team/login' are refused",
            id="a docker configuration",
        ),
        pytest.param(
            pull_secret("login", "elsewhere.example", "bot", "s3cret"),
            ANONYMOUS,
            "secret 'team/login' has no entry for registry.example",
            id="a docker configuration for another host",
        ),
        pytest.param(
            secret("login", user=b"bot"),
            ANONYMOUS,
            "secret 'team/login' is of type 'Opaque' and not 'kubernetes.io/dockerconfigjson', so it is passed over",
            id="neither",
        ),
    ],
)
async def test_where_credentials_come_from_and_why_there_are_none_is_known(
    login: Secret, credentials: Credentials, provenance: str
) -> None:
    objects = Cluster(login)
    accesses = HelmAccesses(objects=objects, registries=RegistryAccess(objects=objects))
    repository = HelmRepository(
        api_version="source.toolkit.fluxcd.io/v1",
        kind="HelmRepository",
        metadata=ObjectMeta(name="charts", namespace="team"),
        spec=HelmRepositorySpec(url="oci://registry.example/charts", type="oci", secret_ref=ref("login")),
    )
    access = await accesses.registry(repository, BASE)
    assert (access.credentials, access.provenance) == (credentials, provenance)
