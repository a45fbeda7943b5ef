"""How often a host is asked: again after a failure that passes, and not before it wants to be.

Three tries with growing, jittered pauses, as go-containerregistry makes. A `Retry-After` is clamped: short ones are
waited for, long ones become the error's `retry_after`, and while it lasts no request of the account goes to the host.
An account whose `RateLimit-Remaining` is down to nothing waits for the window's end without being told to. How many
conversations with a host run at once is its gate's business.
"""

import random
import re
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from gotk.http import errors
from gotk.http.limits import Gate

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How gently a host is asked now: `limit` of `most` conversations at once, with a `pause` between beginnings.

    `closed` is for how many seconds the host wants no requests of one account, 0 where it takes them of all.
    """

    most: int
    limit: int
    inside: int
    waiting: int
    pause: float
    closed: float = 0.0


_TRIES = 3
_PAUSE = 0.5
_PATIENCE = 10.0
_LONGEST = 3600.0
_PUSHED_BACK = frozenset({429, 503})
# A reset is a number of seconds or, at GitHub and GitLab, a moment in seconds since 1970.
_MOMENT = 1_000_000_000
_REMAINING = ("RateLimit-Remaining", "X-RateLimit-Remaining")
_RESET = ("RateLimit-Reset", "X-RateLimit-Reset")
_FIELD = re.compile(r"\b(remaining|reset|r|t)\s*=\s*(\d{1,15})", re.ASCII)


class Pace:
    """Runs requests by host and by who asks: waits, tries again, gives up.

    Limits are counted by account, so one account's do not hold another's scans up.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        chance: random.Random,
        per_host: int,
    ) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._chance = chance
        self._per_host = per_host
        self._gates: dict[str, Gate] = {}
        self._closed_until: dict[tuple[str, Hashable], float] = {}

    def standing(self) -> dict[str, Standing]:
        """Return how each host that was asked stands now."""
        now = self._monotonic()
        closed: dict[str, float] = {}
        for (host, _), until in self._closed_until.items():
            closed[host] = max(closed.get(host, 0.0), until - now)
        return {
            host: Standing(
                most=gate.most,
                limit=int(gate.limit),
                inside=gate.inside,
                waiting=gate.waiting,
                pause=gate.pause,
                closed=closed.get(host, 0.0),
            )
            for host, gate in self._gates.items()
        }

    def gate(self, host: str) -> Gate:
        """Return a host's gate."""
        gate = self._gates.get(host)
        if gate is None:
            gate = self._gates[host] = Gate(
                self._per_host, monotonic=self._monotonic, sleep=self._sleep, jitter=self._chance.uniform
            )
        return gate

    async def run(self, host: str, who: Hashable, request: Callable[[], Awaitable[T]]) -> T:
        """Run a request until it succeeds, fails for good or has been tried three times."""
        gate = self.gate(host)
        for attempt in range(1, _TRIES + 1):
            if self._closed_until:
                await self._wait_for(host, who)
            try:
                result = await request()
            except errors.HTTPError as error:
                if error.status in _PUSHED_BACK:
                    gate.pushed_back()
                if error.retry_after is not None and error.temporary:
                    self._closed_until[host, who] = self._monotonic() + error.retry_after
                if not error.temporary or attempt == _TRIES or (error.retry_after or 0) > _PATIENCE:
                    raise
            else:
                gate.succeeded()
                return result
            await self._sleep(_PAUSE * 3 ** (attempt - 1) * self._chance.uniform(0.5, 1.5))
        raise AssertionError("unreachable")

    def heed(self, host: str, who: Hashable, headers: Mapping[str, str], *, now: Callable[[], datetime]) -> None:
        """Take note of an answer's rate-limit headers."""
        if wait := exhausted(headers, now=now):
            self._closed_until[host, who] = self._monotonic() + wait

    async def _wait_for(self, host: str, who: Hashable) -> None:
        left = self._closed_until.get((host, who), 0.0) - self._monotonic()
        if left <= 0:
            self._closed_until.pop((host, who), None)
        elif left > _PATIENCE:
            raise errors.Unavailable(f"{host} wants no requests for another {left:.0f}s", status=429, retry_after=left)
        else:
            await self._sleep(left)


def retry_after(header: str | None, *, now: datetime | None = None) -> float | None:
    """Read a `Retry-After` header, in seconds or as a date, clamped to an hour; None where it is neither."""
    if not header:
        return None
    text = header.strip()[:64]
    if text.isascii() and text.isdigit():
        return min(float(text), _LONGEST)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - (now or datetime.now(UTC))).total_seconds(), 0.0), _LONGEST)


def exhausted(headers: Mapping[str, str], *, now: Callable[[], datetime]) -> float:
    """Return the seconds until an account's window of requests begins anew, clamped to an hour; 0 while some are left.

    Reads `RateLimit-Remaining` and `-Reset` with and without `X-`, and the one-header `RateLimit` of the newer drafts.
    """
    remaining = _first(headers, _REMAINING)
    if remaining is None and "RateLimit" not in headers:
        return 0.0
    reset = _first(headers, _RESET)
    if remaining is None:
        fields = {name[0:3]: value for name, value in _FIELD.findall(headers["RateLimit"][:256])}
        remaining = fields.get("rem", fields.get("r"))
        reset = fields.get("res", fields.get("t"))
    if remaining != "0" or reset is None:
        return 0.0
    seconds = float(reset)
    if seconds > _MOMENT:
        seconds -= now().timestamp()
    return min(max(seconds, 0.0), _LONGEST)


def _first(headers: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    """Return the leading number of the first of these headers (`98;w=21600` is 98)."""
    for name in names:
        if name in headers:
            number = headers[name].partition(";")[0].strip()
            return number if number.isascii() and number.isdigit() and len(number) < 16 else None
    return None
