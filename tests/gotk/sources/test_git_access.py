"""How a GitRepository is reached: by its secret, its proxy, and what a provider hands out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gotk.cloud.cache import Subject, TokenCache
from gotk.cloud.git_login import DEVOPS_SCOPE, GitLogins
from gotk.cloud.identity import Identities
from gotk.git.mirrors.mirror import Mirrors
from gotk.git.objects.seed import seed
from gotk.git.serving.server import BasicAuth, GitServer
from gotk.runtime.blocking import Limiter
from gotk.sources.git_access import GitAccess, Refused, Step
from tests.gotk.cloud.accounts import TokenCluster, robot
from tests.gotk.cloud.standin import Services, now, services
from tests.gotk.cloud.test_github import PEM, TOKEN
from tests.image_automation.automating import Client, Store, repository, secret
from tests.real import git_https, proxies

UNDECIDED: dict[str, Any] = {"workload_identity": False, "default_account": ""}

GATE_MESSAGE = (
    "to use spec.serviceAccountName for provider authentication please enable the "
    "ObjectLevelWorkloadIdentity feature gate in the controller"
)
WHO = Subject("ImageUpdateAutomation", "apps", "auto")
APP = {"githubAppID": b"1", "githubAppPrivateKey": PEM, "githubAppInstallationID": b"42"}
TOKENS = "POST /app/installations/42/access_tokens"
ENTRA = {"access_token": "entra", "expires_in": 3599}
DEVOPS = "https://dev.azure.com/acme/fleet/_git/fleet"
CODECOMMIT = "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/fleet"


@asynccontextmanager
async def reaching(
    replies: dict[str, Any],
    store: Store,
    cluster: TokenCluster | None = None,
    clock: Callable[[], datetime] = now,
    **options: Any,
) -> AsyncIterator[tuple[GitAccess, Services]]:
    """Give what reads GitRepositories, beside a stand-in of every cloud."""
    with Limiter(width=1) as limiter:
        async with services(replies) as cloud:
            cache = TokenCache(now=lambda: now().timestamp())
            known = Identities(
                cluster=cluster or TokenCluster(),
                cache=cache,
                **{**UNDECIDED, **options},
            )
            environment = {
                "AZURE_TENANT_ID": "tenant",
                "AZURE_CLIENT_ID": "client",
                "AZURE_CLIENT_SECRET": "hunter2",
                "AZURE_AUTHORITY_HOST": cloud.url,
                "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "hunter2",
                "AWS_ENDPOINT_URL_STS": cloud.url,
            }
            logins = GitLogins(known, cloud.caller, environment=environment, now=clock)
            yield GitAccess(objects=Client(store), limiter=limiter, logins=logins), cloud


async def test_an_app_s_token_is_the_password_of_a_real_server_and_is_kept(tmp_path: Path):
    first = seed(tmp_path / "srv" / "r.git", {"a": "1"})
    with GitServer(tmp_path / "srv", auth=BasicAuth("x-access-token", "ghs_1")) as server:
        store = Store()
        async with reaching({TOKENS: web.json_response(TOKEN, status=201)}, store) as (access, cloud):
            data = {**APP, "githubAppBaseURL": cloud.url.encode()}
            store.put(secret("app", data))
            asking = repository(server.url("r.git"), provider="github", secretRef={"name": "app"})
            for _ in range(2):
                found = await access.credentials(asking, WHO)
        mirror = Mirrors(tmp_path / "mirrors").open(server.url("r.git"), found)
        assert mirror.fetch("HEAD") == first
    assert cloud.paths == [TOKENS]


async def test_a_token_of_entra_opens_azure_devops():
    async with reaching({"POST /tenant/oauth2/v2.0/token": ENTRA}, Store()) as (access, cloud):
        found = await access.credentials(repository(DEVOPS, provider="azure"), WHO)
    assert found.bearer_token == "entra"
    assert cloud.asked[0].form["scope"] == DEVOPS_SCOPE


async def test_this_process_s_keys_sign_for_codecommit():
    async with reaching({}, Store()) as (access, _):
        found = await access.credentials(repository(CODECOMMIT, provider="aws"), WHO)
    assert found.username == "AKIDEXAMPLE"
    assert found.password.startswith("20260101T120000Z")


async def test_a_login_to_codecommit_is_the_same_for_some_minutes_as_are_connections_that_are_kept_by_it():
    found, after = [], timedelta()
    async with reaching({}, Store(), clock=lambda: now() + after) as (access, _):
        for seconds in (1, 299, 300, 599):
            after = timedelta(seconds=seconds)
            found.append(await access.credentials(repository(CODECOMMIT, provider="aws"), WHO))
    assert (found[0], found[2]) == (found[1], found[3])
    assert found[0] != found[2]


async def test_a_service_account_of_the_asking_object_s_namespace_counts():
    annotations = {"azure.workload.identity/tenant-id": "other", "azure.workload.identity/client-id": "its"}
    cluster = TokenCluster(robot(**annotations))
    async with reaching({"POST /other/oauth2/v2.0/token": ENTRA}, Store(), cluster=cluster, workload_identity=True) as (
        access,
        cloud,
    ):
        asking = repository(DEVOPS, namespace="sources", provider="azure", serviceAccountName="robot")
        await access.credentials(asking, Subject("ImageUpdateAutomation", "team", "auto"))
    assert cloud.asked[0].form["client_id"] == "its"
    assert cloud.asked[0].form["client_assertion"]


@pytest.mark.parametrize(
    ("spec", "data", "step", "message"),
    [
        (
            {"provider": "github"},
            None,
            Step.PROVIDER,
            "secretRef with github app data must be specified when provider is set to github",
        ),
        (
            {},
            APP,
            Step.APP,
            "secretRef 'apps/git' has github app data but provider is not set to github",
        ),
        (
            {"provider": "github"},
            {},
            Step.APP,
            "secretRef with github app data must be specified when provider is set to github",
        ),
        (
            {"provider": "azure", "serviceAccountName": "robot"},
            None,
            Step.GATE,
            GATE_MESSAGE,
        ),
        ({"provider": "aws"}, None, Step.AUTHENTICATION, "'https://example.com/r' is no repository of AWS CodeCommit"),
        ({"url": "ssh://git@x/r", "provider": "azure"}, None, Step.AUTHENTICATION, "'azure' is for https addresses"),
        ({"secretRef": {"name": "none"}}, None, Step.SECRET, 'secrets "none" not found'),
        (
            {"proxySecretRef": {"name": "none"}},
            None,
            Step.PROXY,
            "secret 'apps/none' not found",
        ),
        ({"proxySecretRef": {"name": "git"}}, {}, Step.PROXY, "secret 'apps/git': key 'address' not found"),
    ],
    ids=[
        *("an app without a secret", "an app by another provider", "a secret without an app", "a closed gate"),
        *("another server than AWS's", "a token for SSH", "no secret", "no proxy's secret", "a proxy without address"),
    ],
)
async def test_what_is_wrong_is_said_with_its_step(
    spec: dict[str, Any], data: dict[str, bytes] | None, step: Step, message: str
):
    known = [] if data is None else [secret("git", data)]
    if data is not None and "proxySecretRef" not in spec:
        spec = {"secretRef": {"name": "git"}, **spec}
    async with reaching({}, Store(*known)) as (access, _):
        with pytest.raises(Refused) as caught:
            await access.credentials(repository(spec.pop("url", "https://example.com/r"), **spec), WHO)
    assert caught.value.step is step
    assert message in caught.value.message


async def test_a_cloud_s_refusal_is_told_without_a_secret():
    async with reaching({}, Store()) as (access, _):
        with pytest.raises(Refused, match="status 404") as caught:
            await access.credentials(repository(DEVOPS, provider="azure"), WHO)
    assert caught.value.step is Step.AUTHENTICATION
    assert "hunter2" not in caught.value.message


@pytest.mark.real
@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_secret_s_client_certificate_goes_through_a_secret_s_proxy(tmp_path: Path, scheme: str):
    with (
        git_https.serve(tmp_path, mutual=True) as server,
        proxies.serve(scheme, user="jane", password="s3cret") as proxy,
    ):
        first = seed(server.root / "r.git", {"a": "1"})
        url = server.url("r.git")
        known = secret("git", server.client_secret), secret("proxy", proxy.secret)
        async with reaching({}, Store(*known)) as (access, _):
            asking = repository(url, secretRef={"name": "git"}, proxySecretRef={"name": "proxy"})
            found = await access.credentials(asking, WHO)
        assert Mirrors(tmp_path / "mirrors").open(url, found).fetch("HEAD") == first
    assert proxy.reached


async def test_an_app_s_token_is_asked_for_through_the_proxy():
    with proxies.serve("http", user="jane", password="s3cret") as proxy:
        store = Store()
        async with reaching({TOKENS: TOKEN}, store) as (access, cloud):
            data = {**APP, "githubAppBaseURL": cloud.url.encode()}
            for each in (secret("app", data), secret("proxy", proxy.secret)):
                store.put(each)
            spec = {"provider": "github", "secretRef": {"name": "app"}, "proxySecretRef": {"name": "proxy"}}
            found = await access.credentials(repository("https://github.com/a/b", **spec), WHO)
    assert (found.username, found.password, found.proxy) == ("x-access-token", "ghs_1", proxy.url)
    assert proxy.reached == [("127.0.0.1", int(cloud.address.rpartition(":")[2]))]
