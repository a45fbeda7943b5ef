"""What keeps the door usable under a flood: a rate for each source, and a memory of deliveries. Both of fixed size."""

from collections import OrderedDict
from datetime import datetime, timedelta

from gotk.runtime.clock import Clock

#: How long a delivery is remembered.
WINDOW = timedelta(hours=1)


class Buckets:
    """Token buckets by key: so many calls at once, so many a second afterwards. The least used key is forgotten."""

    def __init__(self, *, clock: Clock, burst: float, rate: float, keys: int = 4096) -> None:
        self._clock = clock
        self._burst = burst
        self._rate = rate
        self._keys = keys
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Take a token; False where there is none left."""
        now = self._clock.monotonic()
        left, at = self._left.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        self._left[key] = (max(left - 1.0, 0.0), now)
        if len(self._left) > self._keys:
            self._left.popitem(last=False)
        return left >= 1.0


class Replays:
    """The deliveries of the window, by receiver and id."""

    def __init__(self, *, clock: Clock, size: int = 16384) -> None:
        self._clock = clock
        self._size = size
        self._seen: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def is_replay(self, receiver: str, ids: tuple[str, ...]) -> bool:
        """Tell whether the delivery came before."""
        now = self._clock.now()
        while self._seen and now - next(iter(self._seen.values())) > WINDOW:
            self._seen.popitem(last=False)
        return any((receiver, each[:256]) in self._seen for each in ids)

    def remember(self, receiver: str, ids: tuple[str, ...]) -> None:
        """Remember a delivery."""
        for each in ids:
            self._seen[(receiver, each[:256])] = self._clock.now()
            if len(self._seen) > self._size:
                self._seen.popitem(last=False)

    def forget(self, receiver: str, ids: tuple[str, ...]) -> None:
        """Forget a delivery that failed on our side, so that the sender may try again."""
        for each in ids:
            self._seen.pop((receiver, each[:256]), None)
