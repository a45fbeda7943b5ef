"""`/rollouts`: every Kustomization and HelmRelease, what of which revision it applied, and how that went last."""

from collections.abc import Iterator, Mapping
from typing import Final

from deploy.cluster import inventory
from gotk.api.helm import HelmRelease
from gotk.api.kustomize import Kustomization
from image_automation.dashboard import states
from image_automation.dashboard.page import Look, Page, Record, titled
from image_automation.dashboard.states import State

APPLIERS: Final = (Kustomization, HelmRelease)
_ORDER: Final[Mapping[str, int]] = {"broken": 0, "working": 1, "suspended": 2, "ready": 3}


class Past(Record, frozen=True, kw_only=True):
    """One line of a history: what was rolled out, how it ended and when last; `times` counts runs that came to it."""

    what: str
    status: str
    good: bool
    time: str
    first: str = ""
    took: str = ""
    times: int = 1


class Summary(Record, frozen=True, kw_only=True):
    """One of them: the revision that is applied, how many objects that makes, and the last line of its history."""

    state: State
    revision: str = ""
    objects: int = 0
    last: Past | None = None


class Rollouts(Record, frozen=True, kw_only=True):
    """Those that match what was searched for, of how many there are; what is broken first."""

    rollouts: tuple[Summary, ...]
    total: int
    search: str = ""
    standing: str = ""


def record(look: Look) -> Rollouts:
    """Make the record."""
    found = [_summary(each) for each in of(look)]
    search, standing = look.query.get("q", "").strip(), look.query.get("is", "")
    kept = [each for each in found if _matches(each, search, standing)]
    return Rollouts(
        rollouts=tuple(sorted(kept, key=lambda each: _ORDER[each.state.standing])),
        total=len(found),
        search=search,
        standing=standing,
    )


def of(look: Look) -> Iterator[Kustomization | HelmRelease]:
    """Yield all that somebody may see."""
    yield from look.objects.list(Kustomization)
    yield from look.objects.list(HelmRelease)


def history(obj: Kustomization | HelmRelease) -> tuple[Past, ...]:
    """Return what was rolled out, the last of it first."""
    if isinstance(obj, HelmRelease):
        return tuple(_releases(obj))
    return tuple(
        Past(
            what=each.metadata.get("revision") or each.digest,
            status=each.last_reconciled_status,
            good=each.last_reconciled_status == "ReconciliationSucceeded",
            time=each.last_reconciled,
            first=each.first_reconciled,
            took=each.last_reconciled_duration,
            times=each.total_reconciliations,
        )
        for each in obj.status.history
    )


def _releases(obj: HelmRelease) -> Iterator[Past]:
    for each in obj.status.history:
        app = f" (app {each.app_version})" if each.app_version else ""
        yield Past(
            what=f"{each.name}.v{each.version}: {each.chart_name} {each.chart_version}{app}",
            status=each.status,
            good=each.status in {"deployed", "superseded"},
            time=each.last_deployed,
            first=each.first_deployed,
        )


def revision(obj: Kustomization | HelmRelease) -> str:
    """Return what is rolled out now."""
    if isinstance(obj, Kustomization):
        return obj.status.last_applied_revision
    return obj.status.history[0].chart_version if obj.status.history else ""


def _summary(obj: Kustomization | HelmRelease) -> Summary:
    return Summary(
        state=states.of(obj),
        revision=revision(obj),
        objects=len(inventory.read(obj.status.inventory)),
        last=next(iter(history(obj)), None),
    )


def _matches(summary: Summary, search: str, standing: str) -> bool:
    words = f"{summary.state.namespace}/{summary.state.name} {summary.state.kind} {summary.revision}".lower()
    return search.lower() in words and standing in {"", summary.state.standing}


PAGE = Page(path="/rollouts", template="rollouts.html", title=titled("Rollouts"), kinds=APPLIERS, record=record)
