"""The reconciler of HelmReleases, and what it gets. Nothing is decided here."""

from typing import Any

from deploy.cluster import wait
from deploy.cluster.apply import Applier
from deploy.cluster.clusters import TargetClusters
from deploy.helm.charts import Charts
from deploy.helm.helm_release import HelmReleaseReconciler
from deploy.helm.making import Maker
from deploy.helm.policy import Policy
from deploy.helm.prerequisites import Prerequisites
from deploy.helm.releases import Releases
from deploy.helm.rendering.post import PostRenderer
from deploy.helm.rendering.render import Renderer
from deploy.helm.template import Templates
from deploy.helm.wakes import CONFIGS, EXTERNAL
from deploy.source.charts import program
from deploy.source.download import Downloads
from deploy.source.fetch import Archives
from gotk.runtime.reconciler import Reconciler
from gotk.sandbox.confinement import Confinement
from image_automation.app import builds
from image_automation.app.parts import Parts
from image_automation.app.settings import Settings

_TRIES = 2  # of a chart's server that says nothing, in one run
_ARCHIVES = 16  # chart archives that stay on disk for the next run


def helm_release(parts: Parts) -> Reconciler[Any, Any]:
    """Build the reconciler of HelmReleases."""
    settings, policy = parts.settings, _policy(parts.settings)
    reconciler = HelmReleaseReconciler(
        prerequisites=Prerequisites(objects=parts.caches, client=parts.client, expressions=parts.cel, policy=policy),
        templates=Templates(
            objects=parts.caches, client=parts.client, no_cross_namespace_refs=settings.no_cross_namespace_refs
        ),
        client=parts.objects,
        clusters=TargetClusters(parts.client, remotes=parts.remotes, default_account=settings.default_service_account),
        charts=_charts(parts),
        releases=_releases(parts),
        expressions=parts.cel,
        policy=policy,
    )
    if settings.external_artifacts:
        reconciler.watches = (*reconciler.watches, EXTERNAL)
    if settings.watch_configs:
        reconciler.watches = (*reconciler.watches, *builds.marked(CONFIGS, settings))
    return reconciler


def _charts(parts: Parts) -> Charts:
    settings = parts.settings
    downloads = Downloads(
        transport=parts.transport,
        clock=parts.clock,
        limiter=parts.work,
        retries=settings.http_retry,
        each=settings.http_timeout,
    )
    archives = Archives(
        downloads=downloads, limiter=parts.work, scratch=settings.make_scratch("released"), capacity=_ARCHIVES
    )
    return Charts(
        archives=archives,
        limiter=parts.work,
        plain_versions=settings.plain_chart_versions,
        patience=_TRIES * settings.http_timeout,
    )


def _releases(parts: Parts) -> Releases:
    settings, scratch = parts.settings, parts.settings.make_scratch("rendered")
    renderer = Renderer(
        command=program.find_command(),
        limiter=parts.work,
        scratch=scratch,
        confine=Confinement.command,
        dns=settings.dns_lookups,
    )
    builder = builds.builder(
        settings,
        scratch,
        mirrors=parts.mirrors,
        transport=parts.outward,
        git=parts.git,
        work=parts.work,
        as_listed=False,
    )
    post = PostRenderer(builder=builder, limiter=parts.work, scratch=scratch)
    waiter = wait.Waiter(clock=parts.clock, fail_fast=settings.fail_fast)
    return Releases(
        maker=Maker(renderer=renderer, post=post),
        applier=Applier(clock=parts.clock, waiter=waiter, manner=builds.manner(settings)),
        limiter=parts.work,
        clock=parts.clock,
        default_to_retry=settings.retry_failed_releases,
    )


def _policy(settings: Settings) -> Policy:
    return Policy(
        requeue_dependency=settings.requeue_dependency,
        no_cross_namespace_refs=settings.no_cross_namespace_refs,
        additive_expressions=settings.additive_expressions,
        cancel_health_checks=settings.cancel_health_checks,
        direct_source_fetch=settings.direct_source_fetch,
        external_artifacts=settings.external_artifacts,
        digest_algorithm=settings.snapshot_digest_algo,
        helm_3_defaults=settings.helm_3_defaults,
    )
