"""Logging in to Vault as a service account, over a stand-in that answers as Vault's JWT methods do."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.kustomize.decryption.keys import Keys
from deploy.kustomize.decryption.services import GOOGLE, VAULTS, ServiceError, Services
from deploy.kustomize.decryption.vault_logins import VaultLogins
from gotk.api.core import ConfigMap
from gotk.api.meta import ObjectMeta
from gotk.cloud import account
from gotk.cloud.cache import TokenCache
from gotk.cloud.identity import Identities
from tests.gotk.cloud.accounts import TokenCluster
from tests.gotk.cloud.standin import NOW, Asked, now, services

LOGIN = {"auth": {"client_token": "short-lived", "lease_duration": 3600}}
PLAIN = {"data": {"plaintext": base64.b64encode(b"data key").decode()}}


def config(text: str) -> ConfigMap:
    metadata = ObjectMeta(name="vaults", namespace="flux-system")
    return ConfigMap(api_version="v1", kind="ConfigMap", metadata=metadata, data={"config.yaml": text} if text else {})


class Vault:
    """Vault and a cluster whose accounts it believes."""

    def __init__(self) -> None:
        self.cluster = TokenCluster()
        self.address = ""
        self.asked: list[Asked] = []
        self.opens: Any = None

    async def open(self, keys: Keys, address: str = "") -> bytes:
        entry = {"vault_address": address or self.address, "engine_path": "sops", "key_name": "key", "enc": "x"}
        found: bytes = await self.opens.open("hc_vault", entry, keys)
        return found


@contextlib.asynccontextmanager
async def vault(
    *, text: str = "instances: [{address: ADDRESS, loginPath: auth/kubernetes/login}]"
) -> AsyncIterator[Vault]:
    made = Vault()
    replies = {"POST /v1/auth/kubernetes/login": LOGIN, "POST /v1/sops/decrypt/key": PLAIN}
    async with services(replies) as cloud:
        made.address, made.asked = cloud.url, cloud.asked
        made.cluster = TokenCluster(config(text.replace("ADDRESS", cloud.url)))
        cache = TokenCache(now=NOW.timestamp)
        identities = Identities(cluster=made.cluster, cache=cache, workload_identity=True, default_account="")
        logins = VaultLogins(
            cluster=made.cluster, cache=cache, caller=cloud.caller, config_map=("flux-system", "vaults"),
            own=("flux-system", "image-automation"), now=now,
        )  # fmt: skip
        made.opens = Services(
            identities=identities, caller=cloud.caller, environment={}, now=now, vaults=VAULTS, google=GOOGLE,
            vault_logins=logins,
        )  # fmt: skip
        yield made


@pytest.mark.parametrize(
    ("keys", "who"),
    [
        pytest.param(Keys(account=("team", "robot")), ("team", "robot"), id="the account that is named"),
        pytest.param(Keys(), ("flux-system", "image-automation"), id="this process's account"),
    ],
)
async def test_an_account_logs_in_once_and_opens_keys(keys: Keys, who: tuple[str, str]) -> None:
    async with vault() as running:
        assert [await running.open(keys), await running.open(keys)] == [b"data key", b"data key"]
    assert running.cluster.tokens == [(*who, [running.address])]
    login, first, _ = running.asked
    assert json.loads(login.body) == {"role": "_".join(who), "jwt": "jwt"}
    assert first.headers["X-Vault-Token"] == "short-lived"


async def test_a_token_of_the_secret_comes_first() -> None:
    async with vault() as running:
        await running.open(Keys(account=("team", "robot"), services={"sops.vault-token": b"given\n"}))
    (asked,) = running.asked
    assert asked.headers["X-Vault-Token"] == "given"


async def test_only_servers_that_the_operator_names_are_told_who_we_are() -> None:
    async with vault() as running:
        with pytest.raises(ServiceError) as raised:
            await running.open(Keys(account=("team", "robot")), "https://vault.evil.example")
    where = "in ConfigMap 'flux-system/vaults'"
    assert str(raised.value) == f"no Vault login path configured for address 'https://vault.evil.example' {where}"
    assert not running.asked
    assert not running.cluster.tokens


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "Vault ConfigMap 'flux-system/vaults' is missing the 'config.yaml' key"),
        ("instances: [{address: x}]", "it is no mapping with `instances`"),
        ("[", "failed to parse 'config.yaml'"),
        ("instances: [{address: ADDRESS, loginPath: auth/none}]", "at login path 'auth/none' as role 'team_robot': "),
    ],
)
async def test_a_configuration_that_will_not_do_is_named(text: str, complaint: str) -> None:
    async with vault(text=text) as running:
        with pytest.raises(ServiceError) as raised:
            await running.open(Keys(account=("team", "robot")))
    assert complaint in str(raised.value)


def test_whose_token_a_file_holds_is_read_of_it(tmp_path: Path) -> None:
    claims = json.dumps({"sub": "system:serviceaccount:flux-system:image-automation"}).encode()
    (tmp_path / "token").write_text(f"h.{base64.urlsafe_b64encode(claims).rstrip(b'=').decode()}.s")
    assert account.own(tmp_path / "token") == ("flux-system", "image-automation")
    assert account.own(tmp_path / "none") == ("", "")
