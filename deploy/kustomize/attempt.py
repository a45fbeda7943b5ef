"""One run over one Kustomization: what it is for, when it began, what its messages carry, and when the next one is."""

from dataclasses import dataclass

from deploy.cluster.wait import NO_RULES, Rules
from gotk.api.kustomize import GROUP, Kustomization, KustomizationSpec, KustomizationStatus
from gotk.api.meta import Artifact
from gotk.duration import Duration
from gotk.runtime import conditions
from gotk.runtime.reconciler import Run

KustomizationRun = Run[KustomizationStatus]

_LEAST_TIMEOUT = Duration.of(30)


def timeout(spec: KustomizationSpec) -> Duration:
    """Return how long a step may take: as said, else 30 s less than the interval, and never less than 30 s."""
    return max(spec.timeout or Duration(spec.interval.nanoseconds - _LEAST_TIMEOUT.nanoseconds), _LEAST_TIMEOUT)


def retry_after(spec: KustomizationSpec) -> float:
    """Return after how many seconds a failed run is followed by the next one."""
    return (spec.retry_interval or spec.interval).seconds


def steady_lag(spec: KustomizationSpec) -> float:
    """Return how many seconds old may be what a run at the interval knows of applied objects."""
    return spec.interval.seconds / 2


def origin(artifact: Artifact) -> str:
    """Return the revision that a source's content was made of, where that is another one."""
    return (artifact.metadata or {}).get("org.opencontainers.image.revision", "")


def event_metadata(artifact: Artifact) -> dict[str, str]:
    """Return what every event about a source's revision carries."""
    made_of = {f"{GROUP}/originRevision": origin(artifact)} if origin(artifact) else {}
    return {f"{GROUP}/revision": artifact.revision, **made_of}


def history_metadata(artifact: Artifact) -> dict[str, str]:
    """Return what the history says of a source's revision."""
    made_of = {"originRevision": origin(artifact)} if origin(artifact) else {}
    return {"revision": artifact.revision, **made_of}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A run and what it is about. In a `steady` one the present revision of the present spec is applied already.

    `checks` tell the health of kinds that the object has expressions for.
    """

    obj: Kustomization
    run: KustomizationRun
    artifact: Artifact
    began: float
    steady: bool
    checks: Rules = NO_RULES

    @property
    def timeout(self) -> Duration:
        """How long a step may take."""
        return timeout(self.obj.spec)

    @property
    def retry_after(self) -> float:
        """After how many seconds a failure is tried again."""
        return retry_after(self.obj.spec)

    @property
    def lag(self) -> float:
        """How many seconds old may be what is known of applied objects: none where somebody has asked for this run."""
        return steady_lag(self.obj.spec) if self.steady and not self.run.requested else 0.0

    @property
    def origin(self) -> str:
        """The revision that the source's content was made of, where that is another one."""
        return origin(self.artifact)

    @property
    def metadata(self) -> dict[str, str]:
        """What every event of the run carries."""
        return event_metadata(self.artifact)

    def doing(self, what: str) -> str:
        """Return the progress message for a step."""
        return f"{what} for revision {self.artifact.revision} with a timeout of {self.timeout}"

    async def progress(self, what: str) -> None:
        """Say what goes on, and write it unless this is a mere look at what is applied already."""
        if self.steady:
            self.run.conditions.mark_true(conditions.RECONCILING, conditions.PROGRESSING, self.doing(what))
        else:
            await self.run.progress(self.doing(what))
