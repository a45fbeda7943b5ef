"""`/rollouts/KIND/NAMESPACE/NAME`: what one applied and how that fares, what was before, and what fails."""

from collections.abc import Mapping

from deploy.cluster import inventory
from gotk.api.helm import HelmRelease
from gotk.api.kustomize import Kustomization
from image_automation.dashboard import states, watched
from image_automation.dashboard.access import Subject
from image_automation.dashboard.page import Drift, Look, Missing, Page, Record
from image_automation.dashboard.rollouts import applied, happened, pods, rollouts
from image_automation.dashboard.rollouts.applied import Applied
from image_automation.dashboard.rollouts.pods import Failing
from image_automation.dashboard.rollouts.rollouts import Past
from image_automation.dashboard.states import State
from image_automation.dashboard.telling.events import Happened


class Rollout(Record, frozen=True, kw_only=True):
    """What the page shows. `attempted` is a revision that was tried and is not applied; `drift` says what becomes of
    changes that others make, `compared` what these are now, where that is asked for. `events_note` says why there are
    no events to be seen.
    """

    state: State
    total: int
    drift: str
    compared: Drift | None = None
    comparable: bool = False
    revision: str = ""
    attempted: str = ""
    source: str = ""
    path: str = ""
    acts: tuple[str, ...] = ()
    objects: tuple[Applied, ...] = ()
    left_out: int = 0
    failing: tuple[Failing, ...] = ()
    history: tuple[Past, ...] = ()
    events: tuple[Happened, ...] = ()
    events_note: str = ""


async def record(look: Look) -> Rollout:
    """Make the record. Raises Missing, and APIError."""
    about = subject(look.place)
    obj = look.objects.get(about.kind, about.namespace, about.name)
    if not isinstance(obj, Kustomization | HelmRelease):
        raise Missing(f"there is no {about.kind.__name__} {about.namespace}/{about.name} that you may see")
    tree = await applied.tree(look, obj)
    reads = look.reads
    events, note = await happened.to(reads, about) if reads is not None else ((), "")
    current, attempted = rollouts.revision(obj), obj.status.last_attempted_revision
    return Rollout(
        state=states.of(obj),
        total=len(inventory.read(obj.status.inventory)),
        drift=_drift(obj),
        compared=await _compared(look, obj),
        comparable=look.person is not None and look.knows.drifts is not None,
        revision=current,
        attempted=attempted if attempted != current else "",
        source=_source(obj),
        path=obj.spec.path if isinstance(obj, Kustomization) else "",
        acts=look.acts,
        objects=tree.objects,
        left_out=tree.left_out,
        failing=await pods.failing(reads, tree.unwell) if reads is not None else (),
        history=rollouts.history(obj),
        events=events,
        events_note=note,
    )


def subject(place: Mapping[str, str]) -> Subject:
    """Return the applier that an address names. Raises Missing."""
    found = watched.subject({**place, "kind": place.get("applier", "")})
    if found.kind not in rollouts.APPLIERS:
        raise Missing(f"objects of kind {found.kind.__name__} roll nothing out")
    return found


def _source(obj: Kustomization | HelmRelease) -> str:
    """Return `KIND/NAMESPACE/NAME` of what is rolled out, as far as the spec names it."""
    own = obj.metadata.namespace
    if isinstance(obj, Kustomization):
        reference = obj.spec.source_ref
        return f"{reference.kind}/{reference.namespace or own}/{reference.name}"
    if obj.spec.chart is not None:
        chart = obj.spec.chart.spec.source_ref
        return f"{chart.kind}/{chart.namespace or own}/{chart.name}"
    chosen = obj.spec.chart_ref
    return f"{chosen.kind}/{chosen.namespace or own}/{chosen.name}" if chosen is not None else ""


async def _compared(look: Look, obj: Kustomization | HelmRelease) -> Drift | None:
    """Return what differs from what is declared, where that is asked for. Raises APIError."""
    if not look.query.get("drift") or look.person is None or look.knows.drifts is None:
        return None
    return await look.knows.drifts.of(obj, look.person.identity, look.person.cluster)


def _drift(obj: Kustomization | HelmRelease) -> str:
    if isinstance(obj, Kustomization):
        return f"what others change is put back at each run, every {obj.spec.interval}"
    mode = obj.spec.drift_detection.mode
    if mode == "disabled":
        return "what others change is not looked for (spec.driftDetection)"
    done = "put back" if mode == "enabled" else "told and left"
    return f"what others change is {done} at each run, every {obj.spec.interval}"


PAGE = Page(
    path="/rollouts/{applier}/{namespace}/{name}",
    template="rollout.html",
    title=lambda place: f"Rollout of {place['namespace']}/{place['name']}",
    kinds=watched.KINDS,
    record=record,
    subject=subject,
)
