"""cdevents: events of the CDEvents specification 0.4, by `Ce-Type`.

Answers to notification-controller's receiver, which proves nothing but the form: the path is the secret.
"""

import re
from typing import Any

from image_automation.notification.receivers.call import Accepted, Call, RefusedError, check_event, dig, parse_time

_TYPE = re.compile(r"dev\.cdevents\.[a-z]+\.[a-z]+\.\d+\.\d+\.\d+(-[a-z0-9.]+)?")


def verify(call: Call) -> Accepted:
    """Check that the body is an event of the specification, and the one that the headers say. Raises RefusedError."""
    context, subject = _parts(call.object())
    for name in ("id", "source", "type", "timestamp"):
        if not dig(context, name):
            raise RefusedError(f"the CDEvent has no context.{name}")
    version = dig(context, "specversion") or dig(context, "version")
    if not version.startswith("0.4"):
        raise RefusedError("the CDEvent is not of the specification 0.4")
    if not _TYPE.fullmatch(dig(context, "type")) or parse_time(dig(context, "timestamp")) is None:
        raise RefusedError("the CDEvent's type or time is malformed")
    if not dig(subject, "id") or not isinstance(subject.get("content"), dict):
        raise RefusedError("the CDEvent's subject lacks id or content")
    check_event(call, "Ce-Type")
    return Accepted(ids=(f"{dig(context, 'source')} {dig(context, 'id')}",))


def _parts(body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    context, subject = body.get("context"), body.get("subject")
    if not isinstance(context, dict) or not isinstance(subject, dict):
        raise RefusedError("the CDEvent has no context or no subject")
    return context, subject
