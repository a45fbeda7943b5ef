"""Whether a run looks into the tree: only where something may be new there, as most runs find nothing."""

from gotk.api.image import ImageUpdateAutomation
from image_automation import report, report_status, selection
from image_automation.selection import Selection
from image_automation.writing import checkout


def must_look(obj: ImageUpdateAutomation, target: checkout.Checkout, selected: Selection) -> bool:
    """Tell whether the tree is looked into even when the branch has not moved."""
    status = obj.status
    return (
        target.switches
        or bool(obj.spec.git and obj.spec.git.push and obj.spec.git.push.refspec)
        or not status.observed_source_revision
        or report_status.has_some(status)
        or status.observed_generation != obj.metadata.generation
        or dict(status.observed_policies) != dict(selected.images)
        or report.read(obj.metadata.annotations).text_files != selection.text_files(obj).patterns
    )
