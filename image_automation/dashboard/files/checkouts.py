"""`/files`: every automation, with the repository, the branch and the folder that it keeps."""

from gotk.api.image import ImageUpdateAutomation
from image_automation.dashboard import states
from image_automation.dashboard.page import Look, Page, Record, titled
from image_automation.dashboard.states import State


class Kept(Record, frozen=True, kw_only=True):
    """An automation and what it keeps: which source, below which path, as of which revision when it ran last."""

    state: State
    source: str
    path: str = ""
    revision: str = ""


class Checkouts(Record, frozen=True, kw_only=True):
    """Every automation that somebody may see."""

    checkouts: tuple[Kept, ...] = ()


def record(look: Look) -> Checkouts:
    """Make the record."""
    return Checkouts(checkouts=tuple(map(_kept, look.objects.list(ImageUpdateAutomation))))


def _kept(automation: ImageUpdateAutomation) -> Kept:
    spec = automation.spec
    return Kept(
        state=states.of(automation),
        source=f"{spec.source_ref.namespace or automation.metadata.namespace}/{spec.source_ref.name}",
        path=spec.update.path,
        revision=automation.status.observed_source_revision,
    )


PAGE = Page(
    path="/files", template="checkouts.html", title=titled("Files"), kinds=(ImageUpdateAutomation,), record=record
)
