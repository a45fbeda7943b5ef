"""What happens to an event before alerts see it: keys dropped, the same event told apart from a new one.

Answers to the event server of notification-controller. All of it is plain values; `Once` is its rate limit, one event
per key and interval.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from gotk.bounded import Bounded
from image_automation.notification.notice import EVENT_PREFIX, Notice

_REMEMBERED = 16384
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_KEYED = ("originRevision", "revision", "token")


def cleaned(notice: Notice) -> Notice:
    """Keep the metadata of the object's own group and the free keys; drop checksum and digest."""
    group = notice.involved_object.group
    dropped = {f"{group}/checksum", f"{group}/digest"}
    kept = {
        key: value
        for key, value in notice.facts.items()
        if key.startswith((EVENT_PREFIX, f"{group}/")) and key.lower() not in dropped
    }
    return msgspec.structs.replace(notice, metadata=kept)


def without_token(notice: Notice) -> Notice:
    """Drop the token, which only tells equal events apart."""
    key = f"{notice.involved_object.group}/token"
    if key not in notice.facts:
        return notice
    return msgspec.structs.replace(notice, metadata={k: v for k, v in notice.facts.items() if k != key})


def key(notice: Notice) -> str:
    """Return what makes an event the same as another one."""
    about = notice.involved_object
    parts = ["event", f"name={about.name}", f"namespace={about.namespace}", f"kind={about.kind}"]
    parts.append(f"message={notice.message}")
    named = {name: f"{about.group}/{name}" for name in _KEYED}
    parts += [f"{name}={notice.facts[found]}" for name, found in named.items() if found in notice.facts]
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Allowance:
    """Whether an event may pass, and in how many seconds it may (again)."""

    passes: bool
    reset: float

    def headers(self, now: datetime) -> dict[str, str]:
        """Return the headers that tell a sender: one event per interval, and when the next one passes."""
        until = (now + timedelta(seconds=self.reset)).astimezone(UTC)
        day, month = _DAYS[until.weekday()], _MONTHS[until.month - 1]
        date = f"{day}, {until.day:02} {month} {until.year} {until:%H:%M:%S} UTC"
        found = {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": date}
        if not self.passes:
            found["Retry-After"] = date
        return found


class Once:
    """Lets each key pass once per interval. Remembers a bounded number of keys, the latest."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._until: Bounded[str, float] = Bounded(_REMEMBERED)

    def __len__(self) -> int:
        return len(self._until)

    def ask(self, wanted: str, now: float) -> Allowance:
        """Tell whether the key passes at this time, and count it if so."""
        while (oldest := self._until.oldest()) and oldest[1] <= now:
            self._until.pop(oldest[0])
        until = self._until.peek(wanted)
        if until is not None and until > now:
            return Allowance(passes=False, reset=until - now)
        if self._interval > 0:
            self._until.put(wanted, now + self._interval)
        return Allowance(passes=True, reset=self._interval)
