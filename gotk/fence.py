"""What everything that changes the world outside asks at the last moment: may this process write still, and how long?

The answer is that of the fence in `gotk.runtime.leader_election`; it is asked where requests leave the process, so that
nobody needs to remember to ask (ADR 0056).
"""

from collections.abc import Callable


class Closed(Exception):
    """This process may not write (any more): another replica may be the leader."""


def limit(timeout: float, write_time: Callable[[], float] | None) -> float:
    """Return for how many seconds a write may take, at most `timeout`. Raises Closed where none may be sent.

    `write_time` tells for how many seconds this process may write still; None is for ever.
    """
    left = timeout if write_time is None else write_time()
    if left <= 0:
        raise Closed("this replica is not the leader (any more)")
    return min(timeout, left)
