"""How gently a host is asked, as whoever looks at it is told."""

import random

import pytest

from gotk.http import errors
from gotk.http.pace import Pace


async def test_how_gently_a_host_is_asked_can_be_told() -> None:
    clock = [100.0]

    async def sleep(seconds: float) -> None:
        clock[0] += seconds

    pace = Pace(monotonic=lambda: clock[0], sleep=sleep, chance=random.Random(1), per_host=10)

    async def refused() -> None:
        raise errors.Unavailable("busy", status=429, retry_after=60.0)

    assert pace.standing() == {}
    with pytest.raises(errors.Unavailable):
        await pace.run("busy.example.com", "me", refused)
    async with pace.gate("calm.example.com"):
        found = pace.standing()
    busy, calm = found["busy.example.com"], found["calm.example.com"]
    assert (busy.limit, busy.most, busy.closed, busy.pause > 0) == (5, 10, 60.0, True)
    assert (calm.limit, calm.inside, calm.waiting, calm.closed) == (10, 1, 0, 0.0)
    clock[0] += 61
    assert pace.standing()["busy.example.com"].closed == 0.0
