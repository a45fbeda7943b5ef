"""The ExternalArtifacts of a generator: applied with the artifact that they stand for, and deleted where they are ours.

Answers to `reconcileExternalArtifact` and `finalizeExternalArtifacts` of source-watcher: labels, field manager, status.
Other than there an object of the same name that is not this generator's is never deleted, and one that is as it should
be is not written.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from deploy.source.generating.captures import Wanted
from gotk.api import scheme
from gotk.api.meta import Artifact
from gotk.api.source import ExternalArtifact
from gotk.api.source_extensions import GENERATOR_LABEL, GROUP, ArtifactGenerator, ExternalArtifactReference
from gotk.kube.errors import NotFound
from gotk.kube.ports import Getter
from gotk.runtime.clock import rfc3339
from gotk.runtime.conditions import READY, SUCCEEDED

CONTROLLER = "source-watcher"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_RESOURCE = scheme.resource_of(ExternalArtifact)


class Cluster(Getter, Protocol):
    """Where the objects are."""

    async def apply_object(
        self, obj: Mapping[str, Any], *, field_manager: str, force: bool = True, subresource: str = ""
    ) -> dict[str, Any]:
        """Apply an object, or its status, on the server's side."""
        ...

    async def delete_object(self, api_version: str, kind: str, namespace: str, name: str, *, uid: str = "") -> None:
        """Delete an object, if it is still the one with this uid."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Externals:
    """Writes ExternalArtifacts. Every method raises APIError."""

    cluster: Cluster

    async def apply(self, obj: ArtifactGenerator, wanted: Wanted, artifact: Artifact, *, now: datetime) -> None:
        """Let an ExternalArtifact stand for an artifact."""
        name = wanted.artifact.name
        head = {
            "apiVersion": _RESOURCE.api_version,
            "kind": _RESOURCE.kind,
            "metadata": {"name": name, "namespace": obj.metadata.namespace},
        }
        common = obj.spec.common_metadata
        labels = {
            **(common.labels if common else {}),
            **wanted.labels,
            _MANAGED_BY: CONTROLLER,
            GENERATOR_LABEL: obj.metadata.uid,
        }
        annotations = {"annotations": dict(common.annotations)} if common and common.annotations else {}
        made_for = {
            "apiVersion": f"{GROUP}/v1beta1",
            "kind": obj.kind,
            "name": obj.metadata.name,
            "namespace": obj.metadata.namespace,
        }
        metadata = {**head["metadata"], "labels": labels, **annotations}  # type: ignore[dict-item] # it is one
        body = {**head, "metadata": metadata, "spec": {"sourceRef": made_for}}
        found = scheme.convert(await self.cluster.apply_object(body, field_manager=CONTROLLER), ExternalArtifact)
        if _is_said(found, artifact):
            return
        ready = {
            "type": READY,
            "status": "True",
            "reason": SUCCEEDED,
            "message": "Artifact is ready",
            "lastTransitionTime": rfc3339(now),
            "observedGeneration": found.metadata.generation,
        }
        status = {"artifact": scheme.to_builtins(artifact), "conditions": [ready]}
        await self.cluster.apply_object({**head, "status": status}, field_manager=CONTROLLER, subresource="status")

    async def delete(self, obj: ArtifactGenerator, references: Iterable[ExternalArtifactReference]) -> list[str]:
        """Delete what is this generator's; returns the names of those, and of what was gone already."""
        gone = []
        for reference in references:
            try:
                found = await self.cluster.get(ExternalArtifact, reference.namespace, reference.name)
                if found.metadata.labels.get(GENERATOR_LABEL) != obj.metadata.uid:
                    continue
                await self.cluster.delete_object(
                    *(_RESOURCE.api_version, _RESOURCE.kind, reference.namespace, reference.name),
                    uid=found.metadata.uid,
                )
            except NotFound:
                pass
            gone.append(reference.name)
        return gone


def is_ours(obj: ArtifactGenerator, found: ExternalArtifact) -> bool:
    """Tell whether an ExternalArtifact is a generator's."""
    return found.metadata.labels.get(GENERATOR_LABEL) == obj.metadata.uid


def _is_said(found: ExternalArtifact, artifact: Artifact) -> bool:
    """Tell whether an object says all of an artifact already."""
    return found.status.artifact == artifact and any(
        each.type == READY and each.status == "True" and each.observed_generation == found.metadata.generation
        for each in found.status.conditions
    )
