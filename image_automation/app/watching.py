"""What is watched of a cluster, and what of that is read instead of asking."""

import random

from gotk.api.core import ConfigMap, Secret
from gotk.kube.cache import Caches
from gotk.kube.client import Client, Labelled
from gotk.kube.ports import Getter
from gotk.kube.remembered import Remembered
from gotk.runtime.clock import Clock
from image_automation.app.settings import Settings

_CONFIGS = (ConfigMap, Secret)


def caches(settings: Settings, client: Client, clock: Clock, chance: random.Random) -> Caches:
    """Return the caches of all kinds; of ConfigMaps and Secrets they hold those that wake, or all."""
    some = Labelled(client, settings.watch_configs_selector)
    return Caches(
        client,
        clock=clock,
        random=chance,
        namespace=settings.watch_namespace or None,
        clients={} if settings.cache_configs else dict.fromkeys(_CONFIGS, some),
    )


def objects(settings: Settings, client: Client, known: Caches) -> Getter:
    """Return what reads single objects: from the cluster, but for what the operator wants to be remembered."""
    return Remembered(client, caches=known, kinds=_CONFIGS) if settings.cache_configs else client
