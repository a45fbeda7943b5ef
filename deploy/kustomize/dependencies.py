"""`spec.dependsOn`: is what must come first ready, and for the same revision?

Answers to the built-in check of kustomize-controller. Pure; cycles simply never become ready.
"""

from gotk.api.kustomize import DependencyReference, Kustomization
from gotk.api.meta import Condition
from gotk.runtime.reconciler import Key

#: The reason of what waits for another.
NOT_READY = "DependencyNotReady"


def key(reference: DependencyReference, namespace: str) -> Key:
    """Return which Kustomization a reference means."""
    return Key(reference.namespace or namespace, reference.name)


def source_key(kustomization: Kustomization) -> tuple[str, str, str]:
    """Return kind, namespace and name of a Kustomization's source."""
    reference = kustomization.spec.source_ref
    return reference.kind, reference.namespace or kustomization.metadata.namespace, reference.name


def ready(kustomization: Kustomization) -> Condition | None:
    """Return the Ready condition if it is True for the present generation."""
    status = kustomization.status
    if status.observed_generation != kustomization.metadata.generation:
        return None
    return next((c for c in status.conditions if c.type == "Ready" and c.status == "True"), None)


def waits(kustomization: Kustomization) -> bool:
    """Tell whether nothing but another Kustomization has kept one from being ready."""
    return any(c.type == "Ready" and c.reason == NOT_READY for c in kustomization.status.conditions)


def unmet(dependent: Kustomization, dependency: Kustomization, revision: str) -> str | None:
    """Return why a Kustomization has to wait for another one, or None where it has not.

    `revision` is that of the dependent's source: where both have the same source, the dependency must have applied it.
    """
    name = f"{dependency.metadata.namespace}/{dependency.metadata.name}"
    if ready(dependency) is None:
        return f"dependency '{name}' is not ready"
    if source_key(dependent) == source_key(dependency) and dependency.status.last_applied_revision != revision:
        return f"dependency '{name}' revision is not up to date"
    return None
