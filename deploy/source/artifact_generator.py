"""ArtifactGenerator: copy parts of other sources' artifacts into new ones, and let objects stand for them.

Answers to source-watcher's ArtifactGeneratorReconciler: its order, conditions, reasons, messages and events, and when
it has nothing to do. Other than there an ExternalArtifact that was deleted is made again at once.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.source.download import ArtifactError
from deploy.source.fetch import Trees
from deploy.source.generating import building, captures, observed
from deploy.source.generating.building import BuildError
from deploy.source.generating.captures import Unexpandable, Wanted
from deploy.source.generating.external import CONTROLLER, Externals, is_ours
from deploy.source.generating.observed import NotThere
from deploy.source.generating.tree import Tree
from deploy.source.storage import Storage
from gotk.api.meta import Artifact
from gotk.api.source import ExternalArtifact
from gotk.api.source_extensions import FINALIZER, ArtifactGenerator, ArtifactGeneratorStatus, ExternalArtifactReference
from gotk.kube.errors import APIError
from gotk.runtime.blocking import Limiter
from gotk.runtime.conditions import READY, Rules
from gotk.runtime.errors import Retry, Stalled
from gotk.runtime.reconciler import Outcome, Reader, Run, Watch

_PROGRESS = "Reconciliation in progress"
_AFTER = 3600.0
_FETCH_FAILED, _BUILD_FAILED = "SourceFetchFailed", "BuildFailed"
_PATIENCE = 300.0

GeneratorRun = Run[ArtifactGeneratorStatus]


class ArtifactGeneratorReconciler:
    """Keeps what ArtifactGenerators make up to date with their sources."""

    kind = ArtifactGenerator
    controller = CONTROLLER
    finalizer = FINALIZER
    rules = Rules(interval_jitter=True, progress=_PROGRESS)
    watches: Sequence[Watch[Any]] = observed.WATCHES
    unsupported: Sequence[str] = ()

    def __init__(
        self,
        *,
        objects: Reader,
        externals: Externals,
        trees: Trees,
        storage: Storage,
        blocking: Limiter,
        scratch: Path,
        cross_namespace: bool,
        requeue_dependency: float,
    ) -> None:
        """Take what it works with; `scratch` is where archives are unpacked."""
        self._objects = objects
        self._externals = externals
        self._trees = trees
        self._storage = storage
        self._blocking = blocking
        self._scratch = scratch
        self._cross_namespace = cross_namespace
        self._requeue_dependency = requeue_dependency

    async def reconcile(self, obj: ArtifactGenerator, run: GeneratorRun) -> Outcome:
        """Make anew what does not match its sources any more."""
        observed.check(obj, self._objects, cross_namespace=self._cross_namespace)
        try:
            sources = await observed.artifacts(obj, self._objects)
        except NotThere as error:
            raise self._later(f"get sources failed: {error}") from error
        seen = observed.digest(sources)
        if not await self._has_drifted(obj, seen):
            count = len(obj.status.inventory)
            trace = f"No drift detected, {count} artifact(s) up to date"
            return Outcome(message=_succeeded(count), requeue_after=_AFTER, trace=trace, trace_reason=READY)
        await run.progress(_PROGRESS, ready_unknown=True)
        async with self._opened(sources) as trees:
            wanted = await self._wanted(obj, trees)
            made = [await self._make(obj, run, each, trees, sources) for each in wanted]
        await self._give_back(obj, [old for old in obj.status.inventory if old.name not in {new.name for new in made}])
        run.update(inventory=tuple(made), observed_sources_digest=seen)
        new = [f"{each.namespace}/{each.name} ({each.digest})" for each in made if not _is_known(obj, each)]
        said = "\n".join(new)
        return Outcome(
            message=_succeeded(len(made)),
            requeue_after=_AFTER,
            changed=bool(new),
            event=f"external artifacts reconciled: {said}" if new else None,
            event_reason=READY,
            trace=_succeeded(len(made)),
            trace_reason=READY,
        )

    async def finalize(self, obj: ArtifactGenerator, run: GeneratorRun) -> None:
        """Delete what was generated. Raises Retry."""
        del run
        await self._give_back(obj, obj.status.inventory)

    async def _has_drifted(self, obj: ArtifactGenerator, seen: str) -> bool:
        """Tell whether anything is not as the last good run left it."""
        ready = next((each for each in obj.status.conditions if each.type == READY), None)
        if ready is None or ready.status == "False" or ready.observed_generation != obj.metadata.generation:
            return True
        inventory = obj.status.inventory
        if obj.status.observed_sources_digest != seen:
            return True
        if not obj.spec.path_pattern and len(inventory) != len(obj.spec.artifacts):
            return True
        there = [each for each in self._objects.list(ExternalArtifact, obj.metadata.namespace) if is_ours(obj, each)]
        said = {(each.metadata.name, each.status.artifact.digest if each.status.artifact else "") for each in there}
        if said != {(each.name, each.digest) for each in inventory}:
            return True
        return await self._blocking.run(self._damaged, inventory)

    def _damaged(self, inventory: Sequence[ExternalArtifactReference]) -> bool:
        """Tell whether a file is missing, or not what it was; the latter goes."""
        damaged = False
        for each in inventory:
            path = f"{building.directory(each.namespace, each.name)}/{each.filename}"
            artifact = Artifact(digest=each.digest, path=path, url="", revision="", last_update_time="")
            if self._storage.missing(artifact):
                damaged = True
            elif self._storage.verify(artifact):
                self._storage.remove(artifact)
                damaged = True
        return damaged

    @contextlib.asynccontextmanager
    async def _opened(self, sources: Mapping[str, Artifact]) -> AsyncIterator[Mapping[str, Path]]:
        async with contextlib.AsyncExitStack() as stack:
            try:
                trees = {
                    alias: await stack.enter_async_context(self._trees.open(artifact, timeout=_PATIENCE))
                    for alias, artifact in sources.items()
                }
            except ArtifactError as error:
                raise self._later(f"fetch sources failed: {error}") from error
            yield trees

    async def _wanted(self, obj: ArtifactGenerator, trees: Mapping[str, Path]) -> list[Wanted]:
        pattern = obj.spec.path_pattern
        if not pattern:
            return [Wanted(artifact) for artifact in obj.spec.artifacts]
        alias, _, inner = pattern.removeprefix("@").partition("/")
        failed = f'failed to expand path pattern: pathPattern "{pattern}": '
        if alias not in trees:
            raise Stalled(_BUILD_FAILED, f"{failed}source alias {alias} not found in local sources")

        def expand() -> list[Wanted]:
            return captures.expand(inner, obj.spec.artifacts, Tree(trees[alias]).folders())

        try:
            return await self._blocking.run(expand)
        except Unexpandable as error:
            raise Stalled(_BUILD_FAILED, f"{failed}{error}") from error
        except OSError as error:
            raise Retry(_BUILD_FAILED, f"{failed}{error.strerror}") from error

    async def _make(
        self,
        obj: ArtifactGenerator,
        run: GeneratorRun,
        wanted: Wanted,
        trees: Mapping[str, Path],
        sources: Mapping[str, Artifact],
    ) -> ExternalArtifactReference:
        name, namespace, now = wanted.artifact.name, obj.metadata.namespace, run.now()

        def build() -> Artifact:
            return building.build(
                wanted.artifact, namespace, trees, sources, storage=self._storage, scratch=self._scratch, now=now
            )

        try:
            artifact = await self._blocking.run(build)
        except BuildError as error:
            raise Retry(_BUILD_FAILED, f"{name} build failed: {error}") from error
        try:
            await self._externals.apply(obj, wanted, artifact, now=now)
        except APIError as error:
            message = f"{name} reconcile failed: failed to apply ExternalArtifact: {error.message}"
            raise Retry("ReconciliationFailed", message) from error
        await self._blocking.run(self._storage.collect, artifact, now=now)
        made = ExternalArtifactReference(
            name=name, namespace=namespace, digest=artifact.digest, filename=artifact.path.rpartition("/")[2]
        )
        if not _is_known(obj, made):
            said = f"ExternalArtifact/{namespace}/{name} reconciled with revision {artifact.revision}"
            run.event("Trace", READY, said)
        return made

    async def _give_back(self, obj: ArtifactGenerator, references: Sequence[ExternalArtifactReference]) -> None:
        """Delete ExternalArtifacts, and the files that they stand for. Raises Retry."""
        try:
            gone = await self._externals.delete(obj, references)
            for name in gone:
                await self._blocking.run(self._storage.remove_all, building.directory(obj.metadata.namespace, name))
        except (APIError, OSError) as error:
            cause = error.message if isinstance(error, APIError) else error.strerror
            raise Retry("GarbageCollectionFailed", f"garbage collection of artifacts failed: {cause}") from error

    def _later(self, message: str) -> Retry:
        return Retry(_FETCH_FAILED, message, after=self._requeue_dependency)


def _succeeded(count: int) -> str:
    return f"reconciliation succeeded, generated {count} artifact(s)"


def _is_known(obj: ArtifactGenerator, made: ExternalArtifactReference) -> bool:
    return any((each.name, each.digest) == (made.name, made.digest) for each in obj.status.inventory)
