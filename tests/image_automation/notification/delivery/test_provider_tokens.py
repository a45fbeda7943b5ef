"""Tokens that no Secret holds, against stand-ins of the clouds and of GitHub."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import prometheus_client
import pytest
from aiohttp import web

from gotk.api.meta import Object
from gotk.api.notification import Provider
from gotk.cloud.cache import TokenCache
from gotk.cloud.gcp import Gcp
from gotk.cloud.git_login import Azure, Entra
from gotk.cloud.github import GitHub
from gotk.cloud.google import Google
from gotk.cloud.identity import Identities
from gotk.http.exchange import Answer, Request, Unusable
from image_automation.notification.delivery.provider_tokens import ProviderTokens
from image_automation.notification.providers import catalog
from image_automation.notification.providers.account import Account
from tests.gotk.cloud.accounts import TokenCluster, robot
from tests.gotk.cloud.standin import Asked, Services, now, services
from tests.image_automation.notification import scene
from tests.image_automation.notification.providers.upstream import apps, replay
from tests.image_automation.notification.providers.upstream.case import DIRECT, Case

ENTRA = {"token_type": "Bearer", "expires_in": 3599, "access_token": "entra"}
POOL = "projects/1/locations/global/workloadIdentityPools/p/providers/k8s"
ROBOT = robot(
    **{
        "azure.workload.identity/tenant-id": "tenant",
        "azure.workload.identity/client-id": "client",
        "gcp.auth.fluxcd.io/workload-identity-provider": POOL,
    }
)
REPLIES: dict[str, Any] = {
    "POST /tenant/oauth2/v2.0/token": ENTRA,
    "POST /v1/token": {"access_token": "google", "expires_in": 3599},
    "GET /metadata/identity/oauth2/token": {**ENTRA, "access_token": "node of azure"},
    "GET /computeMetadata/v1/instance/service-accounts/default/token": {
        "access_token": "node of google", "expires_in": 3599,
    },
}  # fmt: skip
ADDRESSES = {
    "azuredevops": "https://dev.azure.com/org/project/_git/web",
    "azureeventhub": "hub",
    "googlepubsub": "project",
}


@contextlib.asynccontextmanager
async def cloud(
    home: Path, *objects: Object, gate: bool = True, default: str = "", replies: Mapping[str, Any] = REPLIES,
    authority: str = "", registry: prometheus_client.CollectorRegistry | None = None,
) -> AsyncIterator[tuple[ProviderTokens, Services]]:  # fmt: skip
    async with services(replies) as found:
        environment = {
            "AZURE_AUTHORITY_HOST": found.url, "AZURE_POD_IDENTITY_AUTHORITY_HOST": found.url,
            "GCE_METADATA_HOST": found.address, "HOME": str(home),
        }  # fmt: skip
        identities = Identities(
            cluster=TokenCluster(*objects),
            cache=TokenCache(now=lambda: now().timestamp(), registry=registry),
            workload_identity=gate,
            default_account=default,
        )
        google = Gcp(found.caller, environment=environment, now=now, sts=found.url, iam=found.url)
        yield (
            ProviderTokens(
                identities,
                azure=Entra(Azure(found.caller, environment=environment, now=now)),
                google=Google(google),
                apps=GitHub(found.caller, now=now),
                azure_authority=authority,
            ),
            found,
        )


def provider(type_: str, **spec: Any) -> Provider:
    made = scene.provider(type=type_, **spec)
    return msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, namespace="team"))


def account(type_: str, **changes: Any) -> Account:
    return scene.account(type_, ADDRESSES.get(type_, "https://x.example.com"), **{"token": "", **changes})


def said(account: Account) -> str:
    """Return the Authorization of the request that a provider then makes first."""
    asked = scene.talk(catalog.TYPES[account.type](scene.notice(), account), lambda _: Answer(status=200, body=b"[]"))
    return asked[0].headers["Authorization"]


def basic(token: str) -> str:
    return "Basic " + base64.b64encode(f":{token}".encode()).decode()


TOKENS = {
    "azuredevops": (basic("entra"), basic("node of azure"), "499b84ac-1321-427f-aa17-267ca6975798/.default"),
    "azureeventhub": ("Bearer entra", "Bearer node of azure", "https://eventhubs.azure.net/.default"),
    "googlepubsub": ("Bearer google", "Bearer node of google", "https://www.googleapis.com/auth/cloud-platform"),
}


@pytest.mark.parametrize("type_", TOKENS)
async def test_a_service_account_is_who_the_provider_is(tmp_path: Path, type_: str) -> None:
    async with cloud(tmp_path, ROBOT) as (tokens, found):
        for _ in range(2):
            made = await tokens.join(provider(type_, serviceAccountName="robot"), account(type_), None, "")
            assert said(made) == TOKENS[type_][0]
    [asked] = found.asked
    assert TOKENS[type_][2] in asked.form["scope"]
    assert "jwt" in {asked.form.get("client_assertion"), asked.form.get("subject_token")}


@pytest.mark.parametrize("type_", TOKENS)
async def test_without_a_service_account_it_is_who_this_process_is(tmp_path: Path, type_: str) -> None:
    async with cloud(tmp_path, gate=False) as (tokens, found):
        made = await tokens.join(provider(type_), account(type_), None, "")
    assert said(made) == TOKENS[type_][1]
    assert len(found.asked) == 1
    assert TOKENS[type_][1] not in repr(made)
    assert set(made.secrets) & {"node of azure", "node of google"}, "masked wherever it would show"


@pytest.mark.parametrize("type_", TOKENS)
async def test_the_default_service_account_is_for_providers_that_name_none(tmp_path: Path, type_: str) -> None:
    async with cloud(tmp_path, ROBOT, default="robot") as (tokens, _):
        made = await tokens.join(provider(type_), account(type_), None, "")
    assert said(made) == TOKENS[type_][0]


@pytest.mark.parametrize("type_", TOKENS)
async def test_a_token_in_the_secret_is_the_token(tmp_path: Path, type_: str) -> None:
    async with cloud(tmp_path) as (tokens, found):
        made = await tokens.join(provider(type_), account(type_, token="t0ken"), None, "")
    assert (made.token, made.access_token, found.asked) == ("t0ken", "", [])


@pytest.mark.parametrize("type_", [*TOKENS, "slack", "github"])
async def test_a_service_account_needs_the_feature_gate_whatever_the_type(tmp_path: Path, type_: str) -> None:
    async with cloud(tmp_path, ROBOT, gate=False) as (tokens, _):
        with pytest.raises(Unusable, match="enable the ObjectLevelWorkloadIdentity feature gate"):
            await tokens.join(provider(type_, serviceAccountName="robot"), account(type_, token="t0ken"), None, "")


async def test_what_was_counted_goes_with_the_provider(tmp_path: Path) -> None:
    registry, made = prometheus_client.CollectorRegistry(), provider("azuredevops")
    labels = {"event_type": "cache_miss", "kind": "Provider", "namespace": "team", "name": "chat", "operation": "post"}

    def counted() -> float | None:
        return registry.get_sample_value("gotk_token_cache_events_total", labels)

    async with cloud(tmp_path, registry=registry) as (tokens, _):
        await tokens.join(made, account("azuredevops"), None, "")
        tokens.changed(made, made)
        assert counted() == 1
        tokens.changed(made, None)
        assert counted() is None


FAILURES: dict[str, tuple[str, Mapping[str, Any], str]] = {
    "no such service account": ("nobody", REPLIES, "failed to get service account 'team/nobody'"),
    "the cloud refuses": (
        "robot",
        {"POST /tenant/oauth2/v2.0/token": lambda _: web.json_response({"error": "invalid_client"}, status=401)},
        "failed to create provider access token for service account 'team/robot'",
    ),
}


@pytest.mark.parametrize(("name", "replies", "message"), FAILURES.values(), ids=FAILURES)
async def test_no_token_is_told(tmp_path: Path, name: str, replies: Mapping[str, Any], message: str) -> None:
    async with cloud(tmp_path, ROBOT, replies=replies) as (tokens, _):
        with pytest.raises(Unusable, match=message):
            await tokens.join(provider("azuredevops", serviceAccountName=name), account("azuredevops"), None, "")


SHARED = "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=c2VjcmV0;EntityPath=hub"
BOTH: dict[str, tuple[str, str, str, str]] = {
    "a key and a token": (SHARED, "t0ken", "", "jwt token and SAS authentication"),
    "a key and a service account": (SHARED, "", "robot", "serviceAccountName and SAS authentication"),
    "a token and a service account": ("hub", "t0ken", "robot", "serviceAccountName and jwt token"),
}


@pytest.mark.parametrize(("address", "token", "name", "message"), BOTH.values(), ids=BOTH)
async def test_an_event_hub_takes_one_identity(
    tmp_path: Path, address: str, token: str, name: str, message: str
) -> None:
    spec = {"serviceAccountName": name} if name else {}
    made = replace(account("azureeventhub", token=token), address=address)
    async with cloud(tmp_path, ROBOT) as (tokens, _):
        with pytest.raises(Unusable, match=f"{message} cannot be set at the same time"):
            await tokens.join(provider("azureeventhub", **spec), made, None, "")


HUBS = {
    "": "https://ops.servicebus.windows.net/hub/messages",
    "https://login.chinacloudapi.cn/": "https://ops.servicebus.chinacloudapi.cn/hub/messages",
    "https://login.microsoftonline.us/": "https://ops.servicebus.usgovcloudapi.net/hub/messages",
}


@pytest.mark.parametrize(("authority", "url"), HUBS.items())
async def test_an_event_hub_is_in_the_cloud_that_we_log_in_to(tmp_path: Path, authority: str, url: str) -> None:
    async with cloud(tmp_path, authority=authority) as (tokens, _):
        made = await tokens.join(provider("azureeventhub"), account("azureeventhub"), None, "")
    [asked] = scene.talk(catalog.TYPES["azureeventhub"](scene.notice(), made))
    assert asked.url == url


RECORD = replay.recorded("apps")


def proof(authorization: str) -> str:
    """Write who a signed proof is of, in its place."""
    token = authorization.removeprefix("Bearer ")
    if token.count(".") != 2:
        return authorization
    part = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert 0 < claims["exp"] - claims["iat"] <= 600
    return f"proof of app {claims['iss']}"


def spelt(request: str, authorization: str) -> tuple[str, str]:
    method, _, url = request.partition(" ")
    return f"{method} /{url.partition('://')[2].partition('/')[2]}", proof(authorization)


@pytest.mark.parametrize("case", apps.CASES, ids=lambda case: case.name)
async def test_a_github_app_asks_what_flux_asks(tmp_path: Path, case: Case) -> None:
    flux = RECORD[case.name]
    asked: list[tuple[str, str]] = []

    def answer(one: Asked) -> web.StreamResponse:
        path = one.path + ("?" + "&".join(f"{k}={v}" for k, v in one.query.items()) if one.query else "")
        asked.append((f"{one.method} {path}", proof(one.headers["Authorization"])))
        reply = case.reply(one.method, path)
        return web.Response(status=reply.status, text=reply.body, content_type="application/json")

    def converse(request: Request) -> Answer:
        asked.append(spelt(f"{request.method} {request.url}", request.headers["Authorization"]))
        return Answer(status=200, body=case.reply(request.method, "/" + request.url.split("/", 3)[3]).body.encode())

    every = {f"{method} {path}": answer for method in ("GET", "POST") for path in paths(case)}
    async with cloud(tmp_path, replies=every) as (tokens, found):
        texts = {key: value.replace(f"http://{DIRECT}", found.url) for key, value in case.secret.items()}
        secret = {key: value.encode() for key, value in texts.items()}
        login = {key: texts.get(key, "") for key in ("token", "username", "password")}
        metadata = {"revision": f"main@sha1:{scene.COMMIT}", "change_request": "7"}
        made = account(case.provider["type"], secret=secret, secret_name="app", **login)
        made = replace(made, address=case.provider["address"])
        joining = tokens.join(provider(case.provider["type"]), made, None, "")
        if flux["complaints"]:
            with pytest.raises(Unusable, match="githubApp"):
                await joining
        else:
            scene.talk(catalog.TYPES[made.type](scene.notice(metadata=metadata), await joining), converse)
    assert asked == [spelt(one["request"], one["headers"]["Authorization"]) for one in flux["requests"]]


def paths(case: Case) -> list[str]:
    """Return what the stand-in answers to: whatever has been asked of Flux's."""
    targets = [one["request"].partition(f"://{DIRECT}")[2] for one in RECORD[case.name]["requests"]]
    return [target.split("?")[0] for target in targets]
