"""`/files/NAMESPACE/NAME`: the marked files of an automation, and how many of their values are where they should be."""

from collections.abc import Mapping

from gotk.api.image import ImagePolicy, ImageUpdateAutomation
from gotk.api.source import GitRepository
from image_automation.dashboard import states
from image_automation.dashboard.access import Subject
from image_automation.dashboard.page import Files, Look, Missing, Page, Record
from image_automation.dashboard.states import State
from image_automation.planner import CannotPlanError

_MOST = 1000


class Marked(Record, frozen=True, kw_only=True):
    """A file: its marked values, those that would change or are held, and what in it has no effect."""

    path: str
    marks: int
    changes: int = 0
    held: int = 0
    ignored: int = 0


class Checkout(Record, frozen=True, kw_only=True):
    """The files that match what was searched for; `problem` says why they cannot be read."""

    state: State
    revision: str = ""
    commit: str = ""
    files: tuple[Marked, ...] = ()
    total: int = 0
    search: str = ""
    problem: str = ""
    left_out: int = 0


async def record(look: Look) -> Checkout:
    """Make the record. Raises Missing, and APIError."""
    automation, files = opened(look)
    search = look.query.get("q", "").strip()
    try:
        found = await files.checkout(automation)
    except CannotPlanError as error:
        return Checkout(state=states.of(automation), problem=str(error))
    kept = [each for each in found.files if search in each.path]
    return Checkout(
        state=states.of(automation),
        revision=found.revision,
        commit=found.commit,
        files=tuple(
            Marked(path=each.path, marks=each.marks, changes=each.changes, held=each.held, ignored=each.ignored)
            for each in kept[:_MOST]
        ),
        total=len(found.files),
        search=search,
        left_out=max(0, len(kept) - _MOST),
    )


def opened(look: Look) -> tuple[ImageUpdateAutomation, Files]:
    """Return the automation that an address names, and what reads its files. Raises Missing."""
    about = subject(look.place)
    automation = look.objects.get(ImageUpdateAutomation, about.namespace, about.name)
    if automation is None:
        raise Missing(f"there is no ImageUpdateAutomation {about.namespace}/{about.name} that you may see")
    if look.knows.files is None:
        raise Missing("this process reads no repositories: it runs without the controller imageupdateautomation")
    return automation, look.knows.files


def subject(place: Mapping[str, str]) -> Subject:
    """Return the automation that an address names."""
    return Subject(ImageUpdateAutomation, place["namespace"], place["name"])


PAGE = Page(
    path="/files/{namespace}/{name}",
    template="checkout.html",
    title=lambda place: f"Files of {place['namespace']}/{place['name']}",
    kinds=(ImageUpdateAutomation, ImagePolicy, GitRepository),
    record=record,
    subject=subject,
)
