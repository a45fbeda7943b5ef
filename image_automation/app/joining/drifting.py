"""What others have changed of what was applied: found by dry runs as the person who asks.

The objects of a Kustomization are made as its runs make them, of the artifact that its source has now; those of a
HelmRelease stand in the release. A look is kept for a while.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from deploy.cluster import ports, redaction
from deploy.kustomize import attempt, drift
from deploy.kustomize.building import assembly, build
from deploy.kustomize.building.assembly import Assembler
from deploy.source.download import ArtifactError
from gotk.api.helm import HelmRelease
from gotk.api.kustomize import Kustomization
from gotk.api.meta import Artifact, Object
from gotk.api.source import Bucket, GitRepository, OCIRepository
from gotk.bounded import Bounded
from gotk.runtime.clock import Clock
from gotk.runtime.reconciler import Reader
from image_automation.app.joining.release_drift import ReleaseDrift
from image_automation.dashboard.page import Departed, Drift

_SOURCES: Final[Mapping[str, type[GitRepository] | type[OCIRepository] | type[Bucket]]] = {
    "GitRepository": GitRepository, "OCIRepository": OCIRepository, "Bucket": Bucket,
}  # fmt: skip
#: For how many seconds a look is kept, how many are, and how many objects and lines of one are told of.
_FRESH: Final = 60.0
_KEPT: Final = 64
_OBJECTS: Final = 50
_LINES: Final = 40


class Drifting:
    """Compares what was applied with the cluster, as people reach it."""

    def __init__(self, *, assembler: Assembler, releases: ReleaseDrift, objects: Reader, clock: Clock) -> None:
        self._assembler = assembler
        self._releases = releases
        self._objects = objects
        self._clock = clock
        self._kept: Bounded[tuple[object, ...], tuple[float, Drift]] = Bounded(_KEPT)

    async def of(self, obj: Kustomization | HelmRelease, who: tuple[str, ...], cluster: ports.Cluster) -> Drift:
        """Return what differs from what is declared, as somebody may see it. Raises APIError."""
        if obj.spec.kube_config is not None:
            return Drift(problem="it is applied to another cluster")
        if isinstance(obj, HelmRelease):
            digest = obj.status.history[0].digest if obj.status.history else ""
            return await self._kept_for(obj, who, digest, lambda: self._releases.of(obj, cluster))
        artifact = self._artifact(obj)
        if artifact is None:
            return Drift(problem="its source has no artifact here")
        return await self._kept_for(obj, who, artifact.digest, lambda: self._compared(obj, artifact, cluster))

    async def _kept_for(
        self, obj: Object, who: tuple[str, ...], digest: str, look: Callable[[], Awaitable[Drift]]
    ) -> Drift:
        """Return what a look of somebody has found a while ago, or finds now."""
        meta = obj.metadata
        key = (who, obj.kind, meta.namespace, meta.name, str(meta.generation), digest)
        kept = self._kept.get(key)
        if kept is None or self._clock.monotonic() >= kept[0]:
            kept = (self._clock.monotonic() + _FRESH, await look())
            self._kept.put(key, kept)
        return kept[1]

    def _artifact(self, obj: Kustomization) -> Artifact | None:
        reference = obj.spec.source_ref
        kind = _SOURCES.get(reference.kind)
        if kind is None:
            return None
        source = self._objects.get(kind, reference.namespace or obj.metadata.namespace, reference.name)
        return source.status.artifact if source is not None else None

    async def _compared(self, obj: Kustomization, artifact: Artifact, cluster: ports.Cluster) -> Drift:
        try:
            timeout = attempt.timeout(obj.spec).seconds
            built = await self._assembler.built(obj, artifact, timeout=timeout, progress=_silent)
            made = await self._assembler.objects(obj, built)
        except (ArtifactError, build.BuildError, assembly.AssemblyError) as error:
            return Drift(revision=artifact.revision, problem=str(error))
        found = await drift.of(obj, made.manifests, cluster)
        redactor = redaction.Redactor(made.hidden)
        departed = [_departed(each, redactor) for each in found.found if each.action != "skipped"]
        return Drift(
            revision=artifact.revision,
            departed=tuple(departed[:_OBJECTS]),
            left_out=max(0, len(departed) - _OBJECTS),
            failed=tuple(redactor.hide(each) for each in found.failed[:_OBJECTS]),
        )


async def _silent(_: str) -> None:
    """Say nothing of what goes on: nobody waits for it in an object's status."""


def _departed(found: drift.Finding, redactor: redaction.Redactor) -> Departed:
    lines = [line for each in found.differences for line in each.lines() if line]
    return Departed(
        object=found.id.subject, action=found.action, lines=tuple(redactor.hide(line) for line in lines[:_LINES])
    )
