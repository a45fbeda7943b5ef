"""Whether the version that a policy chose runs, where, and how long each step of its way took: values in, words out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from deploy.cluster.workloads import Workload
from gotk.api.image import ImageRef
from gotk.duration import Duration
from gotk.oci import name as names
from gotk.runtime.clock import parse_rfc3339, rfc3339
from image_automation.app.telling.journey import Journey

_MOST: Final = 5


@dataclass(frozen=True, slots=True)
class Reached:
    """A version runs in workloads of an applier (`Kind/namespace/name`). `times` are those of the steps, in order."""

    ref: ImageRef
    previous: str
    commit: str
    applier: str
    workloads: tuple[str, ...]
    times: Mapping[str, datetime]

    @property
    def message(self) -> str:
        """What the event says."""
        shown = ", ".join(self.workloads[:_MOST])
        more = f" and {len(self.workloads) - _MOST} more" if len(self.workloads) > _MOST else ""
        before = f" (previously '{self.previous}')" if self.previous else ""
        where = f"image tag '{self.ref.tag}' of '{self.ref.name}'{before} runs in {shown}{more} by {self.applier}"
        steps = ", ".join(f"{step} after {_span(seconds)}" for step, seconds in self._steps())
        return f"{where}: {steps}" if steps else where

    @property
    def metadata(self) -> dict[str, str]:
        """What the event carries, but for the API group before each key."""
        found = {"old": self.previous, "new": self.ref.tag, "commit": self.commit, "applier": self.applier}
        found |= {f"{step}At": rfc3339(time) for step, time in self.times.items()}
        found |= {f"{step}AfterSeconds": f"{seconds:.0f}" for step, seconds in self._steps()}
        return {key: value for key, value in found.items() if value}

    def _steps(self) -> Iterator[tuple[str, float]]:
        """Yield how long each step took since the one before; clocks that disagree make no negative time."""
        times = list(self.times.items())
        for (_, before), (step, time) in pairwise(times):
            yield step, max(0.0, (time - before).total_seconds())


def of(ref: ImageRef, journey: Journey, applier: str, workloads: Iterable[Workload], now: datetime) -> Reached | None:
    """Tell whether a version runs in the workloads of an applier; None while one of them is still on its way there."""
    having = [each for each in workloads if any(is_same(image, ref) for image in each.images)]
    if not having or not all(each.is_ready for each in having):
        return None
    return Reached(
        ref=ref,
        previous=journey.previous,
        commit=journey.commit,
        applier=applier,
        workloads=tuple(sorted(each.name for each in having)),
        times=dict(_times(journey, having, now)),
    )


def is_same(image: str, ref: ImageRef) -> bool:
    """Tell whether a workload's image is the one that a policy chose, however either is spelt."""
    tagged, _, digest = image.partition("@")
    name, _, tag = tagged.rpartition(":")
    try:
        if tag != ref.tag or names.parse(name) != names.parse(ref.name):
            return False
    except ValueError:
        return False
    return not ref.digest or not digest or digest == ref.digest


def _span(seconds: float) -> Duration:
    return Duration(round(seconds) * 10**9)


def _times(journey: Journey, having: Sequence[Workload], now: datetime) -> Iterator[tuple[str, datetime]]:
    for step, text in (("chosen", journey.chosen), ("committed", journey.committed)):
        if text:
            yield step, parse_rfc3339(text)
    applied = [each.applied for each in having]
    if all(applied):
        last = max(filter(None, applied))
        yield "applied", last
        yield "ready", max(last, *(each.ready or now for each in having))
