"""What keeps the door usable under a flood: a rate for each source, and a memory of deliveries. Both of fixed size."""

import hashlib
from datetime import datetime, timedelta

from gotk.bounded import Bounded
from gotk.runtime.clock import Clock

#: How long a delivery is remembered.
WINDOW = timedelta(hours=1)


class Buckets:
    """Token buckets by key: so many calls at once, so many a second afterwards. The least used key is forgotten."""

    def __init__(self, *, clock: Clock, burst: float, rate: float, keys: int = 4096) -> None:
        self._clock = clock
        self._burst = burst
        self._rate = rate
        self._left: Bounded[str, tuple[float, float]] = Bounded(keys)

    def take(self, key: str) -> bool:
        """Take a token; False where there is none left."""
        now = self._clock.monotonic()
        left, at = self._left.peek(key) or (self._burst, now)
        left = min(self._burst, left + (now - at) * self._rate)
        self._left.put(key, (max(left - 1.0, 0.0), now))
        return left >= 1.0


class Replays:
    """The deliveries of the window, by receiver and id. A flood at one receiver makes no other one forget."""

    def __init__(self, *, clock: Clock, size: int = 4096, receivers: int = 512) -> None:
        self._clock = clock
        self._size = size
        self._seen: Bounded[str, Bounded[bytes, datetime]] = Bounded(receivers)

    def is_replay(self, receiver: str, ids: tuple[str, ...]) -> bool:
        """Tell whether the delivery came before."""
        seen, now = self._of(receiver), self._clock.now()
        while (oldest := seen.oldest()) and now - oldest[1] > WINDOW:
            seen.pop(oldest[0])
        return any(_key(each) in seen for each in ids)

    def remember(self, receiver: str, ids: tuple[str, ...]) -> None:
        """Remember a delivery."""
        seen = self._of(receiver)
        for each in ids:
            seen.put(_key(each), self._clock.now())

    def forget(self, receiver: str, ids: tuple[str, ...]) -> None:
        """Forget a delivery that failed on our side, so that the sender may try again."""
        for each in ids:
            self._of(receiver).pop(_key(each))

    def _of(self, receiver: str) -> Bounded[bytes, datetime]:
        seen = self._seen.get(receiver)
        if seen is None:
            seen = Bounded(self._size)
            self._seen.put(receiver, seen)
        return seen


def _key(text: str) -> bytes:
    """Return a name of fixed size for an id, which may be of any."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()[:16]
