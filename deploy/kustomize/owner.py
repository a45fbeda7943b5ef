"""By what the cluster knows the objects of a Kustomization: Flux's own marks, so that they can change hands."""

from deploy.cluster.owner import Owner
from gotk.api.kustomize import GROUP, Kustomization


def of(kustomization: Kustomization) -> Owner:
    """Return what a Kustomization's objects are marked with."""
    meta = kustomization.metadata
    return Owner(
        field="kustomize-controller",
        group=GROUP,
        name=meta.name,
        namespace=meta.namespace,
        namespace_advice="set metadata.namespace, or spec.targetNamespace of the Kustomization",
    )
