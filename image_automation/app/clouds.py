"""The clouds' identities: which provider stands on what, and what the operator allows."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from deploy.kustomize.decryption import services
from deploy.kustomize.decryption.services import Services
from deploy.kustomize.decryption.vault_logins import VaultLogins
from gotk.cloud import account as accounts
from gotk.cloud.account import Cluster
from gotk.cloud.aws import Aws
from gotk.cloud.azure import Azure
from gotk.cloud.cache import TokenCache
from gotk.cloud.caller import Caller
from gotk.cloud.clusters.access import CloudKind, ClusterLogins
from gotk.cloud.clusters.aks import Aks
from gotk.cloud.clusters.eks import Eks
from gotk.cloud.clusters.gke import Gke
from gotk.cloud.gcp import Gcp
from gotk.cloud.git_login import Entra, GitLogins, Iam
from gotk.cloud.github import GitHub
from gotk.cloud.google import Google
from gotk.cloud.identity import Identities
from gotk.cloud.registries import acr
from gotk.cloud.registries.acr import Acr
from gotk.cloud.registries.ecr import Ecr
from gotk.cloud.registries.gar import Gar
from gotk.cloud.registries.login import Logins
from gotk.cloud.registries.ports import Provider
from gotk.http import route
from gotk.http.egress import Reach
from gotk.kube.client import Client
from gotk.kube.config import SERVICE_ACCOUNT
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import Clock
from gotk.runtime.metrics import Metrics
from gotk.sources.bucket_access import BucketAccess
from gotk.sources.bucket_sts import Directory
from gotk.sources.git_access import GitAccess
from image_automation.app.settings import Settings
from image_automation.notification.delivery.provider_tokens import ProviderTokens


def identities(settings: Settings, client: Cluster, clock: Clock, metrics: Metrics) -> Identities:
    """Build what knows who we are in the clouds, and keeps their tokens."""
    return Identities(
        cluster=client,
        cache=TokenCache(
            now=lambda: clock.now().timestamp(),
            max_size=settings.token_cache_max_size,
            max_duration=settings.token_cache_max_duration,
            registry=metrics.registry,
        ),
        workload_identity=settings.workload_identity,
        default_account=settings.default_service_account if settings.workload_identity else "",
    )


def logins(settings: Settings, known: Identities, clock: Clock, caller: Caller) -> Logins:
    """Build what logs in to the clouds' registries. Raises OSError, ValueError for a bad Azure environment file."""
    environment, now = settings.environment, clock.now
    providers: tuple[Provider, ...] = (
        Ecr(caller, Aws(caller, environment=environment, now=now), now=now),
        Acr(caller, Azure(caller, environment=environment, now=now), environment=_sovereign(settings)),
        Gar(Gcp(caller, environment=environment, now=now)),
    )
    return Logins({provider.name: provider for provider in providers}, known)


def git_logins(settings: Settings, known: Identities, clock: Clock, caller: Caller) -> GitLogins:
    """Build what logs in to Git remotes."""
    return GitLogins(known, caller, environment=settings.environment, now=clock.now)


def bucket_access(
    settings: Settings, client: Client, known: Identities, clock: Clock, caller: Caller, *, others: Caller
) -> BucketAccess:
    """Build what finds the ways to stores of buckets; `others` asks what a Bucket's author names."""
    environment, now = settings.environment, clock.now
    return BucketAccess(
        objects=client,
        iam=Iam(Aws(caller, environment=environment, now=now)),
        google=Google(Gcp(caller, environment=environment, now=now)),
        azure=Azure(caller, environment=environment, now=now),
        directory=Directory(caller=others, cache=known.cache),
        identities=known,
    )


def cluster_logins(settings: Settings, known: Identities, clock: Clock, caller: Caller) -> ClusterLogins:
    """Build what finds the ways to clusters that believe a cloud, or the tokens of ours."""
    environment, now = settings.environment, clock.now
    kinds: dict[str, CloudKind] = {
        "aws": Eks(caller, Aws(caller, environment=environment, now=now), now=now),
        "azure": Aks(caller, Azure(caller, environment=environment, now=now), environment=environment),
        "gcp": Gke(caller, Gcp(caller, environment=environment, now=now)),
    }
    identities = Identities(
        cluster=known.cluster,
        cache=known.cache,
        workload_identity=settings.workload_identity,
        default_account=settings.default_kubeconfig_service_account,
    )
    return ClusterLogins(kinds, identities, own_token=SERVICE_ACCOUNT / "token")


def key_services(settings: Settings, known: Identities, clock: Clock, caller: Caller) -> Services:
    """Build what asks key services to open what decryption needs."""
    return Services(
        identities=known,
        caller=caller,
        environment=settings.environment,
        now=clock.now,
        vaults=services.VAULTS,
        google=services.GOOGLE,
        vault_logins=_vault_logins(settings, known, clock, caller),
    )


def _vault_logins(settings: Settings, known: Identities, clock: Clock, caller: Caller) -> VaultLogins | None:
    if settings.sops_vault_configmap is None:
        return None
    return VaultLogins(
        cluster=known.cluster,
        cache=known.cache,
        caller=caller,
        config_map=settings.sops_vault_configmap,
        own=accounts.own(SERVICE_ACCOUNT / "token"),
        now=clock.now,
    )


def tokens(settings: Settings, known: Identities, clock: Clock, caller: Caller) -> ProviderTokens:
    """Build what gives tokens to Providers that have none."""
    environment, now = settings.environment, clock.now
    return ProviderTokens(
        known,
        azure=Entra(Azure(caller, environment=environment, now=now)),
        google=Google(Gcp(caller, environment=environment, now=now)),
        apps=GitHub(caller, now=now),
        azure_authority=environment.get("AZURE_AUTHORITY_HOST", ""),
    )


@contextlib.asynccontextmanager
async def git_access(
    settings: Settings, objects: Cluster, limiter: Limiter, *, clock: Clock
) -> AsyncIterator[GitAccess]:
    """Open the way of one pass to Git remotes: secrets, proxies and logins to clouds, as the service has them.

    Raises ValueError for a proxy of the environment that is no URL.
    """
    known = identities(settings, objects, clock, Metrics(process=False))
    async with Caller(route=route.from_environment(settings.environment), most=Reach.METADATA) as caller:
        logins = git_logins(settings, known, clock, caller)
        yield GitAccess(objects=objects, limiter=limiter, logins=logins)


def _sovereign(settings: Settings) -> acr.Environment | None:
    """Read the description of a sovereign cloud of Azure, where the environment names one."""
    path = settings.environment.get("AZURE_ENVIRONMENT_FILEPATH")
    return acr.read_environment(Path(path).read_bytes()) if path else None
