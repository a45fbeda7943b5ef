"""What is to become of a workload: ready after a moment, unless its annotation or the name of its image says otherwise.

    image-automation.dev/simulate: crash-loop            # containers exit again and again
    image-automation.dev/simulate: image-pull            # the image cannot be had
    image-automation.dev/simulate: never-ready           # runs, but its probes fail
    image-automation.dev/simulate: deadline-exceeded     # never ready, and its Deployment gives up at once
    image-automation.dev/simulate: ready after 10s       # `after` goes with each of them

The same words in an image's name or tag, as a part of its own (`web:1.2.0-crashloop`), work where manifests are not to
be touched.
"""

import logging
import re
from dataclasses import dataclass
from typing import Any, Final

from gotk.duration import Duration

Json = dict[str, Any]
log = logging.getLogger(__name__)

ANNOTATION: Final = "image-automation.dev/simulate"
READY: Final = "ready"
CRASH_LOOP: Final = "crashloop"
IMAGE_PULL: Final = "imagepull"
NEVER_READY: Final = "neverready"
DEADLINE: Final = "deadlineexceeded"

_WORDS: Final = {
    **{word: word for word in (READY, CRASH_LOOP, IMAGE_PULL, NEVER_READY, DEADLINE)},
    "crashloopbackoff": CRASH_LOOP,
    "imagepullbackoff": IMAGE_PULL,
    "errimagepull": IMAGE_PULL,
    "progressdeadlineexceeded": DEADLINE,
}
_PARTS = re.compile(r"[-_.:/@+]")


@dataclass(frozen=True, slots=True)
class Fate:
    """How a workload ends up, and after how many seconds."""

    outcome: str
    delay: float


def told(annotation: str, delay: float) -> Fate:
    """Read the annotation; `delay` is the usual one. What cannot be read is logged and means ready."""
    what, _, when = annotation.strip().rpartition("after") if "after" in annotation else (annotation, "", "")
    word = what.strip().lower().replace("-", "").replace(" ", "")
    try:
        seconds = Duration.parse(when.strip()).seconds if when else delay
    except ValueError:
        log.warning("a simulated workload's delay cannot be read", extra={"annotation": annotation})
        seconds = delay
    if word and word not in _WORDS:
        log.warning("a simulated workload's fate is not known", extra={"annotation": annotation})
    return Fate(_WORDS.get(word, READY), max(0.0, seconds))


def named(pod_spec: Json, delay: float) -> Fate:
    """Read the fate from the names of the images."""
    for container in (*(pod_spec.get("initContainers") or ()), *(pod_spec.get("containers") or ())):
        for part in _PARTS.split(str(container.get("image", "")).lower().partition("@")[0]):
            if part in _WORDS and part != READY:
                return Fate(_WORDS[part], delay)
    return Fate(READY, delay)


def annotation(obj: Json) -> str | None:
    """Return what an object is told, if anything."""
    found: str | None = (obj["metadata"].get("annotations") or {}).get(ANNOTATION)
    return found
