"""What the operator decides about HelmReleases: Flux's flags and feature gates of helm-controller."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Decisions for all HelmReleases. Times are in seconds."""

    requeue_dependency: float
    no_cross_namespace_refs: bool
    #: Whether an expression of a dependency comes on top of the check that it is ready, instead of in its place.
    additive_expressions: bool
    #: Whether what wakes a HelmRelease ends its health check.
    cancel_health_checks: bool
    #: Whether sources are read from the API for each run, and not from the watch.
    direct_source_fetch: bool
    #: Whether artifacts that other controllers publish may be released.
    external_artifacts: bool
    #: What snapshots and values are digested with.
    digest_algorithm: str
    #: Whether what objects leave open is done as Helm 3 did it, and not as Helm 4 does.
    helm_3_defaults: bool
