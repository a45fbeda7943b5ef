"""How long ago something was, in a few letters: the longer ago, the coarser.

Answers to `k8s.io/apimachinery/pkg/util/duration.HumanDuration`.
"""

import datetime as dt
from typing import Any


def age(time: Any, now: dt.datetime) -> str:
    """Say how long ago a time was: `5m3s`, `12d`, `2y40d`."""
    if not time:
        return "<unknown>"
    try:
        then = dt.datetime.fromisoformat(time)
    except (ValueError, TypeError):
        return "<invalid>"
    return human(int((now - then).total_seconds()) if then.tzinfo else 0)


def human(seconds: int) -> str:
    """Print a span with at most two units, as `duration.HumanDuration` does."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    steps: tuple[tuple[bool, str, str], ...] = (
        (seconds < -1, "<invalid>", ""),
        (seconds < 0, "0s", ""),
        (seconds < 120, f"{seconds}s", ""),
        (minutes < 10, f"{minutes}m", _rest(seconds % 60, "s")),
        (minutes < 180, f"{minutes}m", ""),
        (hours < 8, f"{hours}h", _rest(minutes % 60, "m")),
        (hours < 48, f"{hours}h", ""),
        (hours < 192, f"{days}d", _rest(hours % 24, "h")),
        (days < 730, f"{days}d", ""),
        (days < 2920, f"{days // 365}y", _rest(days % 365, "d")),
        (True, f"{days // 365}y", ""),
    )
    return next(large + small for fits, large, small in steps if fits)


def _rest(count: int, unit: str) -> str:
    return f"{count}{unit}" if count else ""
