"""From an ImageRepository with a provider to a scanned registry."""

from collections.abc import Hashable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from gotk.api.image import ImageRepository
from gotk.cloud.account import Account
from gotk.cloud.cache import TokenCache
from gotk.cloud.errors import CloudError
from gotk.cloud.identity import GATE_MESSAGE, Identities
from gotk.cloud.registries.login import Logins
from gotk.cloud.registries.ports import RegistryCredentials
from gotk.cloud.token import Token
from gotk.http.proxy import Proxy
from gotk.oci import errors, name
from gotk.oci.client import RegistryClient
from gotk.oci.keychain import Credentials
from gotk.runtime.errors import Stalled
from reflector import access
from reflector.image_repository import ImageRepositoryReconciler
from reflector.store import TagStore
from tests.gotk.cloud.accounts import TokenCluster, robot
from tests.gotk.cloud.standin import now
from tests.gotk.oci.serving import serving, tag_list
from tests.reflector.cluster import Cache, ref, repository
from tests.running import run_once

UNDECIDED: dict[str, Any] = {"workload_identity": False, "default_account": ""}


class Local:
    """A cloud on this machine: its registry is any host but `elsewhere`, its identities are annotations."""

    name = "aws"

    def __init__(self) -> None:
        self.made: list[str] = []

    def input(self, registry: str) -> str:
        if registry == "elsewhere.io":
            raise CloudError(f"invalid local registry: '{registry}'")
        return "here"

    def scope(self, registry_input: str) -> str:
        return registry_input

    async def controller_token(self, scope: str, proxy: Proxy | None) -> Token:
        return self._token("controller")

    async def audience(self, account: Account) -> str:
        return "local"

    def identity(self, account: Account) -> Hashable:
        if "role" not in account.annotations:
            raise CloudError("no role")
        return account.annotations["role"]

    async def account_token(self, account: Account, subject: str, scope: str, proxy: Proxy | None) -> Token:
        return self._token(f"{account.annotations['role']}:{subject}")

    async def registry(self, registry_input: str, token: Token, proxy: Proxy | None) -> RegistryCredentials:
        self.made.append(f"registry for {token.value}")
        return RegistryCredentials(
            credentials=Credentials(username="cloud", password=token.value), expires=token.expires
        )

    def _token(self, value: str) -> Token:
        self.made.append(f"token {value}")
        return Token(value=value, expires=now() + timedelta(hours=1))


def logins(local: Local, cluster: TokenCluster, **options: Any) -> Logins:
    cache = TokenCache(now=lambda: now().timestamp())
    return Logins(
        {"aws": local},
        Identities(cluster=cluster, cache=cache, **{**UNDECIDED, **options}),
    )


async def login(made: Logins, obj: ImageRepository) -> Credentials:
    reach = await access.access(made.identities.cluster, obj, name.parse(obj.spec.image), made)
    assert reach.login is not None
    return await reach.login()


async def test_the_controllers_identity_needs_no_gate_and_is_cached():
    local = Local()
    made = logins(local, TokenCluster())
    for _ in range(2):
        found = await login(made, repository("reg.io/app", provider="aws"))
    assert found.password == "controller"
    assert local.made == ["token controller", "registry for controller"]


async def test_an_accounts_identity_goes_through_a_token_of_the_cluster():
    local, cluster = Local(), TokenCluster(robot(role="reader"))
    made = logins(local, cluster, workload_identity=True)
    found = await login(made, repository("reg.io/app", provider="aws", service_account_name="robot"))
    assert found.password == "reader:jwt"
    assert cluster.tokens == [("team", "robot", ["local"])]


async def test_another_role_of_the_account_is_another_identity():
    local, cluster = Local(), TokenCluster(robot(role="reader"))
    made = logins(local, cluster, workload_identity=True)
    obj = repository("reg.io/app", provider="aws", service_account_name="robot")
    await login(made, obj)
    changed = robot(role="other")
    cluster.objects[type(changed), "team", "robot"] = changed
    assert (await login(made, obj)).password == "other:jwt"


async def test_a_default_account_serves_objects_that_name_none():
    made = logins(Local(), TokenCluster(robot(role="reader")), workload_identity=True, default_account="robot")
    assert (await login(made, repository("reg.io/app", provider="aws"))).password == "reader:jwt"


async def test_pull_secrets_are_not_looked_at():
    made = logins(Local(), TokenCluster())
    await login(made, repository("reg.io/app", provider="aws", secret_ref=ref("none")))


async def test_an_account_without_the_gate_stalls_in_flux_words():
    obj = repository("reg.io/app", provider="aws", service_account_name="robot")
    with pytest.raises(Stalled) as raised:
        await login(logins(Local(), TokenCluster()), obj)
    assert (raised.value.reason, raised.value.message) == (
        "FeatureGateDisabled",
        GATE_MESSAGE,
    )
    assert GATE_MESSAGE == (
        "to use spec.serviceAccountName for provider authentication please enable the "
        "ObjectLevelWorkloadIdentity feature gate in the controller"
    )


@pytest.mark.parametrize(
    ("cluster", "image", "message"),
    [
        (TokenCluster(), "reg.io/app", "failed to get access token.*|failed to get service account 'team/robot'"),
        (
            TokenCluster(robot()),
            "reg.io/app",
            "failed to get provider identity from service account 'team/robot' annotations: no role",
        ),
        (
            TokenCluster(robot(role="r"), refuse="may not"),
            "reg.io/app",
            "failed to create kubernetes token for service account 'team/robot': may not",
        ),
        (TokenCluster(robot(role="r")), "elsewhere.io/app", "^invalid local registry: 'elsewhere.io'$"),
    ],
    ids=["no account", "no annotation", "no token", "another registry"],
)
async def test_a_failed_login_is_a_failed_read(cluster: TokenCluster, image: str, message: str):
    made = logins(Local(), cluster, workload_identity=True)
    with pytest.raises(errors.LoginFailed, match=message):
        await login(made, repository(image, provider="aws", service_account_name="robot"))


async def test_a_registry_is_scanned_with_what_the_login_gave():
    basic = Credentials(username="cloud", password="controller").basic

    async def handler(request: Any) -> Any:
        if request.headers.get("Authorization") != basic:
            return web.Response(status=401, headers={"WWW-Authenticate": "Basic realm=x"})
        return tag_list("1.0.0")

    local, cluster = Local(), TokenCluster()
    made = logins(local, cluster)
    async with serving(handler) as address, RegistryClient() as client:
        with TagStore(None) as store:
            reconciler = ImageRepositoryReconciler(
                cache=Cache(), objects=cluster, registry=client, store=store, logins=made
            )
            ended = await run_once(reconciler, repository(f"{address}/app", provider="aws"))
    assert ended.ready[:2] == ("True", "Succeeded")


async def test_a_failed_login_is_said_in_the_condition():
    made = logins(Local(), TokenCluster())
    async with RegistryClient() as client:
        with TagStore(None) as store:
            reconciler = ImageRepositoryReconciler(
                cache=Cache(), objects=TokenCluster(), registry=client, store=store, logins=made
            )
            ended = await run_once(reconciler, repository("elsewhere.io/app", provider="aws"))
    assert ended.ready == ("False", "ReadOperationFailed", "scan failed: invalid local registry: 'elsewhere.io'")
