"""Credentials of Git remotes that a provider hands out: GitHub Apps, Azure DevOps, AWS CodeCommit.

Answers to `spec.provider` of a GitRepository, for whoever fetches or pushes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gotk.cloud import aws, azure, codecommit, github
from gotk.cloud.account import Account
from gotk.cloud.aws import Aws
from gotk.cloud.azure import Azure
from gotk.cloud.cache import Subject
from gotk.cloud.caller import Caller
from gotk.cloud.identity import Identities, Wanted
from gotk.cloud.sigv4 import Keys
from gotk.cloud.token import Token
from gotk.git import url as urls
from gotk.git.auth import Credentials
from gotk.http.proxy import Proxy
from gotk.http.tls import TLS

_TRUST = TLS()

#: Azure DevOps, as an Entra token's audience.
DEVOPS_SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"


class Entra:
    """Azure's identities."""

    name = "azure"

    def __init__(self, cloud: Azure) -> None:
        self._cloud = cloud

    async def controller_token(self, scope: str, proxy: Proxy | None) -> Token:
        """Return an Entra token of this process."""
        return await self._cloud.controller(scope, proxy)

    async def audience(self, account: Account) -> str:
        """Return Entra's token exchange, the same for all."""
        del account
        return azure.AUDIENCE

    def identity(self, account: Account) -> tuple[str, str]:
        """Return the account's tenant and client."""
        return azure.identity(account)

    async def account_token(self, account: Account, subject: str, scope: str, proxy: Proxy | None) -> Token:
        """Return an Entra token of the account's client."""
        tenant, client = azure.identity(account)
        return await self._cloud.assert_client(tenant, client, subject, scope, proxy)


class Iam:
    """AWS's identities; the scope is a region."""

    name = "aws"

    def __init__(self, cloud: Aws) -> None:
        self._cloud = cloud

    def at(self, sts: str) -> "Iam":
        """Return the same with another token service than the region's."""
        return Iam(self._cloud.at(sts))

    async def controller_token(self, scope: str, proxy: Proxy | None) -> Keys:
        """Return this process's keys."""
        return await self._cloud.controller(scope, proxy)

    async def audience(self, account: Account) -> str:
        """Return STS, the same for all."""
        del account
        return aws.AUDIENCE

    def identity(self, account: Account) -> str:
        """Return the account's role."""
        return aws.role(account)

    async def account_token(self, account: Account, subject: str, scope: str, proxy: Proxy | None) -> Keys:
        """Assume the account's role."""
        return await self._cloud.assume(aws.role(account), aws.session_name(account, scope), subject, scope, proxy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose credentials are wanted. `secret` is the repository's (`secret_name` for messages), where it has one."""

    provider: str
    url: str
    namespace: str
    account: str | None
    subject: Subject
    secret: Mapping[str, bytes] | None = None
    secret_name: str = ""
    tls: TLS = _TRUST
    proxy: Proxy | None = None


class GitLogins:
    """Makes credentials for Git remotes; one per process. Tokens are kept for most of their lives."""

    def __init__(
        self,
        identities: Identities,
        caller: Caller,
        *,
        environment: Mapping[str, str],
        now: Callable[[], datetime],
    ) -> None:
        self._identities = identities
        self._github = github.GitHub(caller, now=now)
        self._entra = Entra(Azure(caller, environment=environment, now=now))
        self._iam = Iam(Aws(caller, environment=environment, now=now))
        self._now = now

    async def credentials(self, asked: Asked) -> Credentials:
        """Return what the provider lets us in with. Raises CloudError; GateDisabled for a service account."""
        if asked.provider == "github":
            return await self._app(asked)
        account = self._identities.account(asked.account)
        address = urls.parse(asked.url)
        cloud = self._entra if asked.provider == "azure" else self._iam
        scope = DEVOPS_SCOPE if asked.provider == "azure" else codecommit.region(address)
        wanted = Wanted(
            provider=cloud,
            scope=scope,
            namespace=asked.namespace,
            account=account,
            proxy=asked.proxy,
            subject=asked.subject,
        )
        token = await self._identities.token(await self._identities.resolve(wanted))
        if isinstance(token, Keys):
            username, password = codecommit.login(address, token, codecommit.moment(self._now()))
            return Credentials(username=username, password=password)
        return Credentials(bearer_token=token.value)

    def forget(self, subject: Subject) -> None:
        """An object is gone: drop its series of metrics."""
        self._identities.cache.forget(subject)

    async def _app(self, asked: Asked) -> Credentials:
        app = github.read(asked.secret or {}, asked.secret_name)
        proxy = asked.proxy
        way = (str(proxy.url), proxy.username, proxy.password) if proxy else ()

        async def make() -> Token:
            return await self._github.token(app, tls=asked.tls, proxy=proxy)

        key = ("github", *app.parts, asked.tls.ca.decode("latin-1"), *way)
        token = await self._identities.cache.get(key, asked.subject, make)
        return Credentials(username=github.USER, password=token.value)
