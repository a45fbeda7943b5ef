"""How often a registry is asked: again after a failure that passes, and not before it wants to be.

Three tries with growing, jittered pauses, as go-containerregistry makes. A `Retry-After` is clamped: short ones are
waited for, long ones become the error's `retry_after`, and while it lasts no other scan of the account asks the host.
"""

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from gotk.oci import errors
from gotk.oci.keychain import Credentials

T = TypeVar("T")

_TRIES = 3
_PAUSE = 0.5
_PATIENCE = 10.0
_LONGEST = 3600.0


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
    ) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._chance = chance
        self._closed_until: dict[tuple[str, Credentials], float] = {}

    async def run(self, host: str, who: Credentials, request: Callable[[], Awaitable[T]]) -> T:
        """Run a request until it succeeds, fails for good or has been tried three times."""
        for attempt in range(1, _TRIES + 1):
            await self._wait_for(host, who)
            try:
                return await request()
            except errors.RegistryError as error:
                if error.retry_after is not None and error.temporary:
                    self._closed_until[host, who] = self._monotonic() + error.retry_after
                if not error.temporary or attempt == _TRIES or (error.retry_after or 0) > _PATIENCE:
                    raise
            await self._sleep(_PAUSE * 3 ** (attempt - 1) * self._chance.uniform(0.5, 1.5))
        raise AssertionError("unreachable")

    async def _wait_for(self, host: str, who: Credentials) -> None:
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
