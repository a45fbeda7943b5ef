"""What stands as it was applied: a revision that changes nothing of a Kustomization's build is recorded, not applied.

A whole run leaves a record of what its build asked of the source and was answered, and of all else that went into it. A
run that a new revision has woken puts the same questions to it; where everything is as it was, the objects are those
that were applied, and only the status moves. Whatever else wakes a Kustomization has everything done: its interval
(`due`: revisions, however many, do not put drift off), a request, a new spec, a failure. The records are in memory
alone, since after a start every Kustomization runs whole.
"""

import dataclasses
from dataclasses import dataclass
from weakref import ReferenceType, ref

from deploy.cluster import ports
from deploy.kustomize import dependencies
from deploy.kustomize.attempt import Attempt
from deploy.kustomize.building.asked import Answered
from deploy.kustomize.building.assembly import Assembled, Assembler
from deploy.kustomize.claims import Claims
from deploy.kustomize.decryption.decryptor import NotDecrypted
from deploy.kustomize.substitution.variables import VariablesError
from deploy.source.download import ArtifactError
from gotk.api.kustomize import Kustomization
from gotk.bounded import Bounded
from gotk.runtime.clock import Clock

#: How many paths that builds asked for are remembered, of all Kustomizations together.
_PATHS = 2_000_000
_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Applied:
    """What was applied last, by all that it depends on. `digest` names the build in the history."""

    revision: str
    generation: int
    answered: Answered
    inputs: str
    digest: str
    cluster: ReferenceType[ports.Cluster]
    due: float
    #: The revision that was found to change nothing, and let others go first.
    seen: str = ""

    def __len__(self) -> int:
        return len(self.answered.asked) + 1

    def holds(self, attempt: Attempt, now: float) -> bool:
        """Tell whether a run may do with less than everything, if the source and the inputs have not moved."""
        obj = attempt.obj
        return (
            not attempt.run.requested
            and now < self.due
            and self.generation == obj.metadata.generation
            and (dependencies.ready(obj) is not None or dependencies.waits(obj))
            and self.revision == obj.status.last_applied_revision == obj.status.last_attempted_revision
            and self.revision != attempt.artifact.revision
        )


class Standing:
    """The records of Kustomizations."""

    def __init__(self, *, assembler: Assembler, clusters: ports.Clusters, claims: Claims, clock: Clock) -> None:
        self._claims = claims
        self._assembler = assembler
        self._clusters = clusters
        self._clock = clock
        self._kept: Bounded[_Key, Applied] = Bounded(_PATHS, weigh=len)

    async def of(self, attempt: Attempt) -> Applied | None:
        """Return the record of what stands, None where everything is to be done; it is then forgotten."""
        key = _key(attempt.obj)
        kept = self._kept.pop(key)
        if kept is None or not kept.holds(attempt, self._clock.monotonic()) or self._claims.is_shared(attempt.obj):
            return None
        if not await self._is_same(attempt, kept):
            return None
        self._kept.put(key, kept)
        return kept

    def lets_others_go_first(self, attempt: Attempt) -> bool:
        """Tell, once for each revision, that what is to be applied goes before what is to be recorded."""
        key, revision = _key(attempt.obj), attempt.artifact.revision
        kept = self._kept.get(key)
        if kept is None or kept.seen == revision:
            return False
        self._kept.put(key, dataclasses.replace(kept, seen=revision))
        return True

    def move(self, attempt: Attempt) -> None:
        """Let a record stand for the present revision."""
        key = _key(attempt.obj)
        if (kept := self._kept.get(key)) is not None:
            self._kept.put(key, dataclasses.replace(kept, revision=attempt.artifact.revision))

    def keep(self, attempt: Attempt, assembled: Assembled, cluster: ports.Cluster) -> None:
        """Record that everything was done. What depends on more than is known is not recorded."""
        obj = attempt.obj
        self._claims.applied(obj, attempt.began)
        if assembled.answered is None:
            return
        applied = Applied(
            revision=attempt.artifact.revision,
            generation=obj.metadata.generation,
            answered=assembled.answered,
            inputs=assembled.inputs,
            digest=assembled.digest,
            cluster=ref(cluster),
            due=self._clock.monotonic() + obj.spec.interval.seconds,
        )
        self._kept.put(_key(obj), applied)

    async def _is_same(self, attempt: Attempt, kept: Applied) -> bool:
        """Tell whether source, inputs and cluster are those of a record; what cannot be had is told by a whole run."""
        try:
            contents = await self._assembler.contents(attempt.artifact, timeout=attempt.timeout.seconds)
            if contents.answer(kept.answered.asked) != kept.answered:
                return False
            if await self._assembler.inputs(attempt.obj) != kept.inputs:
                return False
            async with self._clusters.of(attempt.obj) as cluster:
                return kept.cluster() is cluster
        except (ArtifactError, NotDecrypted, VariablesError, ports.ClusterError):
            return False


def _key(obj: Kustomization) -> _Key:
    return obj.metadata.namespace, obj.metadata.name, obj.metadata.uid
