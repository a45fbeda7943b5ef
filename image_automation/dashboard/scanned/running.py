"""Which tags of an image run in which workloads, read as the person, for the list of images.

Workloads are not watched: they are listed when the page is asked for, and for some seconds the answer holds. Who may
not list those of all namespaces is asked for a few namespaces, and otherwise shown none.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from deploy.cluster import workloads
from gotk.bounded import Bounded
from gotk.kube import errors
from gotk.oci import name as names
from gotk.runtime.clock import Clock
from image_automation.dashboard.access import Reads
from image_automation.dashboard.page import Record

#: By name and tag of an image the workloads that run it, as `Kind/namespace/name`.
Runs = Mapping[str, Mapping[str, Sequence[str]]]

_KINDS: Final = (
    ("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"), ("batch/v1", "CronJob"),
)  # fmt: skip
_FRESH: Final = 15.0
_LONGEST: Final = 5.0
_REMEMBERED: Final = 200
_SPACES: Final = 10
_NAMED: Final = 5


class Run(Record, frozen=True, kw_only=True):
    """A tag that runs, and in how many workloads; a few of them by name."""

    tag: str
    times: int
    workloads: tuple[str, ...]


class Running:
    """Reads workloads, and remembers for a while what they run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: Bounded[Reads, tuple[float, Runs]] = Bounded(_REMEMBERED)

    async def of(self, reads: Reads, spaces: Sequence[str]) -> Runs:
        """Return what runs, as far as somebody may list it, `spaces` being the namespaces. Raises Unauthorized."""
        known = self._known.get(reads)
        if known is not None and self._clock.monotonic() < known[0]:
            return known[1]
        listed = await asyncio.gather(*(_list(reads, *kind, spaces) for kind in _KINDS))
        found = _by_image(obj for each in listed for obj in each)
        self._known.put(reads, (self._clock.monotonic() + _FRESH, found))
        return found


def of(runs: Runs, image: str) -> tuple[Run, ...]:
    """Return the tags of an image that run, the one that runs most first."""
    found = runs.get(_named(image), {})
    made = (Run(tag=tag, times=len(each), workloads=tuple(sorted(each)[:_NAMED])) for tag, each in found.items())
    return tuple(sorted(made, key=lambda run: (-run.times, run.tag)))


async def _list(reads: Reads, api_version: str, kind: str, spaces: Sequence[str]) -> list[dict[str, Any]]:
    try:
        async with asyncio.timeout(_LONGEST):
            try:
                return await reads.list_objects(api_version, kind)
            except errors.Forbidden:
                if len(spaces) > _SPACES:
                    return []
            return [obj for space in spaces for obj in await _within(reads, api_version, kind, space)]
    except errors.Unauthorized:
        raise
    except (errors.APIError, TimeoutError):
        return []


async def _within(reads: Reads, api_version: str, kind: str, space: str) -> list[dict[str, Any]]:
    try:
        return await reads.list_objects(api_version, kind, space)
    except errors.Forbidden:
        return []


def _by_image(objects: Iterable[Mapping[str, Any]]) -> Runs:
    found: dict[str, dict[str, list[str]]] = {}
    for obj in objects:
        metadata = obj.get("metadata") or {}
        workload = f"{obj.get('kind')}/{metadata.get('namespace')}/{metadata.get('name')}"
        for image in workloads.images(obj):
            name, _, tag = image.partition("@")[0].rpartition(":")
            if name and "/" not in tag:
                found.setdefault(_named(name), {}).setdefault(tag, []).append(workload)
    return found


def _named(image: str) -> str:
    """Return the full name of an image, however it is spelt."""
    try:
        return str(names.parse(image))
    except ValueError:
        return image
