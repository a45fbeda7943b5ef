"""Whom a new artifact does not touch: decided once for all Kustomizations of its source, before any of them runs.

What the new artifact holds is compared with what the one before held, once. The paths that differ are held against what
each build asked for, as it is recorded (`standing`): where they do not meet, the same would come of the build. Those
that are touched run first. The others run after them, and only record the revision; or they do not run at all, where
revisions may be held back and nothing but this one is new: then their statuses are noted.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from deploy.kustomize import history
from deploy.kustomize.attempt import event_metadata, origin, timeout
from deploy.kustomize.building.assembly import Assembler
from deploy.kustomize.building.contents import Changes, Contents
from deploy.kustomize.prerequisites import Prerequisites
from deploy.kustomize.standing import Applied, Standing
from deploy.source.download import ArtifactError
from gotk.api.kustomize import GROUP, Kustomization
from gotk.api.source import Source
from gotk.duration import Duration
from gotk.runtime.clock import Clock
from gotk.runtime.reconciler import Key, Noted, Reader, Sifted

_NO_TIME = Duration(0)


class Untouched:
    """Compares artifacts with those before, and takes revisions for applied of which nothing comes."""

    def __init__(
        self, *, objects: Reader, before: Prerequisites, assembler: Assembler, standing: Standing, clock: Clock
    ) -> None:
        self._objects = objects
        self._before = before
        self._assembler = assembler
        self._standing = standing
        self._clock = clock

    async def sift(self, source: Source, keys: Sequence[Key]) -> Sifted:
        """Tell whom a source's artifact touches. What cannot be known is for the runs to tell, of everybody."""
        artifact, recorded = source.status.artifact, list(self._recorded(keys))
        if artifact is None or not recorded:
            return Sifted(keys, ())
        patience = min(timeout(obj.spec) for _, obj, _ in recorded)
        try:
            contents = await self._assembler.contents(artifact, timeout=patience.seconds)
        except (ArtifactError, TimeoutError):
            return Sifted(keys, ())
        compared = _Compared(self._assembler, contents)
        untouched: dict[Key, None] = {}
        for key, obj, kept in recorded:
            if compared.is_same(kept):
                self._standing.let_pass(obj, kept, artifact)
                untouched[key] = None
        return Sifted([key for key in keys if key not in untouched], list(untouched))

    def _recorded(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Kustomization, Applied]]:
        for key in keys:
            obj = self._objects.get(Kustomization, *key)
            if obj is not None and (kept := self._standing.record(obj)) is not None:
                yield key, obj, kept

    def note(self, obj: Kustomization, now: datetime) -> Noted | None:
        """Take the source's artifact for applied where it was found not to touch an object, and nothing else is new."""
        artifact = self._before.known(obj)
        kept = self._standing.stands(obj, artifact) if artifact is not None else None
        if artifact is None or kept is None:
            return None
        self._standing.move(obj, artifact)
        said = obj.status.history
        told = history.of_source(said, artifact, kept.digest, history.SUCCEEDED, now=now, taken=_NO_TIME)
        status = msgspec.structs.replace(
            obj.status,
            last_applied_revision=artifact.revision,
            last_attempted_revision=artifact.revision,
            last_applied_origin_revision=origin(artifact),
            history=told,
        )
        left = Duration.of(round(max(kept.due - self._clock.monotonic(), 0.0)))
        return Noted(
            status=status,
            message=f"Applied revision: {artifact.revision}",
            event=f"Reconciliation finished in {_NO_TIME}, next run in {left}",
            metadata={**event_metadata(artifact), f"{GROUP}/commit_status": "update"},
        )


class _Compared:
    """What a source holds, beside what each of the artifacts held that records stand for: mostly one, the last."""

    def __init__(self, assembler: Assembler, contents: Contents) -> None:
        self._assembler = assembler
        self._contents = contents
        self._changes: dict[str, Changes | None] = {}

    def is_same(self, kept: Applied) -> bool:
        """Tell whether the source gives the answers of a record, to the same questions."""
        if kept.artifact not in self._changes:
            before = self._assembler.known(kept.artifact)
            self._changes[kept.artifact] = self._contents.changes(before) if before is not None else None
        changes = self._changes[kept.artifact]
        if changes is None:  # it has been forgotten what was there before
            return self._contents.answer(kept.answered.asked) == kept.answered
        return not changes.concern(kept.answered.asked)
