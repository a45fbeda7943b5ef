"""What keeps the door usable under a flood: a rate for each source, and a memory of deliveries. Both of fixed size."""

import hashlib
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
    """The deliveries of the window, by receiver and id. A flood at one receiver makes no other one forget."""

    def __init__(self, *, clock: Clock, size: int = 4096, receivers: int = 512) -> None:
        self._clock = clock
        self._size = size
        self._receivers = receivers
        self._seen: OrderedDict[str, OrderedDict[bytes, datetime]] = OrderedDict()

    def is_replay(self, receiver: str, ids: tuple[str, ...]) -> bool:
        """Tell whether the delivery came before."""
        seen, now = self._of(receiver), self._clock.now()
        while seen and now - next(iter(seen.values())) > WINDOW:
            seen.popitem(last=False)
        return any(_key(each) in seen for each in ids)

    def remember(self, receiver: str, ids: tuple[str, ...]) -> None:
        """Remember a delivery."""
        seen = self._of(receiver)
        for each in ids:
            seen[_key(each)] = self._clock.now()
            if len(seen) > self._size:
                seen.popitem(last=False)

    def forget(self, receiver: str, ids: tuple[str, ...]) -> None:
        """Forget a delivery that failed on our side, so that the sender may try again."""
        for each in ids:
            self._of(receiver).pop(_key(each), None)

    def _of(self, receiver: str) -> OrderedDict[bytes, datetime]:
        seen = self._seen.setdefault(receiver, OrderedDict())
        self._seen.move_to_end(receiver)
        if len(self._seen) > self._receivers:
            self._seen.popitem(last=False)
        return seen


def _key(text: str) -> bytes:
    """Return a name of fixed size for an id, which may be of any."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()[:16]
