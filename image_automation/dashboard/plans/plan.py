"""`/plan/NAMESPACE/NAME`: what an automation would write now, line by line, and the button that writes exactly that.

It is the plan of `image-automation plan --cluster`, on the mirror that the automation runs on. Whoever may read the
automation sees the steps and places; the text around them is the repository's, for who may read its GitRepository.
"""

from collections.abc import Mapping

from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.kustomize import Kustomization
from gotk.api.source import GitRepository
from image_automation.bumps import Bump
from image_automation.dashboard import states
from image_automation.dashboard.access import Deed, Subject
from image_automation.dashboard.page import Look, Missing, Page, Record, Rendered
from image_automation.dashboard.plans import diffs
from image_automation.dashboard.plans.diffs import Diff
from image_automation.dashboard.states import State
from image_automation.planner import CannotPlanError, Drawn, Planned
from image_automation.report import Held, Ignored

_FILES = 50


class Made(Record, frozen=True, kw_only=True):
    """What a Kustomization would make of it: objects that differ, before variables; Secrets by name alone."""

    namespace: str
    name: str
    objects: tuple[Diff, ...] = ()
    hidden: tuple[str, ...] = ()
    left_out: int = 0
    problem: str = ""


class Plan(Record, frozen=True, kw_only=True):
    """What the page shows. `identity` names the plan where there is one to write, `problem` says why there is none.

    `note` says why no text is shown, `writable` whether who asks may have it written, `moved` that they wanted another.
    """

    state: State
    identity: str = ""
    revision: str = ""
    base: str = ""
    branch: str = ""
    changes: int = 0
    files: int = 0
    current: int = 0
    proposes: bool = False
    bumps: tuple[Bump, ...] = ()
    diffs: tuple[Diff, ...] = ()
    rendered: tuple[Made, ...] = ()
    held: tuple[Held, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    problem: str = ""
    note: str = ""
    writable: bool = False
    moved: bool = False


async def record(look: Look) -> Plan:
    """Make the record. Raises Missing, and APIError."""
    about = subject(look.place)
    automation = look.objects.get(ImageUpdateAutomation, about.namespace, about.name)
    if automation is None:
        raise Missing(f"there is no ImageUpdateAutomation {about.namespace}/{about.name} that you may see")
    if look.knows.plans is None:
        raise Missing("this process writes nothing: it runs without the controller imageupdateautomation")
    state = states.of(automation)
    try:
        drawn = await look.knows.plans.drawn(automation)
    except CannotPlanError as error:
        return Plan(state=state, problem=str(error))
    found, source = drawn.plan, _source(automation)
    readable = await look.may(Deed("get", GitRepository, source.namespace, source.name))
    may = not found.proposes and await look.may(Deed("patch", ImageUpdateAutomation, about.namespace, about.name))
    return Plan(
        state=state,
        identity=found.identity,
        revision=found.revision,
        base=found.base,
        branch=found.branch,
        changes=sum(len(each.places) for each in found.bumps),
        files=len(found.files),
        current=found.current,
        proposes=found.proposes,
        bumps=found.bumps,
        diffs=tuple(_diffs(found)) if readable else (),
        rendered=await _rendered(look, drawn, source) if readable else (),
        held=found.report.held,
        ignored=found.report.ignored,
        note="" if readable else "sign in as somebody who may get the GitRepository to see the lines of its files",
        writable=may and bool(found.identity),
        moved=bool(look.query.get("moved")),
    )


def subject(place: Mapping[str, str]) -> Subject:
    """Return the automation that an address names."""
    return Subject(ImageUpdateAutomation, place["namespace"], place["name"])


def _source(automation: ImageUpdateAutomation) -> Subject:
    reference = automation.spec.source_ref
    return Subject(GitRepository, reference.namespace or automation.metadata.namespace, reference.name)


async def _rendered(look: Look, drawn: Drawn, source: Subject) -> tuple[Made, ...]:
    """Return what those Kustomizations would make of it that somebody may see, where this process builds."""
    if look.knows.renders is None:
        return ()
    concerned = [each for each in look.objects.list(Kustomization) if _builds(each, source)]
    return tuple(_made(each) for each in await look.knows.renders.of(drawn, concerned))


def _builds(obj: Kustomization, source: Subject) -> bool:
    reference = obj.spec.source_ref
    named = (reference.kind, reference.namespace or obj.metadata.namespace, reference.name)
    return named == ("GitRepository", source.namespace, source.name)


def _made(found: Rendered) -> Made:
    namespace, _, name = found.kustomization.partition("/")
    return Made(
        namespace=namespace,
        name=name,
        objects=tuple(diffs.of(each.path, each.before, each.after) for each in found.objects),
        hidden=found.hidden,
        left_out=found.left_out,
        problem=found.problem,
    )


def _diffs(found: Planned) -> list[Diff]:
    return [diffs.of(each.path, each.before, each.after) for each in found.files[:_FILES]]


PAGE = Page(
    path="/plan/{namespace}/{name}",
    template="plan.html",
    title=lambda place: f"Plan of {place['namespace']}/{place['name']}",
    kinds=(ImageUpdateAutomation, ImagePolicy, GitRepository, Kustomization),
    record=record,
    subject=subject,
)
