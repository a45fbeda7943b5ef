"""The way to a cluster that believes a cloud, or the tokens of our own cluster.

Answers to `fluxcd/pkg/auth.GetRESTConfig`: access tokens are kept, and so is what is made of them; object-level
identity is behind a feature gate. `generic` needs no cloud: the other cluster knows ours as an issuer of tokens.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from gotk.cloud import account as accounts
from gotk.cloud import token as token_files
from gotk.cloud.account import Account
from gotk.cloud.cache import Subject
from gotk.cloud.clusters.asked import Access, Asked, canonical
from gotk.cloud.errors import CloudError
from gotk.cloud.identity import Identities, Provider, Wanted


class CloudKind(Protocol):
    """Clusters of one cloud."""

    @property
    def provider(self) -> Provider:
        """The cloud's identities."""
        ...

    def scopes(self, asked: Asked) -> Sequence[str]:
        """Return what access tokens are needed for. Raises CloudError."""
        ...

    async def reach(self, asked: Asked, tokens: Sequence[Any]) -> Access:
        """Return the way to a cluster with these access tokens. Raises CloudError."""
        ...


class _Claims(msgspec.Struct):
    sub: str = ""
    exp: int = 0


class ClusterLogins:
    """Finds ways to clusters; one per process. `own_token` is the file with the token of this pod."""

    def __init__(self, clouds: Mapping[str, CloudKind], identities: Identities, *, own_token: Path) -> None:
        self._clouds = clouds
        self._identities = identities
        self._own_token = own_token

    async def access(self, asked: Asked) -> Access:
        """Return the way to a cluster, as kept or found now. Raises CloudError."""
        account = self._identities.account(asked.account)
        if asked.provider == "generic":
            return await self._kept(asked, (account,), lambda: self._generic(asked, account))
        cloud = self._clouds.get(asked.provider)
        if cloud is None:
            known = ", ".join(["generic", *self._clouds])
            raise CloudError(f"provider '{asked.provider}' is not known, there are {known}")
        tokens: list[Any] = []
        key: list[str] = []
        for scope in cloud.scopes(asked):
            wanted = Wanted(
                provider=cloud.provider,
                scope=scope,
                namespace=asked.namespace,
                account=account,
                proxy=None,
                subject=asked.subject,
            )
            try:
                known_as = await self._identities.resolve(wanted)
                tokens.append(await self._identities.token(known_as))
            except CloudError as error:
                raise CloudError(f"failed to get access token for cluster: {error}") from error
            key += known_as.key
        return await self._kept(asked, tuple(key), lambda: cloud.reach(asked, tokens))

    def forget(self, subject: Subject) -> None:
        """An object is gone: drop its series of metrics."""
        self._identities.cache.forget(subject)

    async def _kept(self, asked: Asked, key: tuple[str, ...], make: Callable[[], Any]) -> Access:
        return await self._identities.cache.get(("cluster", *asked.parts, *key), asked.subject, make)

    async def _generic(self, asked: Asked, account: str) -> Access:
        host = canonical(asked.address)
        who = Account(asked.namespace, account, {}) if account else self._own_account()
        token = await accounts.token(self._identities.cluster, who, *(asked.audiences or (asked.address,)))
        expires = datetime.fromtimestamp(_claims(token).exp, UTC)
        return Access(host=host, authority=asked.authority, token=token, expires=expires)

    def _own_account(self) -> Account:
        """Return the service account of this pod."""
        parts = _claims(token_files.read(str(self._own_token))).sub.split(":")
        if len(parts) != 4:
            raise CloudError(f"the token in {self._own_token} is not that of a service account")
        return Account(parts[2], parts[3], {})


def _claims(token: str) -> _Claims:
    """Read a token that our own cluster has made, or given to this pod."""
    parts = token.split(".")
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(f"{parts[1]}==="), type=_Claims)
    except (LookupError, ValueError):
        raise CloudError("failed to parse service account token") from None
