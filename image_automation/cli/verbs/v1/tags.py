"""The tags of an image, drawn as `fluxctl list-images` draws them: newer ones above the one that runs. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gotk.api.image import ImageRepository
from image_automation.cli.verbs.v1.watched import Image, Watch

if TYPE_CHECKING:
    from image_automation.explanation import Explanation

Row = tuple[str, str, str, str]
_NEWER, _RUNS, _OLDER = "|  ", "'->", "   "


@dataclass(frozen=True, slots=True)
class Told:
    """Tags, the best one first, and what is said of each."""

    tags: Sequence[tuple[str, str]]


def explained(found: "Explanation") -> Told:
    """Read the tags off the service's own record."""
    return Told([(each.tag, _worded(each.verdict, each.reason, found.policy)) for each in found.tags])


def _worded(verdict: str, reason: str, policy: str) -> str:
    return {"chosen": f"chosen by {policy}", "refused": f"refused: {reason}"}.get(verdict, verdict)


def scanned(repository: ImageRepository, watches: Sequence[Watch]) -> Told:
    """Read the tags off the status of what scans them."""
    result = repository.status.last_scan_result
    chosen = {each.tag: f"chosen by {each.subject}" for each in reversed(watches) if each.tag}
    listed = list(result.latest_tags) if result else []
    missing = [tag for tag in chosen if tag not in listed]
    return Told([(tag, chosen.get(tag, "")) for tag in (*missing, *listed)])


def rows(workload: str, container: str, image: Image, told: Told | None, limit: int) -> Iterator[Row]:
    """Yield the rows of a container: its image, `limit` of its tags (0 for all), and always the one that runs."""
    if told is None or not told.tags:
        cause = "no ImageRepository scans it" if told is None else "it was not scanned yet"
        yield workload, container, image.spelt, f"image data not available: {cause}"
    else:
        yield workload, container, image.spelt, ""
    listed, seen = told.tags if told else (), False
    for place, (tag, verdict) in enumerate(listed):
        mark = _RUNS if tag == image.tag else _OLDER if seen else _NEWER
        seen = seen or tag == image.tag
        if limit and place >= limit and tag != image.tag:
            continue
        if limit and place > limit:
            yield "", "", f": ({place - limit} image(s) omitted)", ""
        yield "", "", f"{mark} {tag}", verdict
    if not seen:
        yield "", "", f"{_RUNS} {image.tag or '(untagged)'}", "?"
