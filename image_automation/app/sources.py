"""The reconcilers of sources, and what each gets. Nothing is decided here."""

from typing import Any

from deploy.source.artifact_generator import ArtifactGeneratorReconciler
from deploy.source.bucket import BucketReconciler
from deploy.source.charts import program
from deploy.source.charts.builder import ChartBuilder
from deploy.source.charts.indexes import Indexes, IndexFetcher
from deploy.source.charts.origins import Origins
from deploy.source.checkouts import includes
from deploy.source.checkouts.verification import Verifier
from deploy.source.fetch import Trees
from deploy.source.generating.external import Externals
from deploy.source.git_repository import GitRepositoryReconciler
from deploy.source.helm_chart import HelmChartReconciler
from deploy.source.helm_repository import HelmRepositoryReconciler
from deploy.source.oci.layer import Layers
from deploy.source.oci_repository import OCIRepositoryReconciler
from deploy.source.publishing import Publisher
from gotk.runtime.reconciler import Reconciler
from gotk.sandbox.confinement import Confinement
from gotk.sources.registry_access import RegistryAccess
from gotk.sources.verification import Verification
from image_automation.app.parts import Parts

_TREES = 4  # unpacked artifacts that stay for the next generator


def git_repository(parts: Parts) -> Reconciler[Any, Any]:
    """Build the reconciler of GitRepositories."""
    reconciler = GitRepositoryReconciler(
        access=parts.access,
        mirrors=parts.mirrors,
        objects=parts.caches,
        publisher=Publisher(storage=parts.storage, blocking=parts.git),
        storage=parts.storage,
        verifier=Verifier(objects=parts.access.objects, blocking=parts.git),
        blocking=parts.git,
        scratch=parts.settings.make_scratch("included"),
        allow_file=parts.settings.allow_file,
    )
    if "imageupdateautomation" in parts.settings.left_out:
        reconciler.watches = (includes.WATCH,)  # it would only be told sooner of what nobody pushes here
    return reconciler


def helm_repository(parts: Parts) -> Reconciler[Any, Any]:
    """Build the reconciler of HelmRepositories."""
    return HelmRepositoryReconciler(
        access=parts.helm_access,
        repositories=parts.repositories,
        publisher=Publisher(storage=parts.storage, blocking=parts.work),
        blocking=parts.work,
        scratch=parts.settings.make_scratch("indexes"),
    )


def indexes(parts: Parts) -> Indexes:
    """Build the reader of chart versions in the indexes of HelmRepositories."""
    scratch = parts.settings.make_scratch("versions")
    return Indexes(
        objects=parts.objects,
        access=parts.helm_access,
        fetcher=IndexFetcher(repositories=parts.repositories, blocking=parts.work, scratch=scratch),
        downloads=parts.downloads,
        blocking=parts.work,
        scratch=scratch,
    )


def oci_repository(parts: Parts) -> Reconciler[Any, Any]:
    """Build the reconciler of OCIRepositories."""
    return OCIRepositoryReconciler(
        access=RegistryAccess(objects=parts.objects, logins=parts.logins),
        registry=parts.registry,
        verification=Verification(objects=parts.objects, registry=parts.registry, limiter=parts.work),
        layers=Layers(registry=parts.registry, blocking=parts.work, scratch=parts.settings.make_scratch("layers")),
        publisher=Publisher(storage=parts.storage, blocking=parts.work),
    )


def helm_chart(parts: Parts) -> Reconciler[Any, Any]:
    """Build the reconciler of HelmCharts."""
    settings, scratch = parts.settings, parts.settings.make_scratch("charts")
    origins = Origins(
        objects=parts.caches,
        access=parts.helm_access,
        repositories=parts.repositories,
        registry=parts.registry,
        storage=parts.storage,
        blocking=parts.work,
        scratch=scratch,
        chart_limit=settings.helm_chart_max_size,
    )
    builder = ChartBuilder(
        origins=origins,
        blocking=parts.work,
        scratch=scratch,
        command=program.find_command(),
        confine=Confinement.command,
        limit=settings.helm_chart_max_size,
    )
    return HelmChartReconciler(
        objects=parts.caches,
        origins=origins,
        builder=builder,
        verification=Verification(objects=parts.objects, registry=parts.registry, limiter=parts.work),
        publisher=Publisher(storage=parts.storage, blocking=parts.work),
        storage=parts.storage,
    )


def artifact_generator(parts: Parts) -> Reconciler[Any, Any]:
    """Build the reconciler of ArtifactGenerators."""
    settings = parts.settings
    scratch = settings.make_scratch("generated")
    trees = Trees(downloads=parts.downloads, limiter=parts.work, scratch=scratch, capacity=_TREES)
    return ArtifactGeneratorReconciler(
        objects=parts.caches,
        externals=Externals(cluster=parts.client),
        trees=trees,
        storage=parts.storage,
        blocking=parts.work,
        scratch=settings.make_scratch("extracted"),
        cross_namespace=not settings.no_cross_namespace_refs,
        requeue_dependency=settings.requeue_dependency,
    )


def bucket(parts: Parts) -> Reconciler[Any, Any]:
    """Build the reconciler of Buckets."""
    return BucketReconciler(
        access=parts.bucket_access,
        transport=parts.web,
        publisher=Publisher(storage=parts.storage, blocking=parts.work),
        blocking=parts.work,
        scratch=parts.settings.make_scratch("buckets"),
        now=parts.clock.now,
    )
