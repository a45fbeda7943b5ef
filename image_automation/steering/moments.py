"""A moment as people write it: a time, a day, or how long from now."""

from datetime import UTC, datetime, timedelta

from gotk.duration import Duration
from image_automation.steering.cluster import CannotBeDoneError

FORMS = "2026-12-24T12:00:00Z, 2026-12-24 (its first moment in UTC), or 72h from now"


def read(text: str, now: datetime) -> datetime:
    """Return the moment that a text means. Raises ValueError, OverflowError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return now + timedelta(seconds=Duration.parse(text).seconds)
    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    if "T" in text or " " in text:
        raise ValueError(f"'{text}' names no time zone")
    return moment.replace(tzinfo=UTC)


def later(text: str, now: datetime) -> datetime:
    """Return the moment that a text means, later than now. Raises CannotBeDoneError."""
    try:
        moment = read(text, now)
    except (ValueError, OverflowError):
        raise CannotBeDoneError(f"'{text}' is no time: write {FORMS}") from None
    if moment <= now:
        raise CannotBeDoneError(f"'{text}' is over already: the cluster's clock says {now:%Y-%m-%dT%H:%M:%SZ}")
    return moment
