"""Tokens that no Secret holds: of service accounts, of this process, of GitHub Apps.

Answers to notification-controller's `azure_helpers`, `google_helpers` and `github_helpers`: a cloud's identity counts
where the Secret has no token, an App where it has neither token nor password. Tokens are kept as those of registries
and Git remotes are, and the same feature gate and default service account hold.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from gotk.api.meta import Object
from gotk.api.notification import Provider
from gotk.cloud import gcp, git_login, github, identity
from gotk.cloud.cache import Subject
from gotk.cloud.errors import CloudError
from gotk.cloud.identity import Identities, Wanted
from gotk.forge import accounts, repository
from gotk.http.exchange import Unusable
from gotk.http.proxy import Proxy
from gotk.http.tls import SYSTEM, TLS, InvalidTLS
from gotk.kube.entries import Undecodable
from image_automation.notification.providers import queues
from image_automation.notification.providers.account import Account

EVENT_HUBS = "https://eventhubs.azure.net/.default"
_PATIENCE = 30.0
_APPS: Final = frozenset({"github", "githubdispatch", "githubpullrequestcomment"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _App:
    """A token of an App, and the login that its comments carry."""

    token: str = field(repr=False)
    login: str
    expires: datetime


class ProviderTokens:
    """Joins accounts with tokens; one per process. `azure_authority` tells which of Azure's clouds this is."""

    def __init__(
        self,
        identities: Identities,
        *,
        azure: identity.Provider,
        google: identity.Provider,
        apps: github.GitHub,
        azure_authority: str = "",
    ) -> None:
        self._identities = identities
        self._github = apps
        self._clouds: Mapping[str, tuple[identity.Provider, str]] = {
            "azureeventhub": (azure, EVENT_HUBS),
            "azuredevops": (azure, git_login.DEVOPS_SCOPE),
            "googlepubsub": (google, gcp.SCOPES),
        }
        self._event_hubs = queues.suffix(azure_authority)

    async def join(self, provider: Provider, account: Account, tls: TLS | None, proxy: Proxy | None) -> Account:
        """Return the account, with a token where it needs one. Raises Unusable."""
        named = provider.spec.service_account_name or ""
        try:
            if named:
                self._identities.account(named)
            async with asyncio.timeout(_PATIENCE):
                return await self._joined(provider, account, tls or SYSTEM, proxy)
        except TimeoutError:
            raise Unusable(f"no token within {_PATIENCE:g}s") from None
        except (CloudError, InvalidTLS) as error:
            raise Unusable(str(error)) from None

    def changed(self, old: Object | Undecodable | None, new: Object | Undecodable | None) -> None:
        """Drop what was counted of a Provider's tokens once it is gone; for a cache's watchers."""
        if new is None and isinstance(old, Provider):
            self._identities.cache.forget(_subject(old))

    async def _joined(self, provider: Provider, account: Account, tls: TLS, proxy: Proxy | None) -> Account:
        subject = _subject(provider)
        named = provider.spec.service_account_name or ""
        if account.type in _APPS and not (account.token or account.password) and github.is_app(account.secret):
            app = await self._app(account, subject, tls, proxy)
            return replace(account, access_token=app.token, login=app.login)
        if account.type == "azureeventhub":
            queues.check(account, named)
            account = replace(account, event_hubs=self._event_hubs)
        if account.type not in self._clouds or account.token or queues.is_shared_access(account):
            return account
        cloud, scope = self._clouds[account.type]
        wanted = Wanted(
            provider=cloud,
            scope=scope,
            namespace=provider.metadata.namespace,
            account=self._identities.account(named),
            proxy=proxy,
            subject=subject,
        )
        token = await self._identities.token(await self._identities.resolve(wanted))
        return replace(account, access_token=token.value)

    async def _app(self, account: Account, subject: Subject, tls: TLS, proxy: Proxy | None) -> _App:
        app = github.read(account.secret, f"{subject.namespace}/{account.secret_name}")
        if github.BASE not in account.secret:
            app = replace(app, base=accounts.api(repository.parse(account.address)))
        comments = account.type == "githubpullrequestcomment"

        async def make() -> _App:
            slug = await self._github.slug(app, tls=tls, proxy=proxy) if comments else ""
            token = await self._github.token(app, tls=tls, proxy=proxy)
            return _App(token=token.value, login=f"{slug}[bot]" if slug else "", expires=token.expires)

        way = proxy.parts if proxy else ()
        trust = (tls.ca.decode("latin-1"), tls.certificate.decode("latin-1"))
        key = ("github comments" if comments else "github api", *app.parts, *trust, *way)
        return await self._identities.cache.get(key, subject, make)


def _subject(provider: Provider) -> Subject:
    return Subject("Provider", provider.metadata.namespace, provider.metadata.name, "post")
