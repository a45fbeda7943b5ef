"""Tokens of Vault and OpenBao for service accounts: a login with the cluster's token, at servers the operator names.

Answers to `--sops-vault-configmap` of kustomize-controller: the ConfigMap's `config.yaml` lists the servers that are
trusted and where each takes logins, an account's token is made for the server's address, and the role is
`<namespace>_<name>`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from yarl import URL

from deploy.kustomize.decryption.keys import Keys
from gotk import documents
from gotk.api.core import ConfigMap
from gotk.cloud import account as accounts
from gotk.cloud.account import Account, Cluster
from gotk.cloud.cache import TokenCache
from gotk.cloud.caller import Caller, decode
from gotk.cloud.errors import CloudError
from gotk.cloud.token import Token
from gotk.kube.errors import APIError

_KEY = "config.yaml"
_LEAST = 60


class _Auth(msgspec.Struct):
    client_token: str
    lease_duration: int = 0


class _Login(msgspec.Struct):
    auth: _Auth


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultLogins:
    """Logs in to Vault. `config_map` is namespace and name; `own` is this process's account, if it runs as one."""

    cluster: Cluster
    cache: TokenCache
    caller: Caller
    config_map: tuple[str, str]
    own: tuple[str, str]
    now: Callable[[], datetime]

    async def token(self, address: str, keys: Keys) -> str:
        """Return a token for the account that decrypts, or for this process's. Raises CloudError."""
        path = (await self._paths()).get(address, "")
        if not path:
            where = "/".join(self.config_map)
            raise CloudError(f"no Vault login path configured for address '{address}' in ConfigMap '{where}'")
        namespace, name = keys.account if keys.account[1] else self.own
        if not name:
            raise CloudError("there is no service account to log in to Vault with: name one in spec.decryption")
        subject = keys.subject._replace(operation="decrypt_with_vault")

        async def make() -> Token:
            return await self._login(address, path, Account(namespace, name, {}))

        return (await self.cache.get(("vault", address, path, namespace, name), subject, make)).value

    async def _login(self, address: str, path: str, account: Account) -> Token:
        proof = await accounts.token(self.cluster, account, address)
        url = URL(address).joinpath("v1", *path.strip("/").split("/"))
        body = json.dumps({"role": f"{account.namespace}_{account.name}", "jwt": proof}).encode()
        headers = {"Content-Type": "application/json"}
        try:
            answer = decode(await self.caller.ask("POST", url, headers=headers, content=body), _Login, url)
        except CloudError as error:
            said = f"as role '{account.namespace}_{account.name}': {error}"
            raise CloudError(f"failed to authenticate with Vault '{address}' at login path '{path}' {said}") from error
        lasts = timedelta(seconds=max(answer.auth.lease_duration, _LEAST))
        return Token(value=answer.auth.client_token, expires=self.now() + lasts)

    async def _paths(self) -> Mapping[str, str]:
        """Return the login path of each server that is trusted. Raises CloudError."""
        namespace, name = self.config_map
        called = f"Vault ConfigMap '{namespace}/{name}'"
        try:
            found = await self.cluster.get(ConfigMap, namespace, name)
        except APIError as error:
            raise CloudError(
                f"failed to get {called}: {error.message}, create it or correct --sops-vault-configmap"
            ) from error
        if _KEY not in found.data:
            raise CloudError(f"{called} is missing the '{_KEY}' key")
        try:
            (config,) = documents.load(found.data[_KEY])
            return {str(each["address"]): str(each["loginPath"]) for each in config.get("instances") or ()}
        except (documents.DocumentError, ValueError, TypeError, KeyError, AttributeError):
            cause = "it is no mapping with `instances`, each with `address` and `loginPath`"
            raise CloudError(f"failed to parse '{_KEY}' in {called}: {cause}") from None
