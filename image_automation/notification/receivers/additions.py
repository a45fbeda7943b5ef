"""artifactory and distribution: registries that Flux has no receiver for.

JFrog signs its body with the webhook's secret (`use_secret_for_signing`) or sends the secret plainly. A Docker
distribution registry sends the headers that it was configured with, its own media type, and tells of pulls too: these
wake nobody, else a scan that reads a manifest would ask for the next one.
"""

from typing import Any

from image_automation.notification.receivers import signature
from image_automation.notification.receivers.call import Accepted, Call, Pushed, RefusedError, dig, pushed, same

_MOST = 100


def artifactory(call: Call) -> Accepted:
    """Check `X-JFrog-Event-Auth`: the HMAC-SHA256 of the body, or the secret itself. Raises RefusedError."""
    given = call.header("X-JFrog-Event-Auth")
    expected = [call.token, signature.sign(call.body, call.token).encode()] if call.token else []
    if not _matches(given, expected):
        raise RefusedError("X-JFrog-Event-Auth does not match")
    body = call.object()
    found: tuple[Pushed, ...] = ()
    if dig(body, "domain") == "docker" and dig(body, "event_type") == "pushed":
        name, tag = dig(body, "data", "image_name"), dig(body, "data", "tag")
        # The repository is a part of the image's path, or of its host: as the registry is set up.
        found = pushed((name, tag), (f"{dig(body, 'data', 'repo_key')}/{name}" if name else "", tag))
    return Accepted(pushed=found)


def distribution(call: Call) -> Accepted:
    """Check that `Authorization` is the token, bare or as a bearer's; events have ids. Raises RefusedError."""
    if not _matches(call.header("Authorization"), [call.token, b"Bearer " + call.token] if call.token else []):
        raise RefusedError("Authorization does not match")
    body = call.object()
    events: Any = body.get("events")
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise RefusedError("the body has no list of events")
    changes = [event for event in events[:_MOST] if dig(event, "action") != "pull"]
    pushes = [event for event in changes if dig(event, "action") == "push"]
    return Accepted(
        ids=tuple(each for event in changes if (each := dig(event, "id"))),
        request=body,
        pushed=pushed(*((dig(event, "target", "repository"), dig(event, "target", "tag")) for event in pushes)),
        idle=not changes,
    )


def _matches(given: str, expected: list[bytes]) -> bool:
    """Compare with each, so that it takes the same time whichever it is."""
    return any([same(given, each) for each in expected])  # noqa: C419 - all are compared
