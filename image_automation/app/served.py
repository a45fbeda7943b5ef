"""Which controllers a cluster has the kinds for: the default is all of them, and not every cluster has every kind.

Flux has a process for each group of kinds, so that a cluster without notification-controller lacks only that. Here one
process waits for all its caches before it is ready, and a kind that is not there would keep it waiting.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

import structlog

from gotk.api import scheme
from gotk.api.helm import HelmRelease
from gotk.api.image import ImagePolicy, ImageRepository, ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.api.meta import Object
from gotk.api.notification import Alert, Provider, Receiver
from gotk.api.source import SOURCES, Bucket, ExternalArtifact, GitRepository, HelmChart, HelmRepository, OCIRepository
from gotk.api.source_extensions import ArtifactGenerator
from gotk.kube import errors
from gotk.retry import Backoff
from gotk.runtime.clock import Clock
from image_automation.app.settings import Settings

_ASK_AGAIN = Backoff(tries=1, first=0.5, longest=15.0)

#: What each controller cannot work without.
NEEDS: Mapping[str, tuple[type[Object], ...]] = {
    "imagerepository": (ImageRepository,),
    "imagepolicy": (ImagePolicy, ImageRepository),
    "imageupdateautomation": (ImageUpdateAutomation, ImagePolicy, GitRepository),
    "gitrepository": (GitRepository,),
    "helmrepository": (HelmRepository,),
    "helmchart": (HelmChart, HelmRepository, GitRepository, Bucket),
    "bucket": (Bucket,),
    "ocirepository": (OCIRepository,),
    "artifactgenerator": (ArtifactGenerator, Bucket, GitRepository, OCIRepository, HelmChart, ExternalArtifact),
    "kustomization": (Kustomization, *SOURCES.values()),
    "helmrelease": (HelmRelease, HelmChart, OCIRepository),
    "receiver": (Receiver,),
    "alert": (Alert, Provider),
}


def needs(name: str, settings: Settings) -> tuple[type[Object], ...]:
    """Return what a controller cannot work without, as it is set up."""
    gated = (ExternalArtifact,) if name in {"kustomization", "helmrelease"} and settings.external_artifacts else ()
    return NEEDS[name] + gated


class Discovery(Protocol):
    """What the cluster says of its kinds."""

    async def is_namespaced(self, api_version: str, kind: str) -> bool:
        """Tell whether the kind lives in namespaces. Raises NoMatch where it is not served."""
        ...


async def narrow(settings: Settings, cluster: Discovery, *, clock: Clock, tell: Callable[[str], None]) -> Settings:
    """Leave out the controllers whose kinds the cluster does not serve, where they were not chosen by name.

    A cluster that does not answer is asked until it does, and `tell` gets what it said; one that serves none of them,
    or does not say, is waited for as if they had been chosen.
    """
    if not settings.only_served:
        return settings
    wanted = {kind for name in settings.controllers for kind in needs(name, settings)}
    log = structlog.get_logger()
    try:
        missing = await _missing_for_sure(wanted, cluster, clock, tell)
    except errors.Forbidden as error:
        log.warning("cannot tell which kinds the cluster serves, waiting for all", error=error.message)
        return settings
    left_out = frozenset(name for name in settings.controllers if missing.intersection(needs(name, settings)))
    if left_out == settings.controllers:
        log.warning("the cluster serves none of the kinds yet, waiting for their definitions")
        return settings
    for name in sorted(left_out):
        kinds = ", ".join(sorted(scheme.resource_of(kind).kind for kind in missing.intersection(needs(name, settings))))
        log.warning(
            "the cluster lacks what this controller needs, leaving it out: install the definitions and restart, or"
            " wait for them by naming it in --controllers",
            controller=name,
            missing=kinds,
        )
    return replace(settings, controllers=settings.controllers - left_out, left_out=left_out)


async def _missing_for_sure(
    kinds: Iterable[type[Object]], cluster: Discovery, clock: Clock, tell: Callable[[str], None]
) -> set[type[Object]]:
    """Ask until the cluster answers. Raises Forbidden."""
    for failures in itertools.count(1):
        try:
            return await _missing(kinds, cluster)
        except errors.Forbidden:
            raise
        except errors.APIError as error:
            tell(error.message)
            structlog.get_logger().info("waiting for the Kubernetes API", error=error.message)
            await clock.sleep(_ASK_AGAIN.pause(failures))
    raise AssertionError("the count has no end")


async def _missing(kinds: Iterable[type[Object]], cluster: Discovery) -> set[type[Object]]:
    """Return the kinds that the cluster does not serve. Raises APIError where it does not say."""
    missing = set()
    for kind in sorted(kinds, key=lambda each: each.__name__):
        resource = scheme.resource_of(kind)
        try:
            await cluster.is_namespaced(resource.api_version, resource.kind)
        except errors.NoMatch:
            missing.add(kind)
    return missing
