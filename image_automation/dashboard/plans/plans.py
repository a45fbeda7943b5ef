"""`/plan`: every automation, whether choices of its policies are not written yet, and where to see what would be."""

from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.runtime.errors import Stalled
from image_automation import report, selection
from image_automation.dashboard import states
from image_automation.dashboard.page import Look, Page, Record, titled
from image_automation.dashboard.states import State
from image_automation.pull_requests import settings


class Outlook(Record, frozen=True, kw_only=True):
    """An automation: how many choices its last run did not know of, what is held, and whether it runs at all."""

    state: State
    new: int = 0
    held: int = 0
    ignored: int = 0
    proposes: bool = False


class Plans(Record, frozen=True, kw_only=True):
    """Every automation; what has something to write first."""

    plans: tuple[Outlook, ...] = ()


def record(look: Look) -> Plans:
    """Make the record."""
    found = [_outlook(look, each) for each in look.objects.list(ImageUpdateAutomation)]
    return Plans(plans=tuple(sorted(found, key=lambda each: (not each.new, not each.held))))


def _outlook(look: Look, automation: ImageUpdateAutomation) -> Outlook:
    found = report.read(automation.metadata.annotations)
    policies = look.objects.list(ImagePolicy, automation.metadata.namespace)
    try:
        images = selection.select(policies, automation.spec.policy_selector).images
    except Stalled:
        images = {}
    seen = automation.status.observed_policies
    return Outlook(
        state=states.of(automation),
        new=sum(seen.get(name) != chosen for name, chosen in images.items()),
        held=len(found.held),
        ignored=len(found.ignored),
        proposes=_proposes(automation),
    )


def _proposes(automation: ImageUpdateAutomation) -> bool:
    try:
        return settings.read(automation) is not None
    except Stalled:
        return False  # what is wrong with the annotation is in its condition


PAGE = Page(
    path="/plan", template="plans.html", title=titled("Plan"), kinds=(ImageUpdateAutomation, ImagePolicy), record=record
)
