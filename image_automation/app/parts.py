"""What several reconcilers share, as one record."""

import random
from dataclasses import dataclass

from deploy.cluster.remotes import Remotes
from deploy.kustomize.decryption.services import Services
from deploy.source.charts.remote import Repositories
from deploy.source.download import Downloads
from deploy.source.storage import Storage
from gotk.cloud.registries.login import Logins
from gotk.git.mirrors.mirror import Mirrors
from gotk.http.transport import Transport
from gotk.kube.cache import Caches
from gotk.kube.client import Client
from gotk.kube.ports import Getter
from gotk.oci.client import RegistryClient
from gotk.runtime.blocking import Limiter
from gotk.runtime.clock import Clock
from gotk.sources.bucket_access import BucketAccess
from gotk.sources.git_access import GitAccess
from gotk.sources.helm_access import HelmAccesses
from image_automation.app.settings import Settings
from image_automation.dashboard.telling.heard import Heard
from image_automation.desk import Desk
from image_automation.notification.cel.evaluator import Evaluator
from image_automation.notification.delivery.provider_tokens import ProviderTokens
from image_automation.notification.journal import Journal
from reflector.metrics import ScanMetrics
from reflector.store import TagStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What several reconcilers share."""

    settings: Settings
    client: Client
    #: Reads single objects: Secrets and ConfigMaps from memory where the operator wants that.
    objects: Getter
    remotes: Remotes
    key_services: Services
    outward: Transport
    caches: Caches
    clock: Clock
    chance: random.Random
    transport: Transport
    downloads: Downloads
    registry: RegistryClient
    repositories: Repositories
    helm_access: HelmAccesses
    bucket_access: BucketAccess
    web: Transport
    logins: Logins
    scans: ScanMetrics
    access: GitAccess
    desk: Desk
    tokens: ProviderTokens
    cel: Evaluator
    tags: TagStore
    mirrors: Mirrors
    storage: Storage
    git: Limiter
    work: Limiter
    heard: Heard
    journal: Journal
