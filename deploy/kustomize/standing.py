"""What stands as it was applied: for a revision that changes nothing of a build, and at an interval without drift.

A whole run leaves a record of what its build asked of the source and was answered, and of all else that went into it.
The next run compares the record with what is there now. Of a new revision that gives the same answers only the status
moves. At the interval, where source and inputs have not moved either and no object in the cluster is another than when
it was in sync, nothing is built, tried or applied. Whatever else wakes a Kustomization has everything done: drift, a
request, a new spec, a failure, and the interval (`due`) also where revisions, however many, came before it. The records
are in memory alone, since after a start every Kustomization runs whole.
"""

import dataclasses
from dataclasses import dataclass
from typing import Protocol
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
from gotk.api.kustomize import Kustomization, KustomizationSpec
from gotk.api.meta import Artifact, ResourceInventory
from gotk.bounded import Bounded
from gotk.runtime.clock import Clock

#: How many paths that builds asked for are remembered, of all Kustomizations together.
_PATHS = 2_000_000
_Key = tuple[str, str, str]


class Idling(Protocol):
    """What is needed of the steps."""

    async def are_idle(self, attempt: Attempt, made_of: str, cluster: ports.Cluster) -> bool:
        """Tell whether all steps would do nothing with a build."""
        ...

    def rests(self, obj: Kustomization, made_of: str, cluster: ports.Cluster) -> bool:
        """Tell the same of a steady run where nobody has to be asked for it, else False."""
        ...


@dataclass(slots=True)
class Applied:
    """What was applied last, by all that it depends on. `digest` names the build in the history.

    `made_of` names its objects to whoever applies them, `artifact` is the digest of the source that holds it.
    `due` moves with each interval at which it rests.
    """

    revision: str
    artifact: str
    generation: int
    answered: Answered
    inputs: str
    digest: str
    made_of: str
    inventory: ResourceInventory | None
    cluster: ReferenceType[ports.Cluster]
    due: float
    #: Revision and digest of a source that was found to change nothing, and has let others go first.
    passed: tuple[str, str] = ("", "")

    def __len__(self) -> int:
        return len(self.answered.asked) + 1

    def is_of(self, source: Artifact) -> bool:
        """Tell whether the present source is the one that was applied."""
        return (self.revision, self.artifact) == (source.revision, source.digest)

    def is_known(self, obj: Kustomization) -> bool:
        """Tell whether an object has the spec, and says that it has applied the revision."""
        status = obj.status
        if self.generation != obj.metadata.generation:
            return False
        return self.revision == status.last_applied_revision == status.last_attempted_revision

    def is_as_applied(self, obj: Kustomization) -> bool:
        """Tell whether an object names the objects that were applied for it."""
        return obj.status.inventory == self.inventory

    def holds(self, attempt: Attempt, now: float) -> bool:
        """Tell whether a run may do with less than everything, if nothing but the status has moved."""
        obj = attempt.obj
        if attempt.run.requested or not self.is_known(obj):
            return False
        if self.is_of(attempt.artifact):
            return attempt.steady and self.is_as_applied(obj)
        is_news = self.revision != attempt.artifact.revision and now < self.due
        return is_news and (dependencies.ready(obj) is not None or dependencies.waits(obj))

    def has_passed(self, source: Artifact) -> bool:
        """Tell whether a source was found to change nothing."""
        return self.passed == (source.revision, source.digest)

    def needs_no_run(self, obj: Kustomization, source: Artifact, now: float) -> bool:
        """Tell whether a source that has passed is the only news of an object, which nothing has to be read for."""
        spec = obj.spec
        return not (
            spec.depends_on
            or _reads(spec)
            or self.cluster() is None
            or not self.is_known(obj)
            or self.revision == source.revision
            or now >= self.due
            or dependencies.ready(obj) is None
        )


class Standing:
    """The records of Kustomizations. `steps` tell whether they find nothing to do with a build."""

    def __init__(
        self, *, assembler: Assembler, clusters: ports.Clusters, steps: Idling, claims: Claims, clock: Clock
    ) -> None:
        self._steps = steps
        self._claims = claims
        self._assembler = assembler
        self._clusters = clusters
        self._clock = clock
        self._kept: Bounded[_Key, Applied] = Bounded(_PATHS, weigh=len)

    async def of(self, attempt: Attempt) -> Applied | None:
        """Return the record of what stands, None where everything is to be done; it is then forgotten."""
        key = _key(attempt.obj)
        kept = self._kept.get(key)
        if kept is None:
            return None
        holds = kept.holds(attempt, self._clock.monotonic()) and not self._claims.is_shared(attempt.obj)
        if holds and await self._is_same(attempt, kept):
            return kept
        self._kept.pop(key)
        return None

    def lets_others_go_first(self, attempt: Attempt) -> bool:
        """Tell, once for each revision, that what is to be applied goes before what is to be recorded."""
        kept = self.record(attempt.obj)
        if kept is None or kept.has_passed(attempt.artifact):
            return False
        self.let_pass(attempt.obj, kept, attempt.artifact)
        return True

    def record(self, obj: Kustomization) -> Applied | None:
        """Return what is recorded of an object, whether or not it still holds."""
        return self._kept.get(_key(obj))

    def let_pass(self, obj: Kustomization, kept: Applied, source: Artifact) -> None:
        """Learn that a source changes nothing of what was applied."""
        self._kept.put(_key(obj), dataclasses.replace(kept, passed=(source.revision, source.digest)))

    def stands(self, obj: Kustomization, source: Artifact) -> Applied | None:
        """Return the record of an object of which a run would do nothing but move it to a source that has passed."""
        kept = self.record(obj)
        if kept is None or not kept.has_passed(source) or self._claims.is_shared(obj):
            return None
        return kept if kept.needs_no_run(obj, source, self._clock.monotonic()) else None

    def move(self, obj: Kustomization, source: Artifact) -> None:
        """Let a record stand for a source's revision."""
        if (kept := self.record(obj)) is not None:
            self._kept.put(_key(obj), dataclasses.replace(kept, revision=source.revision, artifact=source.digest))

    def known(self, obj: Kustomization, source: Artifact) -> Applied | None:
        """Return the record of what stands at the interval, where nobody has to be asked for that, else None."""
        kept = self._kept.get(_key(obj))
        if kept is None or not (kept.is_of(source) and kept.is_known(obj) and kept.is_as_applied(obj)):
            return None
        cluster = None if _reads(obj.spec) or self._claims.is_shared(obj) else kept.cluster()
        return kept if cluster is not None and self._steps.rests(obj, kept.made_of, cluster) else None

    def rest(self, obj: Kustomization, kept: Applied) -> None:
        """Count the interval of a record from now on: there was nothing to do."""
        kept.due = self._clock.monotonic() + obj.spec.interval.seconds

    def keep(self, attempt: Attempt, assembled: Assembled, cluster: ports.Cluster) -> None:
        """Record that everything was done. What depends on more than is known is not recorded."""
        obj = attempt.obj
        self._claims.applied(obj, attempt.began)
        if assembled.answered is None:
            return
        applied = Applied(
            revision=attempt.artifact.revision,
            artifact=attempt.artifact.digest,
            generation=obj.metadata.generation,
            answered=assembled.answered,
            inputs=assembled.inputs,
            digest=assembled.digest,
            made_of=assembled.name,
            inventory=attempt.run.status.inventory,
            cluster=ref(cluster),
            due=self._clock.monotonic() + obj.spec.interval.seconds,
        )
        self._kept.put(_key(obj), applied)

    async def _is_same(self, attempt: Attempt, kept: Applied) -> bool:
        """Tell whether all is as in a record; what cannot be had is told by a whole run."""
        try:
            if not (kept.is_of(attempt.artifact) or kept.has_passed(attempt.artifact)):
                contents = await self._assembler.contents(attempt.artifact, timeout=attempt.timeout.seconds)
                if contents.answer(kept.answered.asked) != kept.answered:
                    return False
            if await self._assembler.inputs(attempt.obj) != kept.inputs:
                return False
            async with self._clusters.of(attempt.obj) as cluster:
                if kept.cluster() is not cluster:
                    return False
                return not kept.is_of(attempt.artifact) or await self._steps.are_idle(attempt, kept.made_of, cluster)
        except (ArtifactError, NotDecrypted, VariablesError, ports.ClusterError):
            return False


def _reads(spec: KustomizationSpec) -> bool:
    """Tell whether more than spec and source has to be read for what is applied, and where to."""
    substitutes = spec.post_build is not None and bool(spec.post_build.substitute_from)
    return substitutes or spec.decryption is not None or spec.kube_config is not None


def _key(obj: Kustomization) -> _Key:
    return obj.metadata.namespace, obj.metadata.name, obj.metadata.uid
