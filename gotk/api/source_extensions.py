"""`source.extensions.fluxcd.io`: the ArtifactGenerator, which makes artifacts of other sources' artifacts."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from gotk.api.meta import Object, ReconcileStatus, Struct, bounded

GROUP = "source.extensions.fluxcd.io"

#: The label of a generated ExternalArtifact: the uid of its generator.
GENERATOR_LABEL = f"{GROUP}/generator"
#: What holds a generator until what it made is gone.
FINALIZER = f"{GROUP}/finalizer"
#: The annotation that pauses a generator where it says `disabled`.
RECONCILE = f"{GROUP}/reconcile"

_ALIAS = r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?"


class CommonMetadata(Struct, frozen=True, kw_only=True):
    """Labels and annotations of everything that is generated."""

    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


class SourceReference(Struct, frozen=True, kw_only=True):
    """A source, and the name that copy operations call it by."""

    alias: Annotated[str, bounded(pattern=f"^{_ALIAS}$", maxLength=63)]
    kind: Literal["Bucket", "GitRepository", "OCIRepository", "HelmChart", "ExternalArtifact"]
    name: Annotated[str, bounded(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", maxLength=253)]
    namespace: Annotated[str, bounded(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", minLength=1, maxLength=63)] = ""


class CopyOperation(Struct, frozen=True, kw_only=True):
    """What is copied, to where, and how it joins what is there."""

    from_: Annotated[str, bounded(pattern=f"^@({_ALIAS})/(.*)$", minLength=1, maxLength=1024)] = msgspec.field(
        name="from"
    )
    to: Annotated[str, bounded(pattern=r"^@(artifact)/(.*)$", minLength=1, maxLength=1024)]
    exclude: Annotated[tuple[str, ...], bounded(maxItems=100)] = ()
    strategy: Literal["Overwrite", "Merge", "Extract"] = "Overwrite"


class OutputArtifact(Struct, frozen=True, kw_only=True):
    """An artifact to be: its name, its content, and whose revision it takes, as `@alias`."""

    name: Annotated[str, bounded(minLength=1, maxLength=253)]
    copy: Annotated[tuple[CopyOperation, ...], bounded(minItems=1)]
    revision: Annotated[str, bounded(pattern=f"^@({_ALIAS})$", maxLength=64)] = ""
    origin_revision: Annotated[str, bounded(pattern=f"^@({_ALIAS})$", maxLength=64)] = ""


class ArtifactGeneratorSpec(Struct, frozen=True, kw_only=True):
    """What is made of which sources; with a pattern once for each folder that it finds."""

    sources: Annotated[tuple[SourceReference, ...], bounded(minItems=1, maxItems=1000)]
    artifacts: Annotated[tuple[OutputArtifact, ...], bounded(minItems=1, maxItems=1000)]
    path_pattern: Annotated[str, bounded(pattern=f"^@({_ALIAS})/(.*)$", maxLength=1024)] = ""
    common_metadata: CommonMetadata | None = None


class ExternalArtifactReference(Struct, frozen=True, kw_only=True):
    """A generated artifact, and the file that holds it."""

    name: str
    namespace: str
    digest: str
    filename: str


class ArtifactGeneratorStatus(ReconcileStatus, frozen=True, kw_only=True):
    """What was generated, and from which state of the sources."""

    inventory: tuple[ExternalArtifactReference, ...] = ()
    observed_sources_digest: str = ""

    def __post_init__(self) -> None:
        """Take the observed generation from Ready: the definition has no field of its own for it."""
        ready = next((each for each in self.conditions if each.type == "Ready"), None)
        if ready is not None and not self.observed_generation:
            msgspec.structs.force_setattr(self, "observed_generation", ready.observed_generation)


class ArtifactGenerator(Object, frozen=True, kw_only=True):
    """Makes ExternalArtifacts of other sources' artifacts."""

    spec: ArtifactGeneratorSpec
    status: ArtifactGeneratorStatus = ArtifactGeneratorStatus()

    @property
    def paused(self) -> bool:
        """Whether an annotation says to leave it alone."""
        return self.metadata.annotations.get(RECONCILE, "").lower() == "disabled"
