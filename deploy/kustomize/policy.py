"""What the operator decides about Kustomizations: Flux's flags and feature gates of kustomize-controller."""

from dataclasses import dataclass

from deploy.cluster.trial import Manner


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Decisions for all Kustomizations. Times are in seconds.

    `workload_advice` is told with a health check that waited in vain, where nothing runs workloads.
    """

    requeue_dependency: float
    no_cross_namespace_refs: bool
    #: Whether an expression of a dependency comes on top of the check that it is ready, instead of in its place.
    additive_expressions: bool
    #: Whether the first failure ends a health check.
    fail_fast: bool
    #: Whether what wakes a Kustomization ends its health check.
    cancel_health_checks: bool
    #: Whether sources are read from the API for each run, and not from the watch.
    direct_source_fetch: bool
    #: Whether artifacts that other controllers publish may be built.
    external_artifacts: bool
    #: How objects are applied.
    manner: Manner
    workload_advice: str
