"""Which versions live objects have, many asked for at once: what has not changed since it was in sync needs no look.

A Kustomization at rest would read each of its objects in each interval. Where many objects of one kind in one namespace
are asked for within a short time, one list of names and versions answers for all of them, for as long as whoever asks
lets it be old. Few are read one by one, as is everything where lists are forbidden: a list must not cost more than it
saves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.cluster import ports
from deploy.cluster.inventory import Item
from gotk.bounded import Bounded
from gotk.http.flights import Flights
from gotk.kube.errors import APIError
from gotk.runtime.clock import Clock

#: Within how many seconds objects are asked for together.
TOGETHER = 30.0
_FEWEST = 8
#: How many objects a list may have for each one that is asked for.
_WORTH = 20
_REFUSED = 600.0
_KINDS = 512
_NONE: Mapping[str, str] = {}

#: API version, kind and namespace.
Place = tuple[str, str, str]


@dataclass(slots=True)
class _Known:
    """What is known of one kind in one namespace, and how often it was asked for in one go.

    `before` tells of the goes before, the last one of which may have caught few of those that ask in turn.
    """

    versions: Mapping[str, str] = field(default_factory=dict)
    size: int = 0
    taken: float = float("-inf")
    since: float = float("-inf")
    asked: int = 0
    before: int = 0
    refused_until: float = float("-inf")

    def count(self, now: float, asks: int) -> int:
        """Count asks, and return how many there were in this time, or in one of the last that there were any."""
        if now - self.since >= TOGETHER:
            self.since, self.asked, self.before = now, 0, max(self.asked, self.before // 2)
        self.asked += asks
        return max(self.asked, self.before)


class Versions:
    """The versions of the objects of one cluster, as one account sees them."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._known: Bounded[Place, _Known] = Bounded(_KINDS)
        self._flights: Flights[Place, Mapping[str, str]] = Flights()

    async def of(self, item: Item, cluster: ports.Cluster, *, lag: float) -> str:
        """Return the version that an object had `lag` seconds ago at most; empty where it is to be read by itself."""
        return (await self.at(place_of(item), cluster, lag=lag)).get(item.id.name, "")

    def known(self, place: Place, *, lag: float, asks: int) -> Mapping[str, str] | None:
        """Return what `at` does where nobody has to be asked for it, else None."""
        known = self._known.get(place)
        now = self._clock.monotonic()
        if known is None or now - known.taken > min(lag, TOGETHER):
            return None
        known.count(now, asks)
        return known.versions

    async def at(self, place: Place, cluster: ports.Cluster, *, lag: float, asks: int = 1) -> Mapping[str, str]:
        """Return the versions of all objects of a place by name, for as many asks; none where they are to be read."""
        known = self._known.get(place)
        if known is None:
            known = _Known()
            self._known.put(place, known)
        now = self._clock.monotonic()
        asked = known.count(now, asks)
        if now - known.taken > min(lag, TOGETHER):
            if asked < max(_FEWEST, known.size / _WORTH) or now < known.refused_until:
                return _NONE
            await self._list(place, known, cluster)
            if asked < known.size / _WORTH:  # more than it is worth: not kept, and not asked for again
                known.versions, known.taken = {}, float("-inf")
        return known.versions

    async def _list(self, place: Place, known: _Known, cluster: ports.Cluster) -> None:
        began = self._clock.monotonic()
        try:
            known.versions = await self._flights.share(place, lambda: cluster.versions(*place))
            known.taken, known.size = max(known.taken, began), len(known.versions)
        except APIError as error:  # of one that passes soon, reading all of them for long would be the worse for it
            known.versions, known.refused_until = {}, began + (TOGETHER if error.temporary else _REFUSED)


def place_of(item: Item) -> Place:
    """Return where an object is listed."""
    return item.api_version, item.id.kind, item.id.namespace
